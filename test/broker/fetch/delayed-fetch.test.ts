/** Fetches that wait: for how long, for what, what wakes them, and that nothing they read is kept. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { DelayedFetch, type FetchLimits } from "../../../broker/fetch/delayed-fetch.ts";
import type { FetchPartition } from "../../../broker/fetch/fetch-session.ts";
import type { FetchParameters } from "../../../broker/fetch/partition-fetch.ts";
import { bytesRead, type PartitionFetchResults, releaseReads } from "../../../broker/fetch/read-partitions.ts";
import type { Partition } from "../../../broker/partition/partition.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { SeededRandom } from "../../simulation/seeded-random.ts";
import { SimulatedDisk } from "../../simulation/simulated-disk.ts";
import { batchOf, batchOfSize } from "../../storage/log/log-fixture.ts";
import {
  brokerImage,
  FixedBroker,
  type FixedBrokerOptions,
  type PartitionOptions,
} from "../../support/fixed-broker.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { endOfTurn as endOfThisTurn } from "../partition/partition-world.ts";

const CONSUMER: FetchParameters = {
  replicaId: -1,
  replicaEpoch: -1,
  readCommitted: false,
  mayReadFromFollower: true,
  rackId: "",
};
const FOLLOWER: FetchParameters = { ...CONSUMER, replicaId: 2, replicaEpoch: 5 };
const MINUTE_MS = 60_000;

let world: World;
afterEach(() => world.fixed.close());

interface Answered {
  readonly results: PartitionFetchResults[];
  readonly errors: unknown[];
  readonly delayed: DelayedFetch;
}

class World {
  readonly clock = new ManualClock();
  readonly fixed: FixedBroker;

  constructor(options: FixedBrokerOptions = {}) {
    this.fixed = new FixedBroker({ clock: this.clock, ...options });
  }

  partition(index = 0): Partition {
    const partition = this.fixed.broker.partitions.get("t", index);
    if (partition === undefined) throw new Error("no such partition");
    return partition;
  }

  /** What the turn set in motion, and the poll of the (absent) sockets behind it. */
  async endOfTurn(): Promise<void> {
    await endOfThisTurn();
    this.clock.poll();
    await endOfThisTurn();
  }

  append(batch: Buffer, index = 0): void {
    const partition = this.partition(index);
    // A copy: offsets are written into what is appended.
    const prepared = partition.log.prepare(Buffer.from(batch), undefined, { origin: "client" });
    if (prepared instanceof Promise) throw new Error("prepared elsewhere");
    partition.append(prepared, false);
  }

  /** Fetches from partitions of topic t; offsets by partition. */
  fetch(
    offsets: readonly number[],
    limits: Partial<FetchLimits> = {},
    parameters = CONSUMER,
    request: Partial<FetchPartition> = {},
  ): Answered {
    const results: PartitionFetchResults[] = [];
    const errors: unknown[] = [];
    const requests = offsets.map((fetchOffset, partition) => ({
      ...{ topic: "t", topicId: ZERO_UUID, partition, currentLeaderEpoch: -1, fetchOffset, lastFetchedEpoch: -1 },
      ...{ logStartOffset: 0, maxBytes: 1 << 20, toldHighWatermark: -1, toldLogStartOffset: -1, isNamed: true },
      ...request,
    }));
    const delayed = new DelayedFetch(
      this.fixed.broker,
      requests,
      parameters,
      { maxWaitMs: MINUTE_MS, minBytes: 1, maxBytes: 1 << 20, ...limits },
      (read) => results.push(read),
      (error) => errors.push(error),
    );
    delayed.start();
    return { results, errors, delayed };
  }

  /** Nobody waits, nothing is read and kept. */
  expectNothingLeft(): void {
    const { highWatermarkWatch, appendWatch } = this.partition();
    const { usedBytes } = this.fixed.broker.fetchMemory;
    expect([this.clock.pending, highWatermarkWatch.size, appendWatch.size, usedBytes]).toEqual([0, 0, 0, 0]);
  }
}

function start(options: PartitionOptions = {}, broker: FixedBrokerOptions = {}, partitionCount = 1): World {
  world = new World(broker);
  world.fixed.createTopic("t", partitionCount, options);
  return world;
}

/** Sizes by partition of the one answer there is. */
function sizes({ results }: Answered): (number | undefined)[] {
  expect(results).toHaveLength(1);
  const [only] = results;
  if (only === undefined) return [];
  releaseReads(world.fixed.broker, only);
  return only.map(({ errorCode, read }) => (errorCode === 0 ? read?.sizeBytes : -errorCode));
}

describe("how long", () => {
  test("as long as it is told, to the largest time there is, and no timer is left when the client goes", () => {
    const { clock } = start();
    const short = world.fetch([0], { maxWaitMs: 500 });
    clock.advance(499);
    expect(short.results).toHaveLength(0);
    clock.advance(1);
    expect(sizes(short)).toEqual([0]);
    const forever = world.fetch([0], { maxWaitMs: 0x7fffffff });
    clock.advance(24 * 3_600_000);
    expect([forever.results.length, clock.pending]).toEqual([0, 1]);
    forever.delayed.cancel();
    world.append(batchOf(["a"]));
    world.expectNothingLeft();
    expect(forever.results).toEqual([]);
  });

  test("not at all without a time to wait", () => {
    start();
    for (const maxWaitMs of [0, -1]) expect(sizes(world.fetch([0], { maxWaitMs }))).toEqual([0]);
    expect(sizes(world.fetch([0], { minBytes: 0 }))).toEqual([0]);
    expect(sizes(world.fetch([0], { minBytes: -5 }))).toEqual([0]);
    world.expectNothingLeft();
  });
});

describe("for what", () => {
  test("until there is enough, of all partitions together, once per turn", async () => {
    start({}, {}, 3);
    const batch = batchOfSize(200);
    const waiting = world.fetch([0, 0, 0], { minBytes: 2 * batch.length });
    world.append(batch, 1);
    await world.endOfTurn();
    expect(waiting.results).toHaveLength(0);
    world.append(batch, 0);
    world.append(batch, 2); // in the same turn: it is in the answer too
    await world.endOfTurn();
    expect(sizes(waiting)).toEqual([batch.length, batch.length, batch.length]);
    world.expectNothingLeft();
  });

  test("what the high watermark uncovers step by step counts, though nothing is appended", async () => {
    start({ replicas: [1, 2] });
    const batch = batchOfSize(200);
    const waiting = world.fetch([0], { minBytes: 2 * batch.length });
    world.append(batch);
    world.append(batch);
    world.partition().followerFetched(2, 1, 0, 1);
    await world.endOfTurn();
    expect(waiting.results).toHaveLength(0);
    world.partition().followerFetched(2, 2, 0, 1);
    await world.endOfTurn();
    expect(sizes(waiting)).toEqual([2 * batch.length]);
  });

  test("a follower is woken by the append, a consumer by the high watermark", async () => {
    start({ replicas: [1, 2] });
    const batch = batchOf(["a"]);
    const follower = world.fetch([0], {}, FOLLOWER);
    const consumer = world.fetch([0]);
    world.append(batch);
    await world.endOfTurn();
    expect(sizes(follower)).toEqual([batch.length]);
    expect(consumer.results).toHaveLength(0);
    world.partition().followerFetched(2, 1, 0, 1);
    await world.endOfTurn();
    expect(sizes(consumer)).toEqual([batch.length]);
  });

  test("a segment that grows no more gives what it has", async () => {
    start({ configs: { "segment.bytes": "1048576" } });
    const batch = batchOfSize(600_000);
    world.append(batch);
    const waiting = world.fetch([0], { minBytes: 1_500_000, maxBytes: 4 << 20 }, CONSUMER, { maxBytes: 4 << 20 });
    expect(waiting.results).toHaveLength(0);
    world.append(batch); // does not fit the first segment any more
    await world.endOfTurn();
    expect(sizes(waiting)).toEqual([batch.length]);
    expect(sizes(world.fetch([0], { minBytes: 1_500_000, maxBytes: 4 << 20 }))).toEqual([batch.length]);
  });
});

describe("what ends it", () => {
  // Kafka looks at these whenever a partition's role changes, however many bytes are missing.
  const limits = { minBytes: 1 << 20 };

  test("R11: another leader epoch", async () => {
    start();
    const known = world.fetch([0], limits, CONSUMER, { currentLeaderEpoch: 0 });
    const unchecked = world.fetch([0], limits);
    world.fixed.changePartition("t", 0, { leaderEpoch: 1, partitionEpoch: 1 });
    await world.endOfTurn();
    expect(sizes(known)).toEqual([-ErrorCode.FENCED_LEADER_EPOCH]);
    expect(unchecked.results).toHaveLength(0);
    unchecked.delayed.cancel();
  });

  test("R54: another leader, for those who need one", async () => {
    start({ replicas: [1, 2] });
    const old = world.fetch([0], limits, { ...CONSUMER, mayReadFromFollower: false });
    const fromFollower = world.fetch([0], limits);
    world.fixed.changePartition("t", 0, { leader: 2, leaderEpoch: 1, partitionEpoch: 1 });
    await world.endOfTurn();
    expect(sizes(old)).toEqual([-ErrorCode.NOT_LEADER_OR_FOLLOWER]);
    expect(fromFollower.results).toHaveLength(0);
    fromFollower.delayed.cancel();
  });

  test("R162: the topic is deleted", async () => {
    start({}, {}, 2);
    const waiting = world.fetch([0, 0], limits);
    world.fixed.deleteTopic("t");
    await world.endOfTurn();
    expect(sizes(waiting)).toEqual([-ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, -ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    expect(world.clock.pending).toBe(0);
  });

  test("R82: the log goes offline", async () => {
    const disk = simulatedDisk();
    start({}, { disk });
    const waiting = world.fetch([0], limits);
    disk.faults.add({ operation: "append", error: "io" });
    expect(() => world.append(batchOf(["a"]))).toThrow("KAFKA_STORAGE_ERROR");
    await world.endOfTurn();
    expect(sizes(waiting)).toEqual([-ErrorCode.KAFKA_STORAGE_ERROR]);
  });
});

describe("R17: a follower's arrival", () => {
  test("counts once, and not when it is answered with a divergence or an error", async () => {
    start({ replicas: [1, 2] });
    const follower2 = { ...brokerImage(2, { host: "127.0.0.1", port: 1 }), brokerEpoch: 5 };
    world.fixed.apply([follower2], world.fixed.topics);
    world.append(batchOf(["a"]));
    const follower = () => world.partition().leader?.follower(2);
    world.fetch([0], {}, FOLLOWER, { lastFetchedEpoch: 0, fetchOffset: 5 });
    world.fetch([0], {}, FOLLOWER, { fetchOffset: 7 });
    const fenced = world.fetch([0], {}, { ...FOLLOWER, replicaEpoch: 4 }); // an earlier incarnation
    expect(sizes(fenced)).toEqual([-ErrorCode.NOT_LEADER_OR_FOLLOWER]);
    expect(follower()?.logEndOffset).toBe(-1);
    const parked = world.fetch([0], {}, FOLLOWER, { fetchOffset: 1 });
    expect([follower()?.logEndOffset, world.partition().log.highWatermark]).toEqual([1, 1]);
    // The broker restarts with an empty disk while its old fetch is parked here: what that one said is history.
    world.partition().replicaRestarted(2, 6);
    world.append(batchOf(["b"]));
    await world.endOfTurn();
    expect(parked.results).toHaveLength(1);
    expect(follower()?.logEndOffset).toBe(-1);
  });

  test("tells the follower the high watermark that its own fetch moved", () => {
    start({ replicas: [1, 2] });
    world.append(batchOf(["a"]));
    const { results } = world.fetch([1], { maxWaitMs: 0 }, FOLLOWER);
    expect(results[0]?.[0]).toMatchObject({ highWatermark: 1, errorCode: 0 });
  });
});

function simulatedDisk(later?: (kind: string, delayMs: number, run: () => void) => void): SimulatedDisk {
  const disk = new SimulatedDisk({ random: new SeededRandom(1), ...(later === undefined ? {} : { later }) });
  disk.makeDirectory("/data");
  return disk;
}

describe("bytes from the disk", () => {
  const large = batchOfSize(100_000);

  /** A broker that keeps nothing in memory, on a disk whose large reads end when the test says so. */
  function startCold(partitionCount = 1): { readonly reads: (() => void)[]; readonly disk: SimulatedDisk } {
    const reads: (() => void)[] = [];
    const disk = simulatedDisk((kind, _delayMs, run) => {
      if (/read/i.test(kind)) reads.push(run);
      else run();
    });
    start({}, { disk, tailBytes: 0 }, partitionCount);
    return { reads, disk };
  }

  async function finish(reads: (() => void)[]): Promise<void> {
    for (const run of reads.splice(0)) run();
    await world.endOfTurn();
  }

  test("are waited for, partition by partition, in order", async () => {
    const { reads } = startCold(3);
    world.append(large, 0);
    world.append(batchOf(["a"]), 1);
    world.append(large, 2);
    const fetch = world.fetch([0, 0, 0]);
    expect([reads.length, fetch.results.length]).toEqual([1, 0]);
    await finish(reads);
    await finish(reads);
    expect(sizes(fetch)).toEqual([large.length, batchOf(["a"]).length, large.length]);
    expect(world.fixed.pool.usedBytes).toBe(0);
    world.expectNothingLeft();
  });

  test("are given back when the client goes meanwhile", async () => {
    const { reads } = startCold();
    world.append(large);
    const fetch = world.fetch([0]);
    fetch.delayed.cancel();
    await finish(reads);
    expect([fetch.results.length, world.fixed.pool.usedBytes]).toEqual([0, 0]);
    world.expectNothingLeft();
  });

  test("what is appended while they are read is not missed", async () => {
    const { reads } = startCold();
    world.append(large);
    const fetch = world.fetch([0], { minBytes: 2 * large.length });
    world.append(large);
    await world.endOfTurn();
    await finish(reads);
    await finish(reads);
    expect(sizes(fetch)).toEqual([2 * large.length]);
    expect(world.fixed.pool.usedBytes).toBe(0);
    world.expectNothingLeft();
  });

  test("are answered once when the time is up while they are read", async () => {
    const { reads } = startCold();
    world.append(large);
    const fetch = world.fetch([0], { minBytes: 1 << 20, maxWaitMs: 100 });
    world.clock.advance(100);
    expect(fetch.results).toHaveLength(0);
    await finish(reads);
    expect(sizes(fetch)).toEqual([large.length]);
    world.clock.advance(1000);
    expect(fetch.results).toHaveLength(1);
    expect(world.fixed.pool.usedBytes).toBe(0);
    world.expectNothingLeft();
  });

  test("that cannot be read are that partition's error alone", async () => {
    const { reads, disk } = startCold(2);
    world.append(large, 0);
    world.append(batchOf(["a"]), 1);
    disk.faults.add({ operation: "read", error: "io", path: /t-0/ });
    const fetch = world.fetch([0, 0]);
    await finish(reads);
    expect(sizes(fetch)).toEqual([-ErrorCode.KAFKA_STORAGE_ERROR, batchOf(["a"]).length]);
    expect(bytesRead(fetch.results[0] ?? [])).toBeGreaterThan(0);
    expect(world.fixed.pool.usedBytes).toBe(0);
  });
});

describe("an error that is no outcome of the protocol", () => {
  test("ends the fetch that meets it when it is woken, and nobody else's", async () => {
    const { fixed } = start({}, {}, 2);
    const hit = world.fetch([0]);
    const both = world.fetch([0, 0]);
    const other = new Promise<void>((resolve) => {
      const tryComplete = (): boolean => {
        resolve();
        return true;
      };
      world.partition(1).highWatermarkWatch.add({ tryComplete });
    });
    const { log } = world.partition(0);
    const read = vi.spyOn(log, "read").mockImplementation(() => {
      throw new TypeError("broken");
    });
    world.append(batchOf(["a"]), 0);
    world.append(batchOf(["b"]), 1);
    await world.endOfTurn();
    await other;
    expect([hit, both].map(({ results, errors }) => [results.length, String(errors)])).toEqual([
      [0, "TypeError: broken"],
      [0, "TypeError: broken"],
    ]);
    read.mockRestore();
    expect([fixed.broker.fetchMemory.usedBytes, world.clock.pending]).toEqual([0, 0]);
  });
});
