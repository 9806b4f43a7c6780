/**
 * A Fetch that waits for data (KIP long polling): reads at once, and again whenever one of its partitions moved, until there
 * is enough, something is wrong, or its time is up.
 *
 * Owns: the limits of a response and when it is full enough. Invariant: every LogRead it made is in its answer or released.
 */
import type { Broker } from "../broker.ts";
import { ParkedWatcher } from "../partition/watch-list.ts";
import type { FetchPartition } from "./fetch-session.ts";
import { type FetchParameters, fetchPartition, isFollower, type PartitionFetchResult } from "./partition-fetch.ts";

export interface FetchLimits {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly maxBytes: number;
}

export class DelayedFetch extends ParkedWatcher {
  private readonly broker: Broker;
  private readonly requests: readonly FetchPartition[];
  private readonly parameters: FetchParameters;
  private readonly limits: FetchLimits;
  private readonly done: (results: PartitionFetchResult[]) => void;
  private readonly failed: (error: unknown) => void;
  /** What has to be appended, at the least, before another look is worth its while. */
  private missingBytes = 0;
  private appendedBefore = 0;
  private parked = false;
  private gone = false;

  /**
   * @param done called once with a result per partition, in order; at once when nothing has to be waited for.
   * @param failed called instead when reading met something that is no outcome of the protocol.
   */
  constructor(
    broker: Broker,
    requests: readonly FetchPartition[],
    parameters: FetchParameters,
    limits: FetchLimits,
    done: (results: PartitionFetchResult[]) => void,
    failed: (error: unknown) => void,
  ) {
    super();
    this.broker = broker;
    this.requests = requests;
    this.parameters = parameters;
    this.limits = limits;
    this.done = done;
    this.failed = failed;
  }

  start(): void {
    this.withResults((results) => {
      if (this.isEnough(results)) this.done(results);
      else this.wait(results);
    });
  }

  /** The client has gone. */
  cancel(): void {
    this.gone = true;
    this.leave();
  }

  private wait(results: readonly PartitionFetchResult[]): void {
    this.rememberMissing(results);
    const lists = [];
    for (const { partition } of results) {
      if (partition === undefined) continue;
      lists.push(isFollower(this.parameters) ? partition.appendWatch : partition.highWatermarkWatch);
    }
    release(results);
    this.parked = true;
    this.park(lists, this.broker.clock, this.limits.maxWaitMs);
  }

  private rememberMissing(results: readonly PartitionFetchResult[]): void {
    this.missingBytes = this.wantedBytes - totalBytes(results);
    this.appendedBefore = appendedBytes(results);
  }

  override tryComplete(): boolean {
    if (!this.parked) return false;
    if (this.limits.minBytes > 1 && this.stillTooLittle()) return false;
    this.parked = false; // a read off the loop may be under way; one at a time
    this.withResults((results) => {
      if (this.isEnough(results)) {
        if (this.leave()) this.done(results);
        else release(results);
      } else {
        this.rememberMissing(results);
        release(results);
        this.parked = true;
      }
    });
    return true;
  }

  /** Looks without reading: less was appended to the partitions than is missing, and no role changed. */
  private stillTooLittle(): boolean {
    let appended = 0;
    for (const request of this.requests) {
      const partition =
        request.topic === null ? undefined : this.broker.partitions.get(request.topic, request.partition);
      if (partition === undefined || (isFollower(this.parameters) && !partition.isLeader)) return false;
      appended += partition.appendedBytes;
    }
    return appended - this.appendedBefore < this.missingBytes;
  }

  protected override expire(): void {
    if (!this.leave()) return;
    this.withResults((results) => this.done(results));
  }

  private get wantedBytes(): number {
    return Math.min(this.limits.minBytes, this.limits.maxBytes);
  }

  private isEnough(results: readonly PartitionFetchResult[]): boolean {
    if (this.limits.maxWaitMs <= 0 || results.length === 0) return true;
    if (totalBytes(results) >= this.wantedBytes) return true;
    return results.some((result) => result.errorCode !== 0 || result.diverging !== undefined);
  }

  /** Reads every partition in order, within the response's limit, then calls back; in this turn unless cold bytes are read. */
  private withResults(use: (results: PartitionFetchResult[]) => void): void {
    const results: PartitionFetchResult[] = [];
    const finish = (): void => {
      if (this.gone) release(results);
      else use(results);
    };
    const next = (index: number, leftBytes: number, hasData: boolean): void => {
      let left = leftBytes;
      let data = hasData;
      for (let i = index; i < this.requests.length; i++) {
        const request = this.requests[i] as FetchPartition;
        const result = fetchPartition(this.broker, request, this.parameters, Math.max(0, left), !data);
        if (result instanceof Promise) {
          result.then(
            (cold) => {
              results.push(cold);
              const sizeBytes = cold.read?.sizeBytes ?? 0;
              next(i + 1, left - sizeBytes, data || sizeBytes > 0);
            },
            (error: unknown) => {
              release(results);
              if (this.leave()) this.failed(error);
            },
          );
          return;
        }
        results.push(result);
        const sizeBytes = result.read?.sizeBytes ?? 0;
        left -= sizeBytes;
        data ||= sizeBytes > 0;
      }
      finish();
    };
    next(0, this.limits.maxBytes, false);
  }
}

function totalBytes(results: readonly PartitionFetchResult[]): number {
  let total = 0;
  for (const { read } of results) total += read?.sizeBytes ?? 0;
  return total;
}

function appendedBytes(results: readonly PartitionFetchResult[]): number {
  let total = 0;
  for (const { partition } of results) total += partition?.appendedBytes ?? 0;
  return total;
}

/** Gives back what was read and will not be sent. */
export function release(results: readonly PartitionFetchResult[]): void {
  for (const { read } of results) read?.release();
}
