/**
 * Gives a member the records of a read that are available: new ones behind the end, and those before it that were given back.
 *
 * Owns: how many, in which pieces, and that records which fail again and again are given alone in the end. Leaves to InFlightRecords:
 * what is held. Works on whole batches of the log, as Kafka does: the member tells of records that are not there.
 * KIP-932; KIP-1206: the limit of records is exact on request.
 */
import { Delivery, DeliveryState } from "./delivery.ts";
import type { FetchedBatch } from "./fetched-batch.ts";
import { InFlightBatch } from "./in-flight-batch.ts";
import type { InFlightRecords } from "./in-flight-records.ts";

export interface AcquiredRecords {
  readonly firstOffset: number;
  /** Inclusive. */
  readonly lastOffset: number;
  readonly deliveryCount: number;
}

export interface Acquisition {
  readonly memberId: string;
  /** Of a share partition that nothing is in the way of. */
  readonly maxRecords: number;
  /** Otherwise the last batch of the log is given whole. */
  readonly isExact: boolean;
  /** Records a piece, as near as the batches of the log allow. */
  readonly batchSize: number;
  /** Where the read began. */
  readonly fetchOffset: number;
  readonly fetched: readonly FetchedBatch[];
  readonly lockedUntilMs: number;
  readonly maxDeliveryCount: number;
  /** Records that may be under way. */
  readonly maxRecordLocks: number;
}

export function acquire(held: InFlightRecords, request: Acquisition): AcquiredRecords[] {
  const first = request.fetched[0];
  const limit = limitOf(held, request);
  if (first === undefined || limit.maxRecords <= 0) return [];
  // Between the place asked for and the first batch there is nothing (any more): what is held there can never be delivered.
  if (request.fetchOffset < first.baseOffset) {
    held.archive(request.fetchOffset, first.baseOffset - 1, DeliveryState.AVAILABLE);
  }
  const acquiring = new Acquiring(held, request, Math.max(first.baseOffset, held.startOffset), limit);
  acquiring.run();
  const { acquired } = acquiring;
  const last = acquired[acquired.length - 1];
  // Of a read that gave nothing all is held or done with: a hole in it has no records (any more).
  if (last !== undefined) held.passHoles(last.lastOffset + 1);
  else if (held.firstHole !== undefined && held.firstHole >= request.fetchOffset) held.passHoles(limit.lastOffset + 1);
  return acquired;
}

interface Limit {
  readonly maxRecords: number;
  readonly lastOffset: number;
}

/** What there is room for. At the limit, what lies before the end may be given again all the same. */
function limitOf(held: InFlightRecords, { fetched, fetchOffset, maxRecords, maxRecordLocks }: Acquisition): Limit {
  const lastOffset = fetched[fetched.length - 1]?.lastOffset ?? -1;
  const room = maxRecordLocks - held.recordCount;
  if (room > 0 || fetchOffset > held.endOffset) return { maxRecords: Math.min(maxRecords, room), lastOffset };
  return {
    maxRecords: Math.min(maxRecords, held.endOffset - fetchOffset + 1),
    lastOffset: Math.min(lastOffset, held.endOffset),
  };
}

/** From this delivery on, records are given in smaller and smaller numbers. */
function throttledFrom(maxDeliveryCount: number): number {
  return Math.max(2, Math.ceil(maxDeliveryCount / 2));
}

class Acquiring {
  readonly acquired: AcquiredRecords[] = [];
  private readonly held: InFlightRecords;
  private readonly request: Acquisition;
  /** What the read gave, inclusive, within the limit. */
  private readonly firstOffset: number;
  private readonly lastOffset: number;
  private leftRecords: number;

  constructor(held: InFlightRecords, request: Acquisition, firstOffset: number, limit: Limit) {
    this.held = held;
    this.request = request;
    this.firstOffset = firstOffset;
    this.lastOffset = limit.lastOffset;
    this.leftRecords = limit.maxRecords;
  }

  run(): void {
    const { held } = this;
    const reaching = held.batches[held.floorIndex(this.firstOffset)];
    const from =
      reaching !== undefined && reaching.lastOffset >= this.firstOffset ? reaching.firstOffset : this.firstOffset;
    let next = from;
    for (const batch of held.startingWithin(from, this.lastOffset)) {
      // Holes are records that nobody holds; other gaps are none.
      if (held.firstHole !== undefined && next < batch.firstOffset) this.acquireNew(next, batch.firstOffset - 1);
      if (this.leftRecords <= 0) return;
      next = batch.lastOffset + 1;
      if (!this.acquireHeld(batch)) return;
    }
    if (this.leftRecords > 0 && next <= this.lastOffset) this.acquireNew(next, this.lastOffset);
  }

  /** What is available of a batch that is held; false when nothing more is to be given after it. */
  private acquireHeld(batch: InFlightBatch): boolean {
    const { request, acquired } = this;
    const isThrottled = this.isThrottled(batch);
    // Records that may be what members die of are not given together with others.
    if (isThrottled && acquired.length > 0) return false;
    const isWhole =
      batch.liesWithin(this.firstOffset, this.lastOffset) && !batch.isCutBy(this.held.startOffset) && !isThrottled;
    if (!batch.isSplit) {
      if (!batch.whole.isAvailable) return true;
      const isTooLarge = request.isExact && batch.recordCount > this.leftRecords;
      if (isWhole && !isTooLarge) {
        this.give(batch.whole, batch.firstOffset, batch.lastOffset);
        return true;
      }
      batch.split();
    }
    const count = this.acquireEach(batch);
    return !(isThrottled && count > 0);
  }

  /** Some records of a batch, each by itself; how many. */
  private acquireEach(batch: InFlightBatch): number {
    const { isExact, maxDeliveryCount } = this.request;
    const throttleFrom = throttledFrom(maxDeliveryCount);
    const isolatesLast = maxDeliveryCount > 2;
    const atMost = isExact ? this.leftRecords : Number.POSITIVE_INFINITY;
    let throttledTo = Number.POSITIVE_INFINITY;
    let count = 0;
    batch.visit((delivery, offset) => {
      if (offset < this.firstOffset) return true;
      if (offset > this.lastOffset) return false;
      if (!delivery.isAvailable) return true;
      const isLastDelivery = isolatesLast && delivery.deliveryCount === maxDeliveryCount - 1;
      if (isLastDelivery && count > 0) return false;
      if (delivery.deliveryCount >= throttleFrom && throttledTo === Number.POSITIVE_INFINITY) {
        throttledTo = Math.max(1, batch.recordCount >> (delivery.deliveryCount - throttleFrom + 1));
      }
      this.giveOne(delivery, offset, count === 0);
      count++;
      return !isLastDelivery && count < atMost && count < throttledTo;
    });
    return count;
  }

  private give(delivery: Delivery, firstOffset: number, lastOffset: number): void {
    delivery.acquire(this.request.memberId, this.request.lockedUntilMs);
    this.acquired.push({ firstOffset, lastOffset, deliveryCount: delivery.deliveryCount });
    this.leftRecords -= lastOffset - firstOffset + 1;
  }

  /** Gives one record of a batch; those that follow one another and were delivered as often are told together. */
  private giveOne(delivery: Delivery, offset: number, isFirst: boolean): void {
    this.give(delivery, offset, offset);
    const before = isFirst ? undefined : this.acquired[this.acquired.length - 2];
    if (before?.lastOffset !== offset - 1 || before.deliveryCount !== delivery.deliveryCount) return;
    this.acquired.splice(-2, 2, { ...before, lastOffset: offset });
  }

  private isThrottled(batch: InFlightBatch): boolean {
    const throttleFrom = throttledFrom(this.request.maxDeliveryCount);
    if (!batch.isSplit) return batch.whole.deliveryCount >= throttleFrom;
    return !batch.visit(
      ({ state, deliveryCount }, offset) =>
        offset < this.firstOffset ||
        offset > this.lastOffset ||
        state !== DeliveryState.AVAILABLE ||
        deliveryCount < throttleFrom,
    );
  }

  /** Records that nobody holds, between two offsets, inclusive. */
  private acquireNew(from: number, to: number): void {
    const { held, request } = this;
    const firstOffset = held.batches.length === 0 ? Math.max(from, held.endOffset) : from;
    if (firstOffset > to) return;
    let lastOffset = to;
    if (this.leftRecords < lastOffset - firstOffset + 1) {
      const endOfBatch = this.endOfBatchWith(firstOffset + this.leftRecords - 1);
      // Where holes are filled, what lies behind them is held by somebody.
      lastOffset = held.firstHole !== undefined ? Math.min(endOfBatch, to) : endOfBatch;
    }
    const isFirst = held.batches.length === 0 || firstOffset < (held.batches[0] as InFlightBatch).firstOffset;
    if (request.isExact) this.addExact(firstOffset, lastOffset);
    else this.addInPieces(firstOffset, lastOffset);
    if (isFirst) held.startOffset = firstOffset;
    held.endOffset = Math.max(held.endOffset, lastOffset);
  }

  /** The last offset of the batch of the log that holds an offset. */
  private endOfBatchWith(offset: number): number {
    for (const { baseOffset, lastOffset } of this.request.fetched) {
      if (baseOffset <= offset && lastOffset >= offset) return lastOffset;
    }
    return offset;
  }

  private addInPieces(firstOffset: number, lastOffset: number): void {
    const batchSize = Math.max(1, this.request.batchSize);
    let start = firstOffset;
    if (lastOffset - firstOffset + 1 > batchSize) {
      for (const { baseOffset } of this.request.fetched) {
        if (baseOffset > lastOffset) break;
        if (baseOffset - start < batchSize) continue;
        this.addBatch(start, baseOffset - 1);
        start = baseOffset;
      }
    }
    this.addBatch(start, lastOffset);
  }

  private addBatch(firstOffset: number, lastOffset: number): InFlightBatch {
    const batch = new InFlightBatch(firstOffset, lastOffset, new Delivery(DeliveryState.AVAILABLE, 0));
    this.give(batch.whole, firstOffset, lastOffset);
    this.held.add(batch);
    return batch;
  }

  /** One piece, of as many records as are asked for: the rest of the batch is available to the next. */
  private addExact(firstOffset: number, lastOffset: number): void {
    const lastAcquired = Math.min(lastOffset, firstOffset + this.leftRecords - 1);
    if (lastAcquired === lastOffset) {
      this.addBatch(firstOffset, lastOffset);
      return;
    }
    const batch = new InFlightBatch(firstOffset, lastOffset, new Delivery(DeliveryState.AVAILABLE, 0));
    this.give(batch.whole, firstOffset, lastAcquired);
    batch.splitAvailableAfter(lastAcquired);
    this.held.add(batch);
    this.held.becameAvailable();
  }
}
