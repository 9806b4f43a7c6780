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
  /** The last piece, and where it ends now that pieces right behind it in memory have joined it. */
  private last: Buffer | undefined;
  private lastEnd = 0;
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
      if (this.last?.buffer === piece.buffer && this.lastEnd === piece.byteOffset) {
        this.lastEnd += piece.length;
      } else {
        this.closeLast();
        this.last = piece;
        this.lastEnd = piece.byteOffset + piece.length;
      }
    }
    if (whenSent !== undefined) this.releases.push(whenSent);
  }

  /** Small responses written in turn lie behind each other in memory, and leave as one piece. */
  private closeLast(): void {
    const { last, lastEnd } = this;
    if (last === undefined) return;
    const sizeBytes = lastEnd - last.byteOffset;
    this.pieces.push(sizeBytes === last.length ? last : Buffer.from(last.buffer, last.byteOffset, sizeBytes));
    this.last = undefined;
  }

  flush(): void {
    if (this.pieceBytes === 0) return;
    this.closeLast();
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
    this.last = undefined;
    this.pieces = [];
    this.pieceBytes = 0;
    this.releases = [];
    for (const release of releases) release();
  }
}
