/**
 * Why a payload was not decompressed: `corrupt`, it is not what its codec's name says; `tooLarge`, it would take more bytes than
 * the caller allows; `unsupported`, no such codec here.
 */
export class CompressionError extends Error {
  override readonly name = "CompressionError";
  readonly reason: "corrupt" | "tooLarge" | "unsupported";

  constructor(reason: "corrupt" | "tooLarge" | "unsupported", detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.reason = reason;
  }
}

export function corrupt(detail: string, options?: ErrorOptions): CompressionError {
  return new CompressionError("corrupt", detail, options);
}

export function tooLarge(maxBytes: number): CompressionError {
  return new CompressionError("tooLarge", `it decompresses to more than ${maxBytes} bytes`);
}
