/**
 * What a user can mend: shown as one line, without a stack, and the command ends with exit code 1.
 */
export class CommandError extends Error {
  override readonly name = "CommandError";
}
