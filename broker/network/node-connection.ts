/**
 * One TCP connection of node:net behind the Network seam.
 *
 * Owns: reading straight into the receiver's memory, one writev per write, and telling each ending once. A socket takes the
 * memory to read into (`onread`) only when it is made, and net.Server makes its own; so the accepted handle is wrapped anew.
 * That handle is undocumented: where it is missing (Bun), chunks arrive by `data` events and are copied.
 */
import { Socket, type SocketConstructorOpts } from "node:net";
import type { Address, Connection, Receiver } from "./network.ts";

/** For a read that nobody waits for any more. */
const NOWHERE = Buffer.allocUnsafeSlow(1);

interface RawHandle {
  readonly useUserBuffer?: unknown;
}

export class NodeConnection implements Connection {
  readonly remoteAddress: Address;
  readonly localAddress: Address;
  private socket: Socket;
  private receiver: Receiver | undefined;
  private error: Error | undefined;
  private gone = false;
  /** One per write that asked for it, in order of writing. */
  private readonly flushes: (() => void)[] = [];
  /** Fallback only: bytes read but not taken yet. */
  private untaken: Buffer | undefined;

  /** @param socket connected and paused. */
  constructor(socket: Socket) {
    this.socket = socket;
    this.remoteAddress = { host: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 };
    this.localAddress = { host: socket.localAddress ?? "", port: socket.localPort ?? 0 };
    this.listenForEndings(socket);
  }

  get unsentBytes(): number {
    return this.socket.writableLength;
  }

  receive(receiver: Receiver): void {
    this.receiver = receiver;
    if (this.gone) {
      receiver.closed(this.error);
      return;
    }
    const handle = (this.socket as unknown as { _handle?: RawHandle | null })._handle;
    if (typeof handle?.useUserBuffer === "function") this.readDirectly(receiver, handle);
    else this.readChunks(receiver);
  }

  private readDirectly(receiver: Receiver, handle: RawHandle): void {
    const accepted = this.socket as Socket & { _handle: RawHandle | null };
    accepted.removeAllListeners();
    const options = {
      handle,
      allowHalfOpen: true,
      onread: {
        buffer: () => (this.gone ? NOWHERE : receiver.target()),
        callback: (sizeBytes: number) => this.gone || receiver.received(sizeBytes),
      },
    };
    const socket = new Socket(options as SocketConstructorOpts);
    // Without its handle the first wrapper is only a count in its server, which this takes back.
    accepted._handle = null;
    accepted.destroy();
    this.socket = socket;
    this.listenForEndings(socket);
    socket.on("end", () => receiver.ended());
  }

  private readChunks(receiver: Receiver): void {
    this.socket.on("data", (chunk: Buffer) => this.take(chunk, receiver));
    this.socket.on("end", () => receiver.ended());
    this.socket.resume();
  }

  private take(chunk: Buffer, receiver: Receiver): void {
    let taken = 0;
    while (taken < chunk.length && !this.gone) {
      const target = receiver.target();
      const sizeBytes = chunk.copy(target, 0, taken);
      taken += sizeBytes;
      if (!receiver.received(sizeBytes)) {
        this.untaken = taken < chunk.length ? chunk.subarray(taken) : undefined;
        this.socket.pause();
        return;
      }
    }
  }

  resume(): void {
    if (this.gone) return;
    const rest = this.untaken;
    if (rest !== undefined && this.receiver !== undefined) {
      this.untaken = undefined;
      this.take(rest, this.receiver);
      if (this.untaken !== undefined) return;
    }
    this.socket.resume();
  }

  write(pieces: readonly Buffer[], flushed?: () => void): void {
    if (this.gone) {
      if (flushed !== undefined) queueMicrotask(flushed);
      return;
    }
    const last = pieces.length - 1;
    const { socket } = this;
    if (last > 0) {
      socket.cork();
      for (let i = 0; i < last; i++) socket.write(pieces[i] as Buffer);
    }
    const piece = pieces[last] ?? Buffer.alloc(0);
    if (flushed === undefined) {
      socket.write(piece);
    } else {
      this.flushes.push(flushed);
      socket.write(piece, this.nextFlushed);
    }
    if (last > 0) socket.uncork();
  }

  /** Writes end in the order they were given, so that one function serves them all. */
  private readonly nextFlushed = (): void => this.flushes.shift()?.();

  end(): void {
    if (!this.gone) this.socket.end();
  }

  destroy(options?: { readonly reset?: boolean }): void {
    if (this.gone) return;
    if (options?.reset === true) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  private listenForEndings(socket: Socket): void {
    socket.on("error", (error) => {
      this.error = error;
    });
    socket.on("close", () => this.close());
  }

  private close(): void {
    this.gone = true;
    while (this.flushes.length > 0) this.nextFlushed();
    this.receiver?.closed(this.error);
  }
}
