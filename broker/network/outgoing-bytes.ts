/**
 * Answers on their way out of one connection: all that a turn answers leaves in one write.
 *
 * Owns: joining pieces, what is unsent, and what is to be freed once bytes are sent. Leaves to the Connection: the kernel.
 * Invariant: what an answer refers to is freed once, when its bytes are flushed or when they never will be.
 */
import type { Connection } from "./network.ts";
import type { RequestMemory } from "./request-memory.ts";

/** Smaller writes are not worth a call back: the kernel takes them at once, unless it has not taken those before. */
const WATCHED_BYTES = 64 * 1024;

export class OutgoingBytes {
  private readonly connection: Connection;
  private readonly memory: RequestMemory;
  private readonly onFlushed: () => void;
  private pieces: Buffer[] = [];
  private pieceBytes = 0;
  private releases: (() => void)[] = [];
  /** Writes the kernel has taken, of those that were watched. */
  flushes = 0;

  constructor(connection: Connection, memory: RequestMemory, onFlushed: () => void) {
    this.connection = connection;
    this.memory = memory;
    this.onFlushed = onFlushed;
  }

  /** Bytes of answers that the kernel has not taken. */
  get unsentBytes(): number {
    return this.pieceBytes + this.connection.unsentBytes;
  }

  /** Puts an answer behind those before it; it leaves with the next flush(). */
  add(pieces: readonly Buffer[], whenSent: (() => void) | undefined): void {
    for (const piece of pieces) {
      this.pieceBytes += piece.length;
      const last = this.pieces.length - 1;
      const joined = last < 0 ? undefined : joinIfAdjacent(this.pieces[last] as Buffer, piece);
      if (joined === undefined) this.pieces.push(piece);
      else this.pieces[last] = joined;
    }
    if (whenSent !== undefined) this.releases.push(whenSent);
  }

  flush(): void {
    if (this.pieceBytes === 0) return;
    const { connection, pieces, pieceBytes, releases } = this;
    this.pieces = [];
    this.pieceBytes = 0;
    if (releases.length === 0 && pieceBytes < WATCHED_BYTES && connection.unsentBytes === 0) {
      connection.write(pieces);
      return;
    }
    this.releases = [];
    this.memory.unsentBytes += pieceBytes;
    connection.write(pieces, () => {
      this.memory.unsentBytes -= pieceBytes;
      this.flushes++;
      for (const release of releases) release();
      this.onFlushed();
    });
  }

  /** The connection is gone: what has not been written never will be. */
  drop(): void {
    const { releases } = this;
    this.pieces = [];
    this.pieceBytes = 0;
    this.releases = [];
    for (const release of releases) release();
  }
}

/** Two views of one memory, the second right behind the first, as one; small responses written in turn lie like that. */
function joinIfAdjacent(first: Buffer, second: Buffer): Buffer | undefined {
  if (first.buffer !== second.buffer || first.byteOffset + first.length !== second.byteOffset) return undefined;
  return Buffer.from(first.buffer, first.byteOffset, first.length + second.length);
}
