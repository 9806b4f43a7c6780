/**
 * Which leader epoch wrote which offsets: for each epoch the offset at which it starts.
 *
 * Owns: the rules by which a leader and a follower find where their logs part (KIP-101, KIP-279). Leaves keeping it on disk to
 * EpochCheckpoint. An epoch may have no record yet: a leader enters its own before it writes.
 * Invariant: epochs and start offsets grow from entry to entry.
 */
import { strict as assert } from "node:assert";
import type { EpochEndOffset } from "../partition-log.ts";

export interface EpochEntry {
  readonly leaderEpoch: number;
  readonly startOffset: number;
}

const UNDEFINED_EPOCH_END: EpochEndOffset = { leaderEpoch: -1, endOffset: -1 };
const NO_ENTRIES: readonly EpochEntry[] = [];

export class LeaderEpochs {
  private entries: readonly EpochEntry[];
  private newest: EpochEntry | undefined;

  constructor(entries: readonly EpochEntry[] = NO_ENTRIES) {
    this.entries = NO_ENTRIES;
    for (const { leaderEpoch, startOffset } of entries) this.assign(leaderEpoch, startOffset);
  }

  /** -1 when there is none. */
  get latestEpoch(): number {
    return this.newest?.leaderEpoch ?? -1;
  }

  get all(): readonly EpochEntry[] {
    return this.entries;
  }

  /** Takes in that `leaderEpoch` starts at an offset; what contradicts it goes. True when something changed. */
  assign(leaderEpoch: number, startOffset: number): boolean {
    const { newest } = this;
    if (newest !== undefined && newest.leaderEpoch === leaderEpoch && startOffset >= newest.startOffset) return false;
    assert(leaderEpoch >= 0 && startOffset >= 0, "a leader epoch or its start is negative");
    const kept = this.entries.filter((entry) => entry.leaderEpoch < leaderEpoch && entry.startOffset < startOffset);
    this.replace([...kept, { leaderEpoch, startOffset }]);
    return true;
  }

  /** Drops epochs that start at or behind `endOffset`, also when the log ends there already (KAFKA-10706). True on a change. */
  truncateFromEnd(endOffset: number): boolean {
    if (this.newest === undefined || this.newest.startOffset < endOffset) return false;
    this.replace(this.entries.filter((entry) => entry.startOffset < endOffset));
    return true;
  }

  /** Drops epochs that end at or before `startOffset`; the one it lies in starts there. True on a change. */
  truncateFromStart(startOffset: number): boolean {
    let within = -1;
    for (const entry of this.entries) {
      if (entry.startOffset > startOffset) break;
      within++;
    }
    if (within < 0 || (within === 0 && this.entries[0]?.startOffset === startOffset)) return false;
    const first = this.entries[within] as EpochEntry;
    this.replace([{ leaderEpoch: first.leaderEpoch, startOffset }, ...this.entries.slice(within + 1)]);
    return true;
  }

  clear(): boolean {
    if (this.entries.length === 0) return false;
    this.replace(NO_ENTRIES);
    return true;
  }

  /**
   * Where the largest epoch not above the one given ends. Below the first known epoch the answer is the one asked for, ending
   * where the first starts; unknown and above the newest are (-1, -1).
   */
  endOffsetFor(leaderEpoch: number, logEndOffset: number): EpochEndOffset {
    if (leaderEpoch < 0 || leaderEpoch > this.latestEpoch) return UNDEFINED_EPOCH_END;
    if (leaderEpoch === this.latestEpoch) return { leaderEpoch, endOffset: logEndOffset };
    let floor = leaderEpoch;
    for (const entry of this.entries) {
      if (entry.leaderEpoch > leaderEpoch) return { leaderEpoch: floor, endOffset: entry.startOffset };
      floor = entry.leaderEpoch;
    }
    return UNDEFINED_EPOCH_END;
  }

  /** The epoch that wrote an offset, -1 when unknown. */
  epochFor(offset: number): number {
    let leaderEpoch = -1;
    for (const entry of this.entries) {
      if (entry.startOffset > offset) break;
      leaderEpoch = entry.leaderEpoch;
    }
    return leaderEpoch;
  }

  private replace(entries: readonly EpochEntry[]): void {
    this.entries = entries;
    this.newest = entries.at(-1);
  }
}
