/**
 * The memory that the tails of all logs of a node share.
 *
 * Owns: which buffers stay, counted whole and once however many logs have batches in them; the one held longest goes first. Leaves
 * to TailCache: what lies in a buffer.
 * Invariant: at most `limitBytes` are held between two calls.
 */
import type { BufferPool, SharedBuffer } from "../shared-buffer.ts";

/**
 * What a node holds when nothing else is said. Enough for whoever follows the end of a log, few enough bytes to stay in a
 * processor's cache: with 64 MiB each byte that arrives goes to memory that is not, and appending costs half as much again.
 */
export const DEFAULT_TAIL_BYTES = 16 * 1024 * 1024;

/** A log that has batches in a buffer. */
export interface TailHolder {
  /** Forgets what lies in the buffer, and all that is older. */
  evict(owner: SharedBuffer): void;
}

export class TailBudget {
  readonly limitBytes: number;
  /** Where chunks and buffers for cold reads come from. */
  readonly pool: BufferPool;
  heldBytes = 0;
  /** Oldest first. */
  private readonly holders = new Map<SharedBuffer, TailHolder[]>();

  constructor(limitBytes: number, pool: BufferPool) {
    this.limitBytes = limitBytes;
    this.pool = pool;
  }

  /** Holds the buffer for a log; what is over the budget goes, this buffer too when it is too large by itself. */
  hold(owner: SharedBuffer, holder: TailHolder): void {
    const holders = this.holders.get(owner);
    if (holders !== undefined) {
      if (!holders.includes(holder)) holders.push(holder);
      return;
    }
    owner.retain();
    this.holders.set(owner, [holder]);
    this.heldBytes += owner.buffer.length;
    while (this.heldBytes > this.limitBytes) this.evictOldest();
  }

  /** A log has nothing in the buffer any more. */
  drop(owner: SharedBuffer, holder: TailHolder): void {
    const holders = this.holders.get(owner);
    const index = holders?.indexOf(holder) ?? -1;
    if (holders === undefined || index < 0) return;
    holders.splice(index, 1);
    if (holders.length === 0) this.letGo(owner);
  }

  private evictOldest(): void {
    for (const [owner, holders] of this.holders) {
      this.letGo(owner);
      for (const holder of holders) holder.evict(owner);
      return;
    }
  }

  private letGo(owner: SharedBuffer): void {
    this.holders.delete(owner);
    this.heldBytes -= owner.buffer.length;
    owner.release();
  }
}
