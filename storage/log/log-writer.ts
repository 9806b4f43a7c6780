/**
 * Writes batches at the end of a log.
 *
 * Owns: the order of an append (checks that need the log's state, roll, bytes, indexes, epochs, producers, marks, tail), all within
 * one call. Leaves to BatchPreparation: checks that need no state; to LogFlush: when bytes reach the device.
 * Invariant: the log end moves with the bytes, before anything else can fail (KAFKA-7866).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import { CURRENT_MAGIC, RecordBatch } from "../../protocol/records/record-batch.ts";
import type { AppendOptions, AppendResult, PreparedAppend } from "../partition-log.ts";
import type { SharedBuffer } from "../shared-buffer.ts";
import { type EndMarker, endMarkerOf } from "./end-marker.ts";
import type { LogFlush } from "./log-flush.ts";
import type { LogState } from "./log-state.ts";
import type { LogTruncation } from "./log-truncation.ts";
import type { StoredBatch } from "./producer-entry.ts";
import { MAX_RELATIVE_OFFSET, type Segment } from "./segment.ts";
import { rollTo } from "./segment-roll.ts";

export class LogWriter {
  private readonly state: LogState;
  private readonly flush: LogFlush;
  private readonly truncation: LogTruncation;

  constructor(state: LogState, flush: LogFlush, truncation: LogTruncation) {
    this.state = state;
    this.flush = flush;
    this.truncation = truncation;
  }

  /** A leader's append of one batch. @throws KafkaError, DiskError */
  append(prepared: PreparedAppend, options: AppendOptions): AppendResult {
    const { state } = this;
    const { records, origin } = prepared;
    const batch = new RecordBatch(records);
    const baseOffset = state.logEndOffset;
    batch.baseOffset = baseOffset;
    batch.partitionLeaderEpoch = options.leaderEpoch;
    if (records.length > state.config.segmentBytes) throw new KafkaError(ErrorCode.RECORD_LIST_TOO_LARGE);
    let marker: EndMarker | undefined;
    if (batch.producerId >= 0) {
      if (batch.isControl) {
        marker = endMarkerOf(batch);
        if (marker !== undefined) state.producers.checkMarker(batch, marker, options.transactionVersion ?? 0);
      } else {
        const duplicate = state.producers.check(batch, origin, options.verification);
        if (duplicate !== undefined) return this.duplicateResult(duplicate);
      }
    }
    const { lastOffset, maxTimestamp } = batch;
    const segment = this.rollIfDue(records.length, lastOffset, maxTimestamp);
    const position = segment.append([records]);
    state.logEndOffset = lastOffset + 1;
    this.takeIn(segment, position, batch, options.leaderEpoch, marker);
    this.written(segment, records, prepared.owner, prepared.recordCount);
    const { logAppendTimeMs } = prepared;
    return { baseOffset, lastOffset, logAppendTimeMs, logStartOffset: state.logStartOffset, duplicate: false };
  }

  /** The quorum's leader has given its batches offsets and its epoch already. @throws KafkaError INVALID_RECORD, DiskError */
  appendAssigned(prepared: PreparedAppend, options: AppendOptions): AppendResult {
    const { state } = this;
    const batches = wholeBatches(prepared.records);
    const baseOffset = state.logEndOffset;
    let expected = baseOffset;
    for (const batch of batches) {
      if (batch.baseOffset !== expected || batch.partitionLeaderEpoch !== options.leaderEpoch) {
        throw new KafkaError(ErrorCode.INVALID_RECORD, "a batch of the quorum's leader without its offset or epoch");
      }
      expected = batch.nextOffset;
    }
    if (batches.length === 0) throw new KafkaError(ErrorCode.INVALID_RECORD, "an append without a batch");
    this.appendAll(prepared.records, prepared.owner, batches);
    return {
      baseOffset,
      lastOffset: state.logEndOffset - 1,
      logAppendTimeMs: -1,
      logStartOffset: state.logStartOffset,
      duplicate: false,
    };
  }

  /** A follower's append: offsets and epochs stay. @throws KafkaError, DiskError; nothing was written then. */
  appendAsFollower(records: Buffer, owner: SharedBuffer | undefined, maxLeaderEpoch: number): void {
    const { state } = this;
    const batches: RecordBatch[] = [];
    let expected = state.logEndOffset;
    for (const batch of wholeBatches(records)) {
      const { baseOffset, lastOffset } = batch;
      if (lastOffset < state.logEndOffset && batches.length === 0) continue;
      // KAFKA-18723: a leader of a later epoch answered; what it sent is for a follower of that epoch.
      if (batch.partitionLeaderEpoch > maxLeaderEpoch) break;
      if (baseOffset < expected && !this.mayStartWithin(batch, batches.length)) {
        throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE, `offset ${baseOffset} where ${expected} comes next`);
      }
      if (lastOffset < baseOffset || !batch.checkCrc()) throw new KafkaError(ErrorCode.CORRUPT_MESSAGE);
      expected = lastOffset + 1;
      batches.push(batch);
    }
    const first = batches[0];
    if (first === undefined) return;
    if (first.baseOffset < state.logEndOffset) {
      const { logStartOffset } = state;
      this.truncation.startAt(first.baseOffset);
      state.logStartOffset = logStartOffset;
    }
    this.appendAll(records, owner, batches);
  }

  /** Starts a new segment at the log end; nothing happens when the active one is empty. */
  roll(): Segment {
    return rollTo(this.state, this.flush, this.state.logEndOffset);
  }

  /** An empty log takes a batch that its start lies within: the leader's log start need not be where a batch starts. */
  private mayStartWithin(batch: RecordBatch, batchesBefore: number): boolean {
    const { logStartOffset, logEndOffset } = this.state;
    return batchesBefore === 0 && logStartOffset === logEndOffset && batch.lastOffset >= logEndOffset;
  }

  /** Writes batches that follow one another, in as few pieces as segments allow. */
  private appendAll(records: Buffer, owner: SharedBuffer | undefined, batches: readonly RecordBatch[]): void {
    const { segmentBytes } = this.state.config;
    let from = 0;
    while (from < batches.length) {
      const first = batches[from] as RecordBatch;
      let to = from;
      let sizeBytes = 0;
      let maxTimestamp = -1;
      for (let batch = batches[to]; batch !== undefined; batch = batches[++to]) {
        const fits = sizeBytes + batch.sizeBytes <= segmentBytes && batch.lastOffset - first.baseOffset < 2 ** 31;
        if (to > from && !fits) break;
        sizeBytes += batch.sizeBytes;
        maxTimestamp = Math.max(maxTimestamp, batch.maxTimestamp);
      }
      const last = batches[to - 1] as RecordBatch;
      const piece = records.subarray(first.position, last.position + last.sizeBytes);
      const segment = this.rollIfDue(sizeBytes, last.lastOffset, maxTimestamp);
      let position = segment.append([piece]);
      this.state.logEndOffset = last.nextOffset;
      let recordCount = 0;
      for (let index = from; index < to; index++) {
        const batch = batches[index] as RecordBatch;
        const marker = batch.isControl && batch.producerId >= 0 ? endMarkerOf(batch) : undefined;
        this.takeIn(segment, position, batch, batch.partitionLeaderEpoch, marker);
        position += batch.sizeBytes;
        recordCount += batch.recordCount;
      }
      this.written(segment, piece, owner, recordCount);
      from = to;
    }
  }

  /** Takes in what a batch that was written says. */
  private takeIn(
    segment: Segment,
    position: number,
    batch: RecordBatch,
    leaderEpoch: number,
    marker: EndMarker | undefined,
  ): void {
    const { state } = this;
    segment.noteBatch(position, batch.sizeBytes, batch.lastOffset, batch.maxTimestamp);
    if (leaderEpoch >= 0 && state.epochs.assign(leaderEpoch, batch.baseOffset)) state.saveEpochs();
    if (batch.producerId < 0) return;
    const { producers } = state;
    const completed = producers.apply(batch, marker, state.around.clock.monotonicMs());
    if (completed === undefined) return;
    if (completed.isAborted) {
      const lastStableOffset = producers.transactions.lastStableOffsetAfter(completed);
      segment.transactionIndex.append({ ...completed, lastStableOffset });
    }
    producers.transactions.complete(completed);
  }

  private written(segment: Segment, bytes: Buffer, owner: SharedBuffer | undefined, recordCount: number): void {
    const { state } = this;
    state.producers.endOffset = state.logEndOffset;
    state.updateLastStableOffset();
    state.tail.add(bytes, owner, segment.baseOffset);
    this.flush.appended(bytes.length, recordCount);
  }

  private rollIfDue(sizeBytes: number, lastOffset: number, maxTimestamp: number): Segment {
    const { segments, config, logEndOffset } = this.state;
    const { active } = segments;
    const activeBytes = active.sizeBytes;
    const isDue =
      activeBytes > config.segmentBytes - sizeBytes ||
      (activeBytes > 0 && this.ageMs(active, maxTimestamp) > config.segmentMs - active.jitterMs) ||
      active.indexesAreFull ||
      !active.canHold(lastOffset);
    // Right behind the one before, so that a hole between two is seen; unless the batch is too far away for that.
    return isDue ? rollTo(this.state, this.flush, Math.max(logEndOffset, lastOffset - MAX_RELATIVE_OFFSET)) : active;
  }

  /** Age of a segment when a batch of this timestamp comes: by the timestamps, or since it was made when it has none. */
  private ageMs(segment: Segment, maxTimestamp: number): number {
    const first = segment.firstBatchTimestamp ?? -1;
    return first >= 0 ? maxTimestamp - first : this.state.around.clock.monotonicMs() - segment.createdMs;
  }

  private duplicateResult({ lastOffset, offsetDelta, timestamp }: StoredBatch): AppendResult {
    const { logStartOffset } = this.state;
    return {
      baseOffset: lastOffset - offsetDelta,
      lastOffset,
      logAppendTimeMs: timestamp,
      logStartOffset,
      duplicate: true,
    };
  }
}

/** The whole batches of a buffer; bytes behind them that are the start of one are left out. @throws KafkaError CORRUPT_MESSAGE */
function wholeBatches(records: Buffer): RecordBatch[] {
  const walk = new BatchIterator(records);
  const batches: RecordBatch[] = [];
  for (let batch = walk.next(); batch !== undefined; batch = walk.next()) {
    if (batch.magic !== CURRENT_MAGIC) throw new KafkaError(ErrorCode.CORRUPT_MESSAGE);
    batches.push(batch);
  }
  if (walk.stoppedBy !== "end" && walk.stoppedBy !== "truncated") throw new KafkaError(ErrorCode.CORRUPT_MESSAGE);
  return batches;
}
