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
  /** Memory for the next bytes, at least one. Asked for before each read. */
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
  /** Starts reading. To be called once, in the turn that gave the connection. */
  receive(receiver: Receiver): void;
  resume(): void;
  /**
   * Queues the pieces, in order. They must not change until `flushed` is called, once: when the kernel has taken them or the
   * connection is gone.
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
  /** @throws NetworkError in-use. */
  listen(address: Address, accept: (connection: Connection) => void): Promise<Listener>;
  /** @throws NetworkError refused, unreachable, timeout. */
  connect(address: Address, options?: { readonly timeoutMs?: number }): Promise<Connection>;
}

export type NetworkErrorKind = "in-use" | "refused" | "unreachable" | "timeout" | "reset" | "handles";

export class NetworkError extends Error {
  override readonly name = "NetworkError";
  readonly kind: NetworkErrorKind;

  constructor(kind: NetworkErrorKind, detail: string, options?: ErrorOptions) {
    super(`${kind}: ${detail}`, options);
    this.kind = kind;
  }
}
