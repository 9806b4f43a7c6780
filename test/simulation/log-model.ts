/**
 * A log as a list of segments of batches of records, with Kafka's rules for rolling, retention and compaction written down as plainly
 * as they can be: what the real log is held against.
 *
 * Owns: no bytes, no files, no concurrency; sizes come from the batch builder. Time is an argument.
 */
import { buildEndTransactionBatch } from "../../protocol/records/control-record.ts";
import { RecordBatchBuilder } from "../../protocol/records/record-batch-builder.ts";
import type { LogConfig } from "../../storage/log-config.ts";

export interface ModelRecord {
  readonly offset: number;
  readonly key: string;
  readonly value: string | null;
  readonly timestamp: number;
}

export interface ModelBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly records: readonly ModelRecord[];
  readonly maxTimestamp: number;
  /** -1 for none. */
  readonly producerId: number;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
  /** Of an end marker that was not emptied; "empty" of one that was. */
  readonly marker?: "commit" | "abort" | "empty";
  readonly deleteHorizonMs?: number;
}

export interface ModelSegment {
  readonly baseOffset: number;
  batches: ModelBatch[];
  /** When it was made or opened: its age as long as it has no timestamps. */
  createdMs: number;
}

type IsOld = (segment: ModelSegment, next: ModelSegment | undefined) => boolean;

interface ModelTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  markerOffset?: number;
  aborted?: boolean;
}

export class LogModel {
  config: LogConfig;
  segments: ModelSegment[];
  logStartOffset = 0;
  logEndOffset = 0;
  highWatermark = 0;
  /** Where the last cleaning ended. */
  cleanedOffset: number | undefined;
  private readonly transactions: ModelTransaction[] = [];
  /** Last offset of each producer's newest data batch. */
  private readonly lastDataOffsets = new Map<number, number>();

  constructor(config: LogConfig, nowMs: number) {
    this.config = config;
    this.segments = [{ baseOffset: 0, batches: [], createdMs: nowMs }];
  }

  /** The log was opened again. */
  restarted(nowMs: number): void {
    for (const segment of this.segments) segment.createdMs = nowMs;
  }

  get lastStableOffset(): number {
    const unstable = this.transactions
      .filter(({ markerOffset }) => markerOffset === undefined || markerOffset >= this.highWatermark)
      .map(({ firstOffset }) => firstOffset);
    return Math.min(this.highWatermark, ...unstable);
  }

  append(batch: Omit<ModelBatch, "baseOffset" | "lastOffset" | "maxTimestamp">, nowMs: number): void {
    const baseOffset = this.logEndOffset;
    const count = batch.marker === undefined ? batch.records.length : 1;
    const records = batch.records.map((record, i) => ({ ...record, offset: baseOffset + i }));
    const maxTimestamp = Math.max(...records.map(({ timestamp }) => timestamp));
    const whole: ModelBatch = { ...batch, records, baseOffset, lastOffset: baseOffset + count - 1, maxTimestamp };
    this.rollIfDue(whole, nowMs);
    this.active.batches.push(whole);
    this.logEndOffset = baseOffset + count;
    if (batch.producerId < 0) return;
    const open = this.transactions.find((t) => t.producerId === batch.producerId && t.markerOffset === undefined);
    if (batch.marker !== undefined) {
      if (open !== undefined) {
        open.markerOffset = baseOffset;
        open.aborted = batch.marker === "abort";
      }
      return;
    }
    this.lastDataOffsets.set(batch.producerId, whole.lastOffset);
    if (batch.isTransactional && open === undefined) {
      this.transactions.push({ producerId: batch.producerId, firstOffset: baseOffset });
    }
  }

  /** Deletes old segments, as log.retention.check does, or the cleaner for a compacted log. */
  applyRetention(nowMs: number): void {
    const deleteWhile = (isOld: IsOld) => this.deleteWhile(isOld, nowMs);
    deleteWhile((_, next) => next !== undefined && next.baseOffset <= this.logStartOffset);
    if (!this.config.cleanupDelete) return;
    if (this.config.retentionBytes >= 0) {
      let excess = sum(this.segments.map(sizeOf)) - this.config.retentionBytes;
      deleteWhile((segment) => {
        if (excess - sizeOf(segment) < 0) return false;
        excess -= sizeOf(segment);
        return true;
      });
    }
    if (this.config.retentionMs >= 0) {
      deleteWhile((segment) => {
        const timestamp = largestTimestamp(segment);
        return nowMs - (timestamp >= 0 ? timestamp : segment.createdMs) > this.config.retentionMs;
      });
    }
  }

  /** How dirty the log is, when it is to be cleaned at all. */
  dirtyRatio(nowMs: number): number | undefined {
    const { from, end, cleanableBytes, totalBytes } = this.plan(nowMs);
    if (cleanableBytes === 0) return undefined;
    const ratio = cleanableBytes / totalBytes;
    const overdue = this.closedFrom(from).some((segment) => {
      const first = segment.batches[0]?.maxTimestamp ?? -1;
      return first > 0 && first < nowMs - this.config.maxCompactionLagMs;
    });
    return end > from && (overdue || ratio > this.config.minCleanableDirtyRatio) ? ratio : undefined;
  }

  /** One cleaning, with memory for every key. */
  clean(nowMs: number): void {
    const { from, end } = this.plan(nowMs);
    const newest = new Map<string, number>();
    const cleaned = this.segments.filter(({ baseOffset }) => baseOffset < end);
    for (const batch of cleaned.flatMap(({ batches }) => batches)) {
      if (batch.marker !== undefined || this.isAborted(batch)) continue;
      for (const { key, offset } of batch.records) if (offset >= from) newest.set(key, offset);
    }
    // A marker may go when no batch of its transaction is left before it: what this pass removes still counts as there.
    const before = cleaned.flatMap(({ batches }) => batches).filter((batch) => batch.marker === undefined);
    const rewritten: ModelSegment[] = [];
    for (const group of this.group(cleaned)) {
      let segment: ModelSegment = { baseOffset: (group[0] as ModelSegment).baseOffset, batches: [], createdMs: nowMs };
      rewritten.push(segment);
      for (const batch of group.flatMap(({ batches }) => batches)) {
        const left = this.rewrite(batch, newest, before, end, nowMs);
        if (left === undefined) continue;
        // What has grown too large for one segment goes on in another.
        if (segment.batches.length > 0 && sizeOf(segment) + sizeOfBatch(left) > this.config.segmentBytes) {
          segment = { baseOffset: left.baseOffset, batches: [], createdMs: nowMs };
          rewritten.push(segment);
        }
        segment.batches.push(left);
      }
    }
    this.segments = [...rewritten, ...this.segments.filter((segment) => !cleaned.includes(segment))];
    this.cleanedOffset = end;
  }

  private get active(): ModelSegment {
    return this.segments.at(-1) as ModelSegment;
  }

  private rollIfDue(batch: ModelBatch, nowMs: number): void {
    const { active, config } = this;
    const first = active.batches[0];
    if (first === undefined) return;
    const isFull = sizeOf(active) > config.segmentBytes - sizeOfBatch(batch);
    if (isFull || batch.maxTimestamp - first.maxTimestamp > config.segmentMs) {
      this.segments.push({ baseOffset: batch.baseOffset, batches: [], createdMs: nowMs });
    }
  }

  private deleteWhile(isOld: IsOld, nowMs: number): void {
    let count = 0;
    for (const [i, segment] of this.segments.entries()) {
      const next = this.segments[i + 1];
      const isEmptyActive = next === undefined && segment.batches.length === 0;
      if (isEmptyActive || this.highWatermark < (next?.baseOffset ?? this.logEndOffset) || !isOld(segment, next)) break;
      count++;
    }
    if (count === 0) return;
    if (count === this.segments.length)
      this.segments.push({ baseOffset: this.logEndOffset, batches: [], createdMs: nowMs });
    this.segments.splice(0, count);
    this.logStartOffset = Math.max(this.logStartOffset, (this.segments[0] as ModelSegment).baseOffset);
  }

  private plan(nowMs: number): { from: number; end: number; cleanableBytes: number; totalBytes: number } {
    const { config, cleanedOffset } = this;
    const isValid = cleanedOffset !== undefined && cleanedOffset >= this.logStartOffset;
    const from = isValid ? cleanedOffset : this.logStartOffset;
    const young = this.closedFrom(from).find(
      (segment) => largestTimestamp(segment) > nowMs - config.minCompactionLagMs,
    );
    const limits = [this.lastStableOffset, this.active.baseOffset];
    if (config.minCompactionLagMs > 0 && young !== undefined) limits.push(young.baseOffset);
    const limit = Math.max(from, Math.min(...limits));
    // A segment is cleaned whole or not at all.
    const end = (this.closedFrom(limit)[0] ?? this.active).baseOffset;
    const clean = this.segments.filter(({ baseOffset }) => baseOffset < from);
    const cleanable = this.segments.filter(
      (segment) => segment.baseOffset < end && this.endOf(segment) > Math.min(from, end),
    );
    const cleanableBytes = from < end ? sum(cleanable.map(sizeOf)) : 0;
    return { from, end, cleanableBytes, totalBytes: sum(clean.map(sizeOf)) + cleanableBytes };
  }

  private closedFrom(offset: number): ModelSegment[] {
    return this.segments.filter((segment) => segment !== this.active && this.endOf(segment) > offset);
  }

  private endOf(segment: ModelSegment): number {
    return this.segments[this.segments.indexOf(segment) + 1]?.baseOffset ?? Number.POSITIVE_INFINITY;
  }

  private group(segments: readonly ModelSegment[]): ModelSegment[][] {
    const groups: ModelSegment[][] = [];
    for (const segment of segments) {
      const last = groups.at(-1);
      if (last !== undefined && sum(last.map(sizeOf)) + sizeOf(segment) <= this.config.segmentBytes) last.push(segment);
      else groups.push([segment]);
    }
    return groups;
  }

  private transactionOf(batch: ModelBatch): ModelTransaction | undefined {
    return this.transactions.find(
      ({ producerId, firstOffset, markerOffset = Number.POSITIVE_INFINITY }) =>
        producerId === batch.producerId && firstOffset <= batch.baseOffset && batch.baseOffset <= markerOffset,
    );
  }

  private isAborted(batch: ModelBatch): boolean {
    return batch.isTransactional && this.transactionOf(batch)?.aborted === true;
  }

  private rewrite(
    batch: ModelBatch,
    newest: ReadonlyMap<string, number>,
    before: readonly ModelBatch[],
    end: number,
    nowMs: number,
  ): ModelBatch | undefined {
    const { deleteHorizonMs, marker } = batch;
    const isDue = deleteHorizonMs !== undefined && deleteHorizonMs <= nowMs;
    const staysEmpty =
      batch.lastOffset + 1 === end ||
      (batch.producerId >= 0 &&
        this.lastDataOffsets.get(batch.producerId) === batch.lastOffset &&
        marker === undefined);
    const { deleteHorizonMs: _horizon, ...plain } = batch;
    const nothing = staysEmpty ? { ...plain, records: [] } : undefined;
    if (marker !== undefined) {
      const transaction = this.transactionOf(batch);
      const isNeeded =
        marker !== "empty" && before.some((data) => data.isTransactional && this.transactionOf(data) === transaction);
      if (isNeeded) return batch;
      if (marker === "empty" || isDue) return staysEmpty ? { ...plain, marker: "empty", records: [] } : undefined;
      return deleteHorizonMs === undefined
        ? { ...batch, deleteHorizonMs: nowMs + this.config.deleteRetentionMs }
        : batch;
    }
    if (this.isAborted(batch)) return nothing;
    const records = batch.records.filter(
      ({ key, value, offset }) => offset >= (newest.get(key) ?? -1) && (value !== null || !isDue),
    );
    if (records.length === 0) return nothing;
    const hasTombstone = records.some(({ value }) => value === null);
    const horizon =
      hasTombstone && deleteHorizonMs === undefined ? nowMs + this.config.deleteRetentionMs : deleteHorizonMs;
    return {
      ...plain,
      records,
      maxTimestamp: Math.max(...records.map(({ timestamp }) => timestamp)),
      ...(horizon === undefined ? {} : { deleteHorizonMs: horizon }),
    };
  }
}

export function sizeOf(segment: { readonly batches: readonly ModelBatch[] }): number {
  return sum(segment.batches.map(sizeOfBatch));
}

const sizes = new WeakMap<ModelBatch, number>();

function sizeOfBatch(batch: ModelBatch): number {
  let size = sizes.get(batch);
  if (size === undefined) {
    size = buildModelBatch(batch).length;
    sizes.set(batch, size);
  }
  return size;
}

/** The bytes of a batch. */
export function buildModelBatch(batch: ModelBatch): Buffer {
  if (batch.marker === "commit" || batch.marker === "abort") {
    const bytes = buildEndTransactionBatch({
      committed: batch.marker === "commit",
      producerId: batch.producerId,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      timestampMs: batch.maxTimestamp,
    });
    // With a delete horizon its timestamp takes some bytes more.
    return batch.deleteHorizonMs === undefined ? bytes : Buffer.alloc(bytes.length + extraBytes(batch));
  }
  const builder = new RecordBatchBuilder({
    baseOffset: batch.baseOffset,
    producerId: batch.producerId,
    producerEpoch: batch.producerId < 0 ? -1 : 0,
    baseSequence: batch.baseSequence,
    isTransactional: batch.isTransactional,
    ...(batch.deleteHorizonMs === undefined ? {} : { deleteHorizonMs: batch.deleteHorizonMs }),
  });
  for (const { offset, key, value, timestamp } of batch.records) builder.appendAt(offset, { key, value, timestamp });
  return builder.build({ lastOffset: batch.lastOffset });
}

/** Bytes of the zig-zag varint of the distance to the horizon, beyond the one byte of zero. */
function extraBytes(batch: ModelBatch): number {
  let size = 0;
  for (
    let rest = ((batch.deleteHorizonMs as number) - batch.maxTimestamp) * 2 - 1;
    rest >= 1;
    rest = Math.floor(rest / 128)
  )
    size++;
  return size - 1;
}

function largestTimestamp(segment: ModelSegment): number {
  return Math.max(-1, ...segment.batches.map(({ maxTimestamp }) => maxTimestamp));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
