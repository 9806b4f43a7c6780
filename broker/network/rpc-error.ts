/** Why a request to another node has no answer. */
export type RpcErrorKind =
  /** The connection could not be made or was lost; the other node may or may not have acted. */
  | "disconnected"
  /** No answer in time; the connection is closed with it. */
  | "timeout"
  /** The other node sent what is no answer to this; the connection is closed with it. */
  | "malformed"
  /** No version that both nodes speak; nothing was sent. */
  | "unsupported-version"
  /** Too many requests are under way; nothing was sent. */
  | "busy"
  /** Closed from this side. */
  | "closed";

export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly kind: RpcErrorKind;

  constructor(kind: RpcErrorKind, detail: string, options?: ErrorOptions) {
    super(`${kind}: ${detail}`, options);
    this.kind = kind;
  }
}
