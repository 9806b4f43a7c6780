/**
 * What a read of a log gives: pieces of buffers, which it holds until it is released.
 *
 * Invariant: `endOffset` is behind the last whole batch in the pieces, or behind a part of one that follows it.
 */
import { strict as assert } from "node:assert";
import type { AbortedTransaction, LogRead } from "../partition-log.ts";
import type { SharedBuffer } from "../shared-buffer.ts";

export class LogReadResult implements LogRead {
  readonly pieces: Buffer[] = [];
  sizeBytes = 0;
  abortedTransactions: readonly AbortedTransaction[] | null = null;
  endOffset: number;
  private readonly owners: SharedBuffer[] = [];
  private released = false;

  /** Empty at first, ending at the offset it was asked for. */
  constructor(offset: number) {
    this.endOffset = offset;
  }

  /** Adds a view of a buffer and retains it. */
  addShared(piece: Buffer, owner: SharedBuffer, endOffset: number): void {
    owner.retain();
    this.addOwned(piece, owner, endOffset);
  }

  /** Adds a view of a buffer and takes over a count that the caller holds. */
  addOwned(piece: Buffer, owner: SharedBuffer, endOffset: number): void {
    this.pieces.push(piece);
    this.owners.push(owner);
    this.sizeBytes += piece.length;
    this.endOffset = endOffset;
  }

  release(): void {
    assert(!this.released, "a read is released twice");
    this.released = true;
    for (const owner of this.owners) owner.release();
  }
}
