/**
 * A Fetch that waits for data (KIP long polling): reads at once, and again whenever one of its partitions moved, until there
 * is enough, something is wrong, or its time is up.
 *
 * Owns: when a response is full enough. Leaves to readPartitions: the limits of a response.
 * Invariant: one read at a time; every LogRead it made is in its answer or released; it answers once, or never when cancelled.
 */
import type { Broker } from "../broker.ts";
import type { Partition } from "../partition/partition.ts";
import { ParkedWatcher } from "../partition/watch-list.ts";
import type { FetchPartition } from "./fetch-session.ts";
import { type FetchParameters, fetchEndOffset, isFollower, type PartitionFetchResult } from "./partition-fetch.ts";
import { bytesRead, type PartitionFetchResults, readPartitions, releaseReads } from "./read-partitions.ts";

export interface FetchLimits {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  /** Partitions of which there is nothing to tell are left out of the results: in a session, where any byte is enough. */
  readonly onlyNews?: boolean;
}

interface Watched {
  readonly request: FetchPartition;
  readonly partition: Partition;
}

export class DelayedFetch extends ParkedWatcher {
  private readonly broker: Broker;
  private readonly requests: readonly FetchPartition[];
  private readonly parameters: FetchParameters;
  private readonly limits: FetchLimits;
  private readonly done: (results: PartitionFetchResults) => void;
  private readonly failed: (error: unknown) => void;
  private readonly startedMs: number;
  private isParked = false;
  /** A read off the loop is under way. */
  private isReading = false;
  /** Something moved while it was. */
  private movedMeanwhile = false;
  private isExpired = false;
  /** The node has not the memory for what is wanted: anything is enough. */
  private isShortened = false;
  private hasEnded = false;
  private watched: readonly Watched[] = [];
  /** What has to be appended, at the least, before another look is worth its while. */
  private missingBytes = 0;
  private appendedBefore = 0;
  private roleChangesBefore = 0;

  /**
   * @param done called once with a result per partition, in order; at once when nothing has to be waited for.
   * @param failed called instead when reading met something that is no outcome of the protocol.
   */
  constructor(
    broker: Broker,
    requests: readonly FetchPartition[],
    parameters: FetchParameters,
    limits: FetchLimits,
    done: (results: PartitionFetchResults) => void,
    failed: (error: unknown) => void,
  ) {
    super();
    this.broker = broker;
    this.requests = requests;
    this.parameters = parameters;
    this.limits = limits;
    this.done = done;
    this.failed = failed;
    this.startedMs = limits.maxWaitMs > 0 ? broker.clock.monotonicMs() : 0;
  }

  start(): void {
    this.look(true);
  }

  /** The client has gone. */
  cancel(): void {
    this.hasEnded = true;
    this.leave();
  }

  private look(arrives: boolean): void {
    const { broker, requests, parameters, limits } = this;
    const grantedBytes = broker.fetchMemory.grant(limits.maxBytes, isFollower(parameters));
    this.isShortened = grantedBytes < this.wantedBytes;
    let results: PartitionFetchResults | Promise<PartitionFetchResults>;
    try {
      results = readPartitions(broker, requests, parameters, grantedBytes, arrives, limits.onlyNews === true);
    } catch (error) {
      // Whoever woke this one has others to wake.
      if (this.end()) this.failed(error);
      return;
    }
    if (!(results instanceof Promise)) {
      this.judge(results);
      return;
    }
    this.isReading = true;
    this.movedMeanwhile = false;
    // What is appended while the disk is read must not be missed.
    if (limits.maxWaitMs > 0) this.parkOnce();
    results.then(
      (cold) => {
        this.isReading = false;
        this.judge(cold);
      },
      (error: unknown) => {
        if (!this.end()) return;
        this.failed(error);
      },
    );
  }

  private judge(results: PartitionFetchResults): void {
    if (this.hasEnded) {
      releaseReads(this.broker, results);
    } else if (this.isExpired || this.isEnough(results)) {
      this.end();
      this.done(results);
    } else {
      this.rememberMissing(results);
      releaseReads(this.broker, results);
      if (this.movedMeanwhile) {
        this.movedMeanwhile = false;
        this.look(false);
      } else {
        this.parkOnce();
      }
    }
  }

  /** True for the first caller. */
  private end(): boolean {
    if (this.hasEnded) return false;
    this.hasEnded = true;
    this.leave();
    return true;
  }

  private parkOnce(): void {
    if (this.isParked) return;
    this.isParked = true;
    const lists = [];
    for (const { topic, partition } of this.requests) {
      const held = topic === null ? undefined : this.broker.partitions.get(topic, partition);
      if (held !== undefined) lists.push(isFollower(this.parameters) ? held.appendWatch : held.highWatermarkWatch);
    }
    const { clock } = this.broker;
    this.park(lists, clock, this.limits.maxWaitMs - (clock.monotonicMs() - this.startedMs));
  }

  private rememberMissing(results: PartitionFetchResults): void {
    this.missingBytes = this.wantedBytes - bytesRead(results);
    this.watched = results.flatMap(({ request, partition }) =>
      partition === undefined ? [] : [{ request, partition }],
    );
    this.appendedBefore = 0;
    this.roleChangesBefore = 0;
    for (const { partition } of this.watched) {
      this.appendedBefore += partition.appendedBytes;
      this.roleChangesBefore += partition.roleChanges;
      // What is in the log but not yet to be read may come to be read without any append.
      if (fetchEndOffset(partition.log, this.parameters) < partition.log.logEndOffset) this.missingBytes = 0;
    }
  }

  override tryComplete(): boolean {
    if (this.isReading) {
      this.movedMeanwhile = true;
      return false;
    }
    if (this.stillTooLittle()) return false;
    this.look(false);
    return this.hasEnded;
  }

  /** Looks without reading: less was appended to the partitions than is missing, nobody's role changed, no segment ended. */
  private stillTooLittle(): boolean {
    if (this.missingBytes <= 1) return false;
    let appended = 0;
    let roleChanges = 0;
    for (const { request, partition } of this.watched) {
      appended += partition.appendedBytes;
      roleChanges += partition.roleChanges;
      if (this.growsNoMore(request, partition)) return false;
    }
    return roleChanges === this.roleChangesBefore && appended - this.appendedBefore < this.missingBytes;
  }

  protected override expire(): void {
    this.isExpired = true;
    if (!this.isReading) this.look(false);
  }

  private get wantedBytes(): number {
    return Math.min(this.limits.minBytes, this.limits.maxBytes);
  }

  private isEnough(results: PartitionFetchResults): boolean {
    const sizeBytes = bytesRead(results);
    if (this.limits.maxWaitMs <= 0 || sizeBytes >= this.wantedBytes || (this.isShortened && sizeBytes > 0)) return true;
    return results.some((result) => this.isFinal(result));
  }

  /** Waiting changes nothing about this one. */
  private isFinal({
    request,
    partition,
    errorCode,
    diverging,
    preferredReadReplica,
    read,
  }: PartitionFetchResult): boolean {
    const isSettled = partition === undefined || errorCode !== 0 || diverging !== undefined;
    if (isSettled || preferredReadReplica !== undefined) return true;
    // Held back: it has to wait, whatever there is.
    return read !== undefined && this.growsNoMore(request, partition);
  }

  /** What is asked for lies in a segment that another one follows. */
  private growsNoMore({ fetchOffset }: FetchPartition, { log }: Partition): boolean {
    const endOffset = fetchEndOffset(log, this.parameters);
    return fetchOffset < endOffset && !log.inSameSegment(fetchOffset, endOffset);
  }
}
