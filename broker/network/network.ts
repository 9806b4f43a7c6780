/**
 * The network as an argument: byte streams between addresses, with back-pressure and honest endings.
 *
 * Received bytes go straight into memory the receiver names, so that a large frame is read into its own buffer and nothing is
 * copied on the way.
 */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where received bytes go. All calls come from the event loop, one after the other. */
export interface Receiver {
  /**
   * Memory for the next bytes, at least one. Asked for once per received(), right after the one before: the bytes may come
   * much later, even if that one returned false, so memory that receivers share must hold nothing in between.
   */
  target(): Buffer;
  /** `sizeBytes` have been written to the start of the last target. False stops reading until resume(). */
  received(sizeBytes: number): boolean;
  /** The peer sent its end (FIN); what it sent before has been received. Writing may go on. */
  ended(): void;
  /** The connection is gone, for whatever reason; no call follows. */
  closed(error: Error | undefined): void;
}

export interface Connection {
  readonly remoteAddress: Address;
  readonly localAddress: Address;
  /** Bytes given to write() that the kernel has not taken yet. */
  readonly unsentBytes: number;
  /** Starts reading; until then nothing is read. To be called once. */
  receive(receiver: Receiver): void;
  /** Goes on reading after received() returned false; does nothing otherwise. */
  resume(): void;
  /**
   * Queues the pieces, in order, as one write. They must not change until `flushed` is called, once and in a later turn: when
   * the kernel has taken them or the connection is gone.
   */
  write(pieces: readonly Buffer[], flushed?: () => void): void;
  /** Sends the end after everything written. */
  end(): void;
  /** Closes at once; what is unsent is dropped. `reset` sends RST, as a killed process does. */
  destroy(options?: { readonly reset?: boolean }): void;
}

export interface Listener {
  /** With the port that was given, where 0 was asked for. */
  readonly address: Address;
  /** Accepts no more; connections that are open stay open. */
  close(): Promise<void>;
}

export interface Network {
  /**
   * @param onTrouble told when connections cannot be accepted for a while (no file handles left); accepting goes on by itself.
   * @throws NetworkError in-use, unreachable (no such address here), denied.
   */
  listen(
    address: Address,
    accept: (connection: Connection) => void,
    onTrouble?: (error: NetworkError) => void,
  ): Promise<Listener>;
  /** @throws NetworkError refused, unreachable, timeout, reset, handles. */
  connect(address: Address, options?: { readonly timeoutMs?: number }): Promise<Connection>;
}

export type NetworkErrorKind = "in-use" | "refused" | "unreachable" | "denied" | "timeout" | "reset" | "handles";

export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly kind: NetworkErrorKind;

  constructor(kind: NetworkErrorKind, detail: string, options?: ErrorOptions) {
    super(`${kind}: ${detail}`, options);
    this.kind = kind;
  }
}
