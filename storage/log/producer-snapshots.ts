/**
 * The producer snapshots of a log: its producers as of an offset, so that no log is read from its start to know them.
 *
 * Owns: the files (int16 version, CRC-32C of what follows it, the entries) and which stay: one for each segment and the newest.
 * Leaves to ProducerState: what an entry means. Only a producer's last batch is in it, so after a restart only that one is known
 * as a duplicate, unless the log behind the snapshot holds more.
 */
import { DecodeError } from "../../protocol/bytes/decode-error.ts";
import { Reader } from "../../protocol/bytes/reader.ts";
import { ProducerSnapshot } from "../../protocol/messages/producer-snapshot.ts";
import { crc32c } from "../../protocol/records/crc32c.ts";
import { decode, encodeToBuffer } from "../../protocol/schema/codec.ts";
import { offsetFileName, type PartitionDirectory, SNAPSHOT_SUFFIX } from "./partition-directory.ts";
import { ProducerEntry } from "./producer-entry.ts";
import type { ProducerState } from "./producer-state.ts";

const VERSION = 1;
const VERSION_BYTES = 2;
const ENTRIES_AT = 6;

export interface SnapshotContent {
  readonly endOffset: number;
  readonly entries: ProducerEntry[];
}

export class ProducerSnapshots {
  private readonly directory: PartitionDirectory;
  /** Ascending. */
  private readonly offsets: number[];
  private readonly unsynced: number[] = [];

  /** @param offsets of the files that are there. */
  constructor(directory: PartitionDirectory, offsets: readonly number[]) {
    this.directory = directory;
    this.offsets = [...offsets].sort((a, b) => a - b);
  }

  get all(): readonly number[] {
    return this.offsets;
  }

  /** Undefined when there is none. */
  get newestOffset(): number | undefined {
    return this.offsets.at(-1);
  }

  /** Writes the state as of its end offset, unless there is a snapshot of it, or no record and no producer to remember. */
  take(state: ProducerState, logStartOffset: number): void {
    const { endOffset } = state;
    if (this.newestOffset === undefined ? state.isEmpty && endOffset <= logStartOffset : endOffset <= this.newestOffset)
      return;
    this.directory.put(offsetFileName(endOffset, SNAPSHOT_SUFFIX), encodeSnapshot(state.entries));
    this.offsets.push(endOffset);
    this.unsynced.push(endOffset);
  }

  /** The entries of the newest snapshot; files that are damaged are removed on the way. Undefined when there is none. */
  readNewest(nowMs: number): SnapshotContent | undefined {
    for (let offset = this.newestOffset; offset !== undefined; offset = this.newestOffset) {
      const entries = decodeSnapshot(this.directory.disk.readFile(this.pathOf(offset)), nowMs);
      if (entries !== undefined) return { endOffset: offset, entries };
      this.remove(offset);
    }
    return undefined;
  }

  /** The entries of the newest snapshot at or below an offset; one that is damaged is passed over. */
  readAtOrBelow(offset: number, nowMs: number): SnapshotContent | undefined {
    for (const endOffset of [...this.offsets].reverse()) {
      if (endOffset > offset) continue;
      const entries = decodeSnapshot(this.directory.disk.readFile(this.pathOf(endOffset)), nowMs);
      if (entries !== undefined) return { endOffset, entries };
    }
    return undefined;
  }

  /**
   * Removes those below `from` and those above `to`.
   *
   * Differs from Kafka: the producer snapshot at the log's start stays, so that producers are known when every record of theirs is
   * gone.
   */
  keepBetween(from: number, to: number): void {
    for (const offset of [...this.offsets]) if (offset < from || offset > to) this.remove(offset);
  }

  removeAll(): void {
    for (const offset of [...this.offsets]) this.remove(offset);
  }

  /** Removes those that belong to no segment, save the newest when it lies behind all segments' bases. */
  removeStrays(baseOffsets: ReadonlySet<number>, lastBaseOffset: number): void {
    const strays = this.offsets.filter((offset) => !baseOffsets.has(offset));
    const kept = strays.at(-1);
    for (const stray of strays) if (stray !== kept || stray < lastBaseOffset) this.remove(stray);
  }

  /** Name of the file of the snapshot at an offset, which counts no longer; undefined when there is none. */
  forget(offset: number): string | undefined {
    const index = this.offsets.indexOf(offset);
    if (index < 0) return undefined;
    this.offsets.splice(index, 1);
    return offsetFileName(offset, SNAPSHOT_SUFFIX);
  }

  remove(offset: number): void {
    const name = this.forget(offset);
    if (name !== undefined) this.directory.remove(name);
  }

  /** Snapshots taken before the call are on the device when it resolves (KAFKA-9892). */
  async sync(): Promise<void> {
    for (const offset of this.unsynced.splice(0)) {
      if (!this.offsets.includes(offset)) continue;
      try {
        await this.directory.disk.syncFile(this.pathOf(offset));
      } catch (error) {
        // One that was removed meanwhile needs no sync.
        if (this.offsets.includes(offset)) throw error;
      }
    }
  }

  private pathOf(offset: number): string {
    return this.directory.pathOf(offsetFileName(offset, SNAPSHOT_SUFFIX));
  }
}

export function encodeSnapshot(entries: Iterable<ProducerEntry>): Buffer {
  const body = encodeToBuffer(ProducerSnapshot, VERSION, {
    crc: 0,
    producerEntries: Array.from(entries, (entry) => ({
      producerId: entry.producerId,
      epoch: entry.producerEpoch,
      lastSequence: entry.lastSequence,
      lastOffset: entry.lastBatch?.lastOffset ?? -1,
      offsetDelta: entry.lastBatch?.offsetDelta ?? 0,
      timestamp: entry.lastTimestamp,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTxnFirstOffset: entry.transactionFirstOffset,
    })),
  });
  const bytes = Buffer.allocUnsafe(VERSION_BYTES + body.length);
  bytes.writeInt16BE(VERSION, 0);
  body.copy(bytes, VERSION_BYTES);
  bytes.writeUInt32BE(crc32c(bytes, ENTRIES_AT), VERSION_BYTES);
  return bytes;
}

/** Undefined when the bytes are no snapshot, or damaged. */
export function decodeSnapshot(bytes: Buffer, nowMs: number): ProducerEntry[] | undefined {
  if (bytes.length < ENTRIES_AT || bytes.readInt16BE(0) !== VERSION) return undefined;
  if (bytes.readUInt32BE(VERSION_BYTES) !== crc32c(bytes, ENTRIES_AT)) return undefined;
  try {
    const { producerEntries } = decode(ProducerSnapshot, VERSION, new Reader(bytes, VERSION_BYTES));
    return producerEntries.map((stored) => {
      const entry = new ProducerEntry(stored.producerId, nowMs);
      entry.producerEpoch = stored.epoch;
      entry.coordinatorEpoch = stored.coordinatorEpoch;
      entry.lastTimestamp = stored.timestamp;
      entry.transactionFirstOffset = stored.currentTxnFirstOffset;
      const { lastSequence, lastOffset, offsetDelta, timestamp } = stored;
      if (lastOffset >= 0) entry.batches.push({ lastSequence, lastOffset, offsetDelta, timestamp });
      entry.mayLackBatches = true;
      return entry;
    });
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
