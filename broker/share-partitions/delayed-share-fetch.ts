/**
 * A ShareFetch that waits for records: looks at once, and again whenever one of its partitions moved or had records given back, until
 * there is enough, all has failed, or its time is up.
 *
 * Owns: which partitions are read and how much of each; that a share partition is read for one fetch at a time. Leaves to
 * SharePartition: which of the records a member gets; to whoever asked: the answer.
 * Invariant: every LogRead it made is in its result or released, every share partition it kept from others is given free; it answers
 * once, or never when cancelled.
 */
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { LogRead, ReadOptions } from "../../storage/partition-log.ts";
import type { Broker } from "../broker.ts";
import { ParkedWatcher, type WatchList } from "../partition/watch-list.ts";
import type { AcquiredRecords } from "./acquisition.ts";
import { batchesOf, bytesWithin, type FetchedBatch } from "./fetched-batch.ts";
import type { SharePartition } from "./share-partition.ts";
import type { NamedPartition } from "./share-session.ts";

export interface ShareFetchLimits {
  readonly memberId: string;
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly maxRecords: number;
  readonly batchSize: number;
  readonly isExact: boolean;
  readonly readCommitted: boolean;
}

export interface ShareFetchResult {
  readonly named: NamedPartition;
  readonly error: KafkaError | undefined;
  readonly acquired: readonly AcquiredRecords[];
  /** Views, good until the result is released. */
  readonly records: readonly Buffer[];
}

export interface ShareFetchResults {
  readonly partitions: readonly ShareFetchResult[];
  /** To be called once, when the records have been sent or dropped. */
  release(): void;
}

/** One share partition that is to be read, with what was read of it. */
interface Reading {
  readonly share: SharePartition;
  readonly fetchOffset: number;
  read: LogRead | undefined;
  batches: readonly FetchedBatch[];
}

/** Read at the least, whatever the records were like before. */
const LEAST_READ_BYTES = 64 * 1024;
/** Records are as large as before, give or take. */
const READ_MARGIN = 1.5;
/** Nobody gets more at once: no share partition has more under way. */
const MAX_RECORDS = 10_000;

export class DelayedShareFetch extends ParkedWatcher {
  private readonly broker: Broker;
  private readonly shares: readonly SharePartition[];
  private readonly limits: ShareFetchLimits;
  private readonly done: (results: ShareFetchResults) => void;
  private readonly failed: (error: unknown) => void;
  private readonly startedMs: number;
  private readonly errors = new Map<SharePartition, KafkaError>();
  /** Those whose state was not there when it began. */
  private readonly awaited: ReadonlySet<SharePartition>;
  private isParked = false;
  private isLooking = false;
  private movedMeanwhile = false;
  /** One of its share partitions was being read by another. */
  private mustLookAgain = false;
  private positionBefore = -1;
  private isExpired = false;
  private hasEnded = false;

  constructor(
    broker: Broker,
    shares: readonly SharePartition[],
    limits: ShareFetchLimits,
    done: (results: ShareFetchResults) => void,
    failed: (error: unknown) => void,
  ) {
    super();
    this.broker = broker;
    this.shares = shares;
    this.limits = limits;
    this.awaited = new Set(shares.filter(({ isLoaded }) => !isLoaded));
    this.done = done;
    this.failed = failed;
    this.startedMs = broker.clock.monotonicMs();
  }

  start(): void {
    this.look();
  }

  /** The client has gone. */
  cancel(): void {
    this.hasEnded = true;
    this.leave();
  }

  override tryComplete(): boolean {
    if (this.isLooking) this.movedMeanwhile = true;
    else if (this.hasMoved) this.look();
    return this.hasEnded;
  }

  /** Whether another look may find what the last one did not: whoever is woken for somebody else's sake need not read again. */
  private get hasMoved(): boolean {
    return this.mustLookAgain || this.position !== this.positionBefore;
  }

  private get position(): number {
    let sum = 0;
    for (const { changes, partition } of this.shares) {
      sum += changes + partition.roleChanges + partition.log.highWatermark + partition.log.lastStableOffset;
    }
    return sum;
  }

  protected override expire(): void {
    this.isExpired = true;
    if (!this.isLooking) this.look();
  }

  private look(): void {
    this.isLooking = true;
    this.movedMeanwhile = false;
    this.mustLookAgain = this.shares.some(({ isBeingRead }) => isBeingRead);
    this.positionBefore = this.position;
    const readable = this.shares.filter((share) => this.isReadable(share));
    const grantedBytes = this.broker.fetchMemory.grant(this.limits.maxBytes);
    const readings: Reading[] = [];
    let outcome: Promise<void> | undefined;
    try {
      outcome = this.readFrom(readable, 0, grantedBytes, readings);
    } catch (error) {
      this.fail(error, readings, grantedBytes);
      return;
    }
    if (outcome === undefined) {
      this.judge(readings, grantedBytes);
      return;
    }
    // What is appended while the disk is read must not be missed.
    this.parkOnce();
    outcome.then(
      () => this.judge(readings, grantedBytes),
      (error: unknown) => this.fail(error, readings, grantedBytes),
    );
  }

  private isReadable(share: SharePartition): boolean {
    const isReady = share.isReady();
    // It may just have been found out.
    if (share.failure !== undefined) this.errors.set(share, share.failure);
    return isReady && !share.isBeingRead && share.hasRoom;
  }

  /** Reads the partitions one after another; a promise when the disk is read. */
  private readFrom(
    readable: readonly SharePartition[],
    from: number,
    grantedBytes: number,
    readings: Reading[],
  ): Promise<void> | undefined {
    const evenShareBytes = Math.floor(grantedBytes / Math.max(1, readable.length));
    for (let i = from; i < readable.length; i++) {
      const share = readable[i] as SharePartition;
      if (this.comesNext(share, readings)) continue;
      const hasData = readings.some(({ read }) => read !== undefined && read.sizeBytes > 0);
      const reading = this.readOne(share, evenShareBytes, !hasData, readings);
      if (reading === undefined) continue;
      return reading.then(() => this.readFrom(readable, i + 1, grantedBytes, readings));
    }
    return undefined;
  }

  /**
   * Of the partitions whose state it had to wait for it brings the first that has enough, as Kafka, which answers once that one's state
   * is there. Clients' tests count on it.
   */
  private comesNext(share: SharePartition, readings: readonly Reading[]): boolean {
    if (!this.awaited.has(share) || !readings.some((reading) => this.awaited.has(reading.share))) return false;
    const sizeBytes = sizeOf(readings);
    return sizeBytes > 0 && sizeBytes >= this.limits.minBytes;
  }

  private readOne(
    share: SharePartition,
    maxBytes: number,
    minOneBatch: boolean,
    readings: Reading[],
  ): Promise<void> | undefined {
    const { log } = share.partition;
    try {
      if (share.nextFetchOffset < log.logStartOffset) share.logStartMoved();
      const reading: Reading = { share, fetchOffset: share.nextFetchOffset, read: undefined, batches: [] };
      const { readCommitted } = this.limits;
      const upToOffset = readCommitted ? log.lastStableOffset : log.highWatermark;
      if (reading.fetchOffset >= upToOffset) return undefined;
      const options = { maxBytes, upToOffset, minOneBatch, abortedTransactions: readCommitted };
      const outcome = this.readEnough(reading, options);
      readings.push(reading);
      if (outcome === undefined) return undefined;
      share.isBeingRead = true;
      const finish = (): void => {
        share.isBeingRead = false;
        share.watch.wake();
      };
      return outcome.then(finish, (error: unknown) => {
        finish();
        this.noteError(share, error);
      });
    } catch (error) {
      this.noteError(share, error);
      return undefined;
    }
  }

  /** Reads about as much as the member may have records, and the whole when these turn out to be smaller than before. */
  private readEnough(reading: Reading, options: ReadOptions): Promise<void> | undefined {
    const { share, fetchOffset } = reading;
    const { log } = share.partition;
    const { maxRecords } = this.limits;
    const enoughBytes = Math.ceil(Math.min(maxRecords, MAX_RECORDS) * share.bytesPerRecord * READ_MARGIN);
    const limitBytes = share.bytesPerRecord === 0 ? options.maxBytes : Math.max(LEAST_READ_BYTES, enoughBytes);
    const maxBytes = Math.min(options.maxBytes, limitBytes);
    const take = (read: LogRead): Promise<void> | undefined => {
      const batches = batchesOf(read);
      const next = (batches[batches.length - 1]?.lastOffset ?? fetchOffset - 1) + 1;
      const isAll = maxBytes === options.maxBytes || next - fetchOffset >= maxRecords || next >= options.upToOffset;
      // Where less came than there was room for, a segment ends.
      if (isAll || read.sizeBytes < maxBytes / 2) {
        reading.read = read;
        reading.batches = batches;
        return undefined;
      }
      read.release();
      const whole = log.read(fetchOffset, options);
      return whole instanceof Promise ? whole.then(keep) : keep(whole);
    };
    const keep = (read: LogRead): undefined => {
      reading.read = read;
      reading.batches = batchesOf(read);
    };
    const read = log.read(fetchOffset, { ...options, maxBytes });
    return read instanceof Promise ? read.then(take) : take(read);
  }

  private noteError(share: SharePartition, error: unknown): void {
    if (!(error instanceof KafkaError)) throw error;
    this.errors.set(share, error);
  }

  private judge(readings: readonly Reading[], grantedBytes: number): void {
    const sizeBytes = sizeOf(readings);
    this.broker.fetchMemory.settle(grantedBytes, sizeBytes);
    this.isLooking = false;
    const isEnough = sizeBytes > 0 && sizeBytes >= Math.min(this.limits.minBytes, grantedBytes);
    if (!this.hasEnded && (isEnough || this.isExpired || this.hasFailed || this.limits.maxWaitMs <= 0)) {
      this.answer(readings, sizeBytes);
      return;
    }
    this.drop(readings, sizeBytes);
    if (this.hasEnded) return;
    if (this.movedMeanwhile && this.hasMoved) this.look();
    else this.parkOnce();
  }

  /** Nothing is to be waited for: all partitions failed, or one did while it was waited for. */
  private get hasFailed(): boolean {
    return this.errors.size === this.shares.length || (this.isParked && this.errors.size > 0);
  }

  private drop(readings: readonly Reading[], sizeBytes: number): void {
    this.broker.fetchMemory.give(sizeBytes);
    for (const { read } of readings) read?.release();
  }

  private fail(error: unknown, readings: readonly Reading[], grantedBytes: number): void {
    this.broker.fetchMemory.settle(grantedBytes, 0);
    this.drop(readings, 0);
    this.isLooking = false;
    if (this.hasEnded) return;
    this.cancel();
    this.failed(error);
  }

  private answer(readings: readonly Reading[], sizeBytes: number): void {
    this.cancel();
    const { memberId, batchSize, isExact } = this.limits;
    let leftRecords = this.limits.maxRecords;
    const results = new Map<SharePartition, ShareFetchResult>();
    try {
      for (const { share, fetchOffset, read, batches } of readings) {
        if (read === undefined) continue;
        noteSizes(share, batches);
        const options = { memberId, batchSize, isExact, maxRecords: leftRecords };
        const acquired = share.acquire(options, fetchOffset, batches, read.abortedTransactions);
        for (const { firstOffset, lastOffset } of acquired) leftRecords -= lastOffset - firstOffset + 1;
        results.set(share, resultOf(share, acquired, batches));
        // Others may get what was too much for this one.
        share.watch.wake();
      }
    } catch (error) {
      this.drop(readings, sizeBytes);
      this.failed(error);
      return;
    }
    const partitions = this.shares.map(
      (share) => results.get(share) ?? { named: share.key, error: this.errors.get(share), acquired: [], records: [] },
    );
    this.done({ partitions, release: () => this.drop(readings, sizeBytes) });
  }

  private parkOnce(): void {
    if (this.isParked) return;
    this.isParked = true;
    const lists: WatchList[] = [];
    for (const { partition, watch } of this.shares) lists.push(partition.highWatermarkWatch, watch);
    const { clock } = this.broker;
    this.park(lists, clock, this.limits.maxWaitMs - (clock.monotonicMs() - this.startedMs));
  }
}

function sizeOf(readings: readonly Reading[]): number {
  return readings.reduce((sum, { read }) => sum + (read?.sizeBytes ?? 0), 0);
}

function noteSizes(share: SharePartition, batches: readonly FetchedBatch[]): void {
  const [first, last] = [batches[0], batches[batches.length - 1]];
  if (first === undefined || last === undefined) return;
  let sizeBytes = 0;
  for (const { batch } of batches) sizeBytes += batch.sizeBytes;
  share.bytesPerRecord = sizeBytes / (last.lastOffset - first.baseOffset + 1);
}

function resultOf(
  { key }: SharePartition,
  acquired: readonly AcquiredRecords[],
  batches: readonly FetchedBatch[],
): ShareFetchResult {
  const [first, last] = [acquired[0], acquired[acquired.length - 1]];
  const records =
    first === undefined || last === undefined ? [] : bytesWithin(batches, first.firstOffset, last.lastOffset);
  return { named: key, error: undefined, acquired, records };
}
