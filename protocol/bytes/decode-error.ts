/** Bytes that are not the message they claim to be. The connection that sent them is closed. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}
