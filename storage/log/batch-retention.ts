/**
 * Decides what the cleaner leaves of each batch, by Kafka's rules.
 *
 * Of a key only the newest record stays; a tombstone and a transaction's marker stay until the delete horizon that the first
 * pass which could drop them wrote into their batch. The last batch of each active producer and the last one of the pass stay,
 * empty if need be: they tell sequences and where the log went on. Leaves the bytes to batch-rewrite, off the loop when they
 * are many.
 */
import { Codec } from "../../protocol/records/codec.ts";
import type { RecordBatch } from "../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";
import type { Compute } from "../compute.ts";
import type { TurnPacer } from "../turn-pacer.ts";
import { emptyBatch, rewriteBatch, rewriteBatchTask } from "./batch-rewrite.ts";
import type { CleanedTransactions } from "./cleaned-transactions.ts";
import { decompressStored } from "./decompress-task.ts";
import type { OffsetMap } from "./offset-map.ts";

/** What a producer last wrote: the batch that must stay. */
export interface LastRecord {
  /** -1 when its newest epoch has no data yet: then the marker of that epoch is the last. */
  readonly lastDataOffset: number;
  readonly producerEpoch: number;
}

export interface RetentionRound {
  readonly keys: OffsetMap;
  /** Records behind this one are not in `keys`: all of them stay. */
  readonly lastMappedOffset: number;
  /** Exclusive end of what this pass may clean; the batch that ends there stays. */
  readonly endOffset: number;
  readonly transactions: CleanedTransactions;
  readonly lastRecords: ReadonlyMap<number, LastRecord>;
  readonly wallMs: number;
  readonly deleteRetentionMs: number;
  readonly maxDecompressedBytes: number;
}

/** Compressing more than this is left to another thread. */
const MAX_INLINE_CODEC_BYTES = 64 * 1024;
const MAX_INLINE_PLAIN_BYTES = 512 * 1024;

export class BatchRetention {
  private readonly round: RetentionRound;
  private readonly compute: Compute;
  private readonly pacer: TurnPacer;

  constructor(round: RetentionRound, compute: Compute, pacer: TurnPacer) {
    this.round = round;
    this.compute = compute;
    this.pacer = pacer;
  }

  /**
   * What is left of the batch: itself, a new one, or undefined.
   * @param batch must not change while the promise is open; its CRC has been checked.
   * @throws KafkaError CORRUPT_MESSAGE, InvalidRecordError.
   */
  async retain(batch: RecordBatch): Promise<Buffer | undefined> {
    const { transactions, wallMs, endOffset } = this.round;
    const isUnneeded = batch.isControl ? transactions.passControl(batch) : transactions.passData(batch);
    const horizonMs = batch.hasDeleteHorizon ? batch.baseTimestamp : undefined;
    const dropsRecords = batch.isControl ? isUnneeded && horizonMs !== undefined && horizonMs <= wallMs : isUnneeded;
    const staysEmpty = this.isLastOfProducer(batch) || batch.nextOffset === endOffset;
    if (dropsRecords) return staysEmpty ? emptyBatch(batch) : undefined;

    const { maxDecompressedBytes } = this.round;
    const payload = await decompressStored(batch, this.compute, maxDecompressedBytes);
    const kept = new Uint8Array(batch.recordCount);
    const { keptCount, hasTombstone } = await this.choose(batch, payload, horizonMs, kept);
    if (keptCount === 0) return staysEmpty ? emptyBatch(batch) : undefined;
    const startsHorizon = horizonMs === undefined && (hasTombstone || (batch.isControl && isUnneeded));
    if (keptCount === kept.length && !startsHorizon) return batch.bytes;
    const deleteHorizonMs = startsHorizon ? wallMs + this.round.deleteRetentionMs : horizonMs;
    const input = { batch: batch.bytes, kept, deleteHorizonMs, maxDecompressedBytes };
    if (payload.length > maxInlineBytes(batch)) return this.compute.run(rewriteBatchTask(input));
    const rewritten = rewriteBatch(input);
    const pause = this.pacer.spend(payload.length);
    if (pause !== undefined) await pause;
    return rewritten;
  }

  /** Marks the records that stay. */
  private async choose(
    batch: RecordBatch,
    payload: Buffer,
    horizonMs: number | undefined,
    kept: Uint8Array,
  ): Promise<{ keptCount: number; hasTombstone: boolean }> {
    const { keys, lastMappedOffset, wallMs } = this.round;
    const keepsTombstones = horizonMs === undefined || wallMs < horizonMs;
    let keptCount = 0;
    let hasTombstone = false;
    let index = 0;
    for (const record of new RecordIterator(batch, payload)) {
      let stays = batch.isControl || record.offset > lastMappedOffset;
      if (!stays) {
        // On a topic that was not always compacted there are records without a key: nothing could ever replace them.
        const key = record.key;
        if (key !== null && (record.hasValue || keepsTombstones)) stays = record.offset >= (keys.get(key) ?? -1);
      }
      if (stays) {
        kept[index] = 1;
        keptCount++;
        if (!record.hasValue) hasTombstone = true;
      }
      index++;
      const pause = this.pacer.spend(RECORD_COST_BYTES);
      if (pause !== undefined) await pause;
    }
    return { keptCount, hasTombstone };
  }

  private isLastOfProducer(batch: RecordBatch): boolean {
    if (batch.producerId < 0) return false;
    const last = this.round.lastRecords.get(batch.producerId);
    if (last === undefined) return false;
    if (last.lastDataOffset >= 0) return batch.lastOffset === last.lastDataOffset;
    return batch.isControl && batch.producerEpoch === last.producerEpoch;
  }
}

/** A look at a record costs about as much as copying this many bytes, however small it is. */
const RECORD_COST_BYTES = 256;

function maxInlineBytes(batch: RecordBatch): number {
  return batch.compression === Codec.NONE ? MAX_INLINE_PLAIN_BYTES : MAX_INLINE_CODEC_BYTES;
}
