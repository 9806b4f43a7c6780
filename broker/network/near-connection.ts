/**
 * One end of a connection between two nodes of one process: no socket, and bytes are copied once, from the writer's memory into the
 * reader's.
 *
 * Owns: order, back-pressure and endings, as TCP has them. Leaves to NodeNearNetwork: who is joined to whom.
 * Invariant: nothing is told in the turn that causes it; what is written stays the writer's, and is referred to, until `flushed`.
 */
import { type Address, type Connection, NetworkError, type Receiver } from "./network.ts";

interface Arrival {
  readonly pieces: readonly Buffer[];
  /** Pieces that have been read, and of the next one how many bytes. */
  readPieces: number;
  readBytes: number;
  readonly flushed: (() => void) | undefined;
  /** The other side's end comes here instead. */
  readonly isEnd: boolean;
}

/** So much is read of one connection in a turn, then others have theirs. */
const MAX_TURN_BYTES = 2 * 1024 * 1024;

export class NearConnection implements Connection {
  readonly localAddress: Address;
  readonly remoteAddress: Address;
  private readonly later: (run: () => void) => void;
  private peer!: NearConnection;
  private receiver: Receiver | undefined;
  private target: Buffer | undefined;
  private paused = false;
  private ended = false;
  private peerEnded = false;
  /** Nothing more is read or written; `closed` may still be on its way. */
  private gone = false;
  private error: Error | undefined;
  /** Written by the other side and not read. */
  private arriving: Arrival[] = [];
  private arrivingBytes = 0;
  private deliveryIsDue = false;

  /** @param later runs something in a later turn, in order. */
  constructor(localAddress: Address, remoteAddress: Address, later: (run: () => void) => void) {
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
    this.later = later;
  }

  /** Makes two ends one connection. */
  static join(a: NearConnection, b: NearConnection): void {
    a.peer = b;
    b.peer = a;
  }

  get unsentBytes(): number {
    return this.gone ? 0 : this.peer.arrivingBytes;
  }

  receive(receiver: Receiver): void {
    this.receiver = receiver;
    if (this.gone) {
      this.later(() => receiver.closed(this.error));
      return;
    }
    this.target = receiver.target();
    this.deliverLater();
  }

  resume(): void {
    if (this.gone || !this.paused) return;
    this.paused = false;
    this.deliverLater();
  }

  write(pieces: readonly Buffer[], flushed?: () => void): void {
    if (!this.gone && !this.ended && !this.peer.gone) {
      this.peer.arrive({ pieces, readPieces: 0, readBytes: 0, flushed, isEnd: false });
      return;
    }
    if (flushed !== undefined) this.later(flushed);
    if (!this.gone && !this.ended) this.die(new NetworkError("reset", "the other side is gone"));
  }

  end(): void {
    if (this.gone || this.ended) return;
    this.ended = true;
    if (!this.peer.gone) this.peer.arrive({ pieces: [], readPieces: 0, readBytes: 0, flushed: undefined, isEnd: true });
    this.closeIfBothEnded();
  }

  destroy(options?: { readonly reset?: boolean }): void {
    if (this.gone) return;
    const { peer } = this;
    // Unread bytes make a goodbye a reset, as in TCP.
    const isReset = options?.reset === true || this.arrivingBytes > 0;
    if (!isReset) this.end();
    this.die(undefined);
    if (isReset) this.later(() => peer.die(new NetworkError("reset", "the other side is gone")));
    else peer.own();
  }

  private arrive(arrival: Arrival): void {
    this.arriving.push(arrival);
    for (const piece of arrival.pieces) this.arrivingBytes += piece.length;
    this.deliverLater();
  }

  private deliverLater(): void {
    if (this.deliveryIsDue || this.paused || this.receiver === undefined || this.arriving.length === 0) return;
    this.deliveryIsDue = true;
    this.later(this.deliver);
  }

  private readonly deliver = (): void => {
    this.deliveryIsDue = false;
    const flushes: (() => void)[] = [];
    const { receiver } = this;
    let leftBytes = MAX_TURN_BYTES;
    while (receiver !== undefined && !this.gone && !this.paused && this.arriving.length > 0 && leftBytes > 0) {
      const sizeBytes = this.fill((this.target as Buffer).subarray(0, leftBytes), flushes);
      if (sizeBytes === 0) {
        this.readEnding(receiver);
        continue;
      }
      leftBytes -= sizeBytes;
      this.paused = !receiver.received(sizeBytes);
      if (!this.gone) this.target = receiver.target();
    }
    this.deliverLater();
    for (const flushed of flushes) flushed();
  };

  /** Copies what has arrived, up to the other side's end; returns how much it was. */
  private fill(target: Buffer, flushes: (() => void)[]): number {
    let filled = 0;
    for (let first = this.arriving[0]; first !== undefined && !first.isEnd; first = this.arriving[0]) {
      for (; first.readPieces < first.pieces.length && filled < target.length; ) {
        const piece = first.pieces[first.readPieces] as Buffer;
        const count = piece.copy(target, filled, first.readBytes);
        filled += count;
        first.readBytes += count;
        if (first.readBytes < piece.length) break;
        first.readPieces++;
        first.readBytes = 0;
      }
      if (first.readPieces < first.pieces.length) break;
      this.arriving.shift();
      if (first.flushed !== undefined) flushes.push(first.flushed);
    }
    this.arrivingBytes -= filled;
    return filled;
  }

  /** Behind the last byte. A write of no bytes leaves nothing to read either. */
  private readEnding(receiver: Receiver): void {
    if (this.arriving[0]?.isEnd !== true) return;
    this.arriving.shift();
    this.peerEnded = true;
    receiver.ended();
    // Nobody is left to read what is written: TCP tells that to whoever writes, and a request that waits need not wait for it.
    if (this.peer.gone) this.die(undefined);
    else this.closeIfBothEnded();
  }

  /** The writer is gone: what it wrote is kept here, as a kernel keeps it. */
  private own(): void {
    this.arriving = this.arriving.map((arrival) => {
      if (arrival.isEnd) return arrival;
      const { pieces, readPieces, readBytes, flushed } = arrival;
      const unread = pieces
        .slice(readPieces)
        .map((piece, i) => Buffer.from(i === 0 ? piece.subarray(readBytes) : piece));
      if (flushed !== undefined) this.later(flushed);
      return { pieces: unread, readPieces: 0, readBytes: 0, flushed: undefined, isEnd: false };
    });
  }

  private closeIfBothEnded(): void {
    if (this.ended && this.peerEnded) this.die(undefined);
  }

  private die(error: Error | undefined): void {
    if (this.gone) return;
    this.gone = true;
    this.error = error;
    for (const { flushed } of this.arriving.splice(0)) if (flushed !== undefined) this.later(flushed);
    this.arrivingBytes = 0;
    const { receiver } = this;
    if (receiver !== undefined) this.later(() => receiver.closed(error));
  }
}
