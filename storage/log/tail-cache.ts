/**
 * The newest batches of one log in memory: replication and consumers at the end of the log never touch the disk.
 *
 * Owns: which batches are there. Large ones stay in the buffer they came in, small ones are copied into chunks. Leaves the budget
 * to TailBudget; marks (high watermark, last stable offset) to the reader.
 * Invariant: the runs hold every batch from the first of them to the log end, or there are none.
 */

import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import type { RecordBatch } from "../../protocol/records/record-batch.ts";
import type { ReadOptions } from "../partition-log.ts";
import type { SharedBuffer } from "../shared-buffer.ts";
import { LogReadResult } from "./log-read-result.ts";
import type { TailBudget, TailHolder } from "./tail-budget.ts";
import { TailRun } from "./tail-run.ts";

const CHUNK_BYTES = 64 * 1024;
/** Copying less than this costs less than holding what it came in. */
const MIN_SHARED_BYTES = 16 * 1024;

export class TailCache implements TailHolder {
  private readonly budget: TailBudget;
  private readonly runs: TailRun[] = [];
  /** Small batches are copied behind what it holds; owned by the budget. */
  private chunk: SharedBuffer | undefined;
  private chunkUsed = 0;

  constructor(budget: TailBudget) {
    this.budget = budget;
  }

  /** First offset that is here; undefined when nothing is. */
  get startOffset(): number | undefined {
    return this.runs[0]?.baseOffset;
  }

  /**
   * Takes in whole batches that were appended to a segment. They go behind what is here; `owner` is retained, or the bytes are
   * copied when there is none or they are few.
   */
  add(records: Buffer, owner: SharedBuffer | undefined, segmentBaseOffset: number): void {
    if (owner !== undefined && records.length >= MIN_SHARED_BYTES) {
      this.addRun(records, owner, 0, segmentBaseOffset);
    } else if (records.length <= CHUNK_BYTES) {
      this.copyToChunk(records, segmentBaseOffset);
    } else {
      const copy = this.budget.pool.acquire(records.length);
      records.copy(copy.buffer);
      this.addRun(copy.buffer.subarray(0, records.length), copy, 0, segmentBaseOffset);
      copy.release();
    }
  }

  /**
   * Batches from the one that holds `offset` on, of one segment; undefined when it is not here.
   * @param upToOffset exclusive; a batch that reaches it is left out.
   */
  read(offset: number, upToOffset: number, options: ReadOptions): LogReadResult | undefined {
    const { runs } = this;
    if (runs.length === 0 || offset < (runs[0] as TailRun).baseOffset) return undefined;
    let index = this.indexOfRun(offset);
    const firstRun = runs[index];
    const batch = firstRun?.find(offset);
    if (firstRun === undefined || batch === undefined) return undefined;
    const result = new LogReadResult(offset);
    if (batch.lastOffset >= upToOffset) return result;
    let left = options.maxBytes;
    if (batch.sizeBytes > left) {
      if (!options.minOneBatch) return result;
      left = batch.sizeBytes;
    }
    let at = batch.position;
    for (let run: TailRun | undefined = firstRun; run !== undefined && left > 0; run = runs[++index]) {
      if (run.segmentBaseOffset !== firstRun.segmentBaseOffset || run.baseOffset >= upToOffset) break;
      if (run !== firstRun) at = run.start;
      const limit = upToOffset >= run.endOffset ? run.end : (run.find(upToOffset) as RecordBatch).position;
      const cut = Math.min(limit, at + left);
      const end = cut < limit && options.wholeBatches === true ? run.boundaryAt(cut) : cut;
      if (end === at) break;
      result.addShared(run.buffer.subarray(at, end), run.owner, run.endOffsetAt(end));
      left -= end - at;
      if (end < run.end) break;
    }
    return result;
  }

  /** Drops the batch that reaches `offset` and all behind it. */
  truncateTo(offset: number): void {
    this.endChunk();
    for (let run = this.runs.at(-1); run !== undefined && run.endOffset > offset; run = this.runs.at(-1)) {
      if (run.truncateTo(offset)) break;
      this.runs.pop();
      this.dropUnless(run.owner);
    }
  }

  /** Drops batches whose segments start below `offset`. */
  forgetSegmentsBefore(offset: number): void {
    while (this.runs.length > 0 && (this.runs[0] as TailRun).segmentBaseOffset < offset) {
      const run = this.runs.shift() as TailRun;
      this.dropUnless(run.owner);
    }
  }

  clear(): void {
    this.endChunk();
    for (const run of this.runs.splice(0)) this.budget.drop(run.owner, this);
  }

  evict(owner: SharedBuffer): void {
    if (owner === this.chunk) this.chunk = undefined;
    const last = this.runs.findLastIndex((run) => run.owner === owner);
    const gone = this.runs.splice(0, last + 1);
    for (const run of gone) if (run.owner !== owner) this.dropUnless(run.owner);
  }

  private copyToChunk(records: Buffer, segmentBaseOffset: number): void {
    if (this.chunk === undefined || this.chunkUsed + records.length > CHUNK_BYTES) {
      this.endChunk();
      const chunk = this.budget.pool.acquire(CHUNK_BYTES);
      this.chunk = chunk;
      this.chunkUsed = 0;
      this.budget.hold(chunk, this);
      chunk.release();
      // The budget may be too small for a single chunk.
      if (this.chunk === undefined) {
        this.clear();
        return;
      }
    }
    const { chunk, chunkUsed } = this;
    records.copy(chunk.buffer, chunkUsed);
    this.chunkUsed += records.length;
    this.addRun(chunk.buffer, chunk, chunkUsed, segmentBaseOffset, chunkUsed + records.length);
  }

  /** Bytes of the buffer from `start` to `end` are batches behind all that is here. */
  private addRun(
    buffer: Buffer,
    owner: SharedBuffer,
    start: number,
    segmentBaseOffset: number,
    end = buffer.length,
  ): void {
    const batches = new BatchIterator(buffer, start, end);
    let run = this.runs.at(-1);
    for (let batch = batches.next(); batch !== undefined; batch = batches.next()) {
      const { baseOffset } = batch;
      if (
        run === undefined ||
        run.buffer !== buffer ||
        run.end !== batch.position ||
        run.segmentBaseOffset !== segmentBaseOffset
      ) {
        run = new TailRun(owner, buffer, batch.position, baseOffset, segmentBaseOffset);
        this.runs.push(run);
      }
      run.grow(batch.sizeBytes, baseOffset, batch.nextOffset);
    }
    this.budget.hold(owner, this);
  }

  private indexOfRun(offset: number): number {
    const { runs } = this;
    let low = 0;
    let high = runs.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((runs[middle] as TailRun).endOffset > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Nothing more is copied into the chunk. */
  private endChunk(): void {
    const { chunk } = this;
    this.chunk = undefined;
    if (chunk !== undefined) this.dropUnless(chunk);
  }

  /** Gives a buffer up unless batches lie in it, or more are to be copied there. */
  private dropUnless(owner: SharedBuffer): void {
    if (owner === this.chunk || this.runs.some((run) => run.owner === owner)) return;
    this.budget.drop(owner, this);
  }
}
