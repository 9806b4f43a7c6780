/**
 * What a user can mend: shown as one line, without a stack, and the command ends with exit code 1.
 */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** By its name: the compiled start command has a class of its own. */
export function isCommandError(error: unknown): error is CommandError {
  return error instanceof Error && error.name === "CommandError";
}
