/**
 * Reads batches: from the tail in memory, else from the segment.
 *
 * Owns: where a read starts and ends, and that bytes from the disk are served only with the right CRC. Leaves to the caller: how far
 * clients may see (it takes the marks in the turn in which it calls).
 * Invariant: a read gives whole batches, the last one possibly cut by the limit, all of one segment, nothing at or past
 * `upToOffset`.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import type { AbortedTransaction, ReadOptions } from "../partition-log.ts";
import type { SharedBuffer } from "../shared-buffer.ts";
import { inOrderOfRecords } from "./aborted-transactions.ts";
import { LogReadResult } from "./log-read-result.ts";
import type { LogState } from "./log-state.ts";
import type { BatchSpan, Segment } from "./segment.ts";
import type { AbortedTransactionEntry } from "./transaction-index.ts";

/** Up to this much is read in the turn: the page cache gives it in microseconds. */
const MAX_SYNC_READ_BYTES = 64 * 1024;

/** No more is read from the disk at once, save a single batch: all of it is checked in one turn, in some 3 ms. */
const MAX_COLD_READ_BYTES = 16 * 1024 * 1024;

/** What is to be read from a segment. */
interface Extent {
  readonly segment: Segment;
  readonly first: BatchSpan;
  readonly sizeBytes: number;
}

export class LogReader {
  private readonly state: LogState;

  constructor(state: LogState) {
    this.state = state;
  }

  /** @throws KafkaError OFFSET_OUT_OF_RANGE, CORRUPT_MESSAGE; DiskError */
  read(offset: number, options: ReadOptions): LogReadResult | Promise<LogReadResult> {
    const { state } = this;
    if (offset < state.logStartOffset || offset > state.logEndOffset) {
      throw new KafkaError(
        ErrorCode.OFFSET_OUT_OF_RANGE,
        `offset ${offset} is outside ${state.logStartOffset} to ${state.logEndOffset}`,
      );
    }
    const upToOffset = Math.min(options.upToOffset, state.logEndOffset);
    if (offset >= upToOffset) return this.finish(new LogReadResult(offset), offset, options);
    const hot = state.tail.read(offset, upToOffset, options);
    if (hot !== undefined) return this.finish(hot, offset, options);
    const extent = this.extentOf(offset, upToOffset, options);
    if (extent === undefined) return this.finish(new LogReadResult(offset), offset, options);
    return this.readExtent(offset, options, extent);
  }

  private readExtent(offset: number, options: ReadOptions, extent: Extent): LogReadResult | Promise<LogReadResult> {
    const { log } = extent.segment;
    const { sizeBytes } = extent;
    const { position } = extent.first;
    const buffer = this.state.around.tailBudget.pool.acquire(sizeBytes);
    let result: LogReadResult;
    try {
      const target = buffer.buffer.subarray(0, sizeBytes);
      const isSmall = sizeBytes <= MAX_SYNC_READ_BYTES;
      const count = isSmall ? log.read(position, target) : log.readAtHand(position, target);
      if (!isSmall && count < sizeBytes) return this.readRest(offset, options, extent, buffer, count);
      result = this.checked(offset, options, extent, buffer, count);
    } catch (error) {
      buffer.release();
      throw error;
    }
    return this.finish(result, offset, options);
  }

  /** Off the loop, what was not at hand. @param readBytes what is in the buffer already; it is this function's from here on. */
  private async readRest(
    offset: number,
    options: ReadOptions,
    extent: Extent,
    buffer: SharedBuffer,
    readBytes: number,
  ): Promise<LogReadResult> {
    const { state } = this;
    const { truncations } = state;
    let result: LogReadResult | undefined;
    try {
      const target = buffer.buffer.subarray(readBytes, extent.sizeBytes);
      const count = readBytes + (await extent.segment.log.readLarge(extent.first.position + readBytes, target));
      if (state.truncations === truncations) result = this.checked(offset, options, extent, buffer, count);
    } catch (error) {
      buffer.release();
      // The segment may have been cut or removed under the read: then what is there now counts.
      if (state.truncations === truncations && state.segments.has(extent.segment)) throw error;
      return this.read(offset, options);
    }
    if (result !== undefined) return this.finish(result, offset, options);
    buffer.release();
    return this.read(offset, options);
  }

  /** Finds the first batch and how far to read; undefined when nothing may be returned. */
  private extentOf(offset: number, upToOffset: number, options: ReadOptions): Extent | undefined {
    const { segments } = this.state;
    let index = segments.floorIndex(offset);
    let segment = segments.at(index);
    let first = segment?.locate(offset);
    // Cleaning leaves holes, also at the end of a segment.
    while (first === undefined && segment !== undefined) {
      segment = segments.at(++index);
      first = segment?.locate(offset);
    }
    if (segment === undefined || first === undefined || first.lastOffset >= upToOffset) return undefined;
    if (first.sizeBytes > options.maxBytes && !options.minOneBatch) return undefined;
    const limitBytes = Math.max(first.sizeBytes, Math.min(options.maxBytes, MAX_COLD_READ_BYTES));
    let end = Math.min(segment.sizeBytes, first.position + limitBytes);
    const nextBase = segments.at(index + 1)?.baseOffset ?? this.state.logEndOffset;
    if (upToOffset < nextBase) end = Math.min(end, segment.locate(upToOffset)?.position ?? end);
    return { segment, first, sizeBytes: end - first.position };
  }

  /**
   * The result made of bytes from the disk, up to the first batch that is damaged.
   *
   * Differs from Kafka: the CRC of batches read from the disk is checked, so that damage is seen where it can be mended and not by
   * each client.
   */
  private checked(
    offset: number,
    options: ReadOptions,
    extent: Extent,
    buffer: SharedBuffer,
    count: number,
  ): LogReadResult {
    const batches = new BatchIterator(buffer.buffer, 0, count);
    let endOffset = offset;
    let end = 0;
    for (let batch = batches.next(); batch !== undefined; batch = batches.next()) {
      if (!batch.checkCrc()) {
        this.reportDamage(extent, batch.position);
        break;
      }
      endOffset = batch.nextOffset;
      end = batches.position;
    }
    if (end > 0) extent.segment.noteReadEnd(endOffset, extent.first.position + end);
    // A batch that the limit cuts is served as far as it goes, unchecked: clients drop it.
    if (batches.stoppedBy === "truncated" && end > 0 && options.wholeBatches !== true) end = count;
    if (end === 0) {
      this.reportDamage(extent, 0);
      throw new KafkaError(
        ErrorCode.CORRUPT_MESSAGE,
        `the batch at offset ${extent.first.baseOffset} is damaged on the disk`,
      );
    }
    const result = new LogReadResult(offset);
    result.addOwned(buffer.buffer.subarray(0, end), buffer, endOffset);
    return result;
  }

  private reportDamage({ segment, first }: Extent, position: number): void {
    const { directory, around } = this.state;
    around.logger.error(
      { directory: directory.path, segment: segment.baseOffset, position: first.position + position },
      "a batch is damaged on the disk",
    );
  }

  private finish(result: LogReadResult, offset: number, options: ReadOptions): LogReadResult {
    if (!options.abortedTransactions) return result;
    try {
      result.abortedTransactions = result.sizeBytes === 0 ? [] : this.abortedIn(offset, result);
      return result;
    } catch (error) {
      result.release();
      throw error;
    }
  }

  private abortedIn(offset: number, { endOffset, pieces }: LogReadResult): AbortedTransaction[] {
    const { segments } = this.state;
    const found: AbortedTransactionEntry[] = [];
    for (let index = segments.floorIndex(offset); index < segments.length; index++) {
      if ((segments.all[index] as Segment).collectAborted(offset, endOffset, found)) break;
    }
    return inOrderOfRecords(found, offset, pieces);
  }
}
