/**
 * An outcome that the protocol names: turned into its code at one boundary per partition or request.
 *
 * Not for bugs (assert) nor for a seam's own failures (DiskError, ...).
 */
import { ErrorCode, errorName } from "./error-codes.ts";

export class KafkaError extends Error {
  override readonly name = "KafkaError";
  readonly code: ErrorCode;

  /** @param detail sent to clients where the API has room for it. */
  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    // It is an answer, and one request may have a million of them: to note where each came from takes longer than all the rest.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(detail ?? errorName(code) ?? String(code), options);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
  }
}

/** The code of an outcome; anything that is no KafkaError is a bug and answers UNKNOWN_SERVER_ERROR. */
export function errorCodeOf(error: unknown): ErrorCode {
  return error instanceof KafkaError ? error.code : ErrorCode.UNKNOWN_SERVER_ERROR;
}
