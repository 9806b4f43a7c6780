/** A fetcher before a leader that says what the test says, over sockets: answers that come when the world has moved on. */
import { afterEach, describe, expect, test } from "vitest";
import { Later } from "../../../broker/dispatch/answer.ts";
import type { RequestInfo } from "../../../broker/dispatch/handler.ts";
import { serve } from "../../../broker/dispatch/handler-table.ts";
import { NodeNetwork } from "../../../broker/network/node-network.ts";
import { RequestMemory } from "../../../broker/network/request-memory.ts";
import { RpcClient } from "../../../broker/network/rpc-client.ts";
import { followedFrom } from "../../../cluster/replication/follower-fetch.ts";
import { ReplicaFetcher } from "../../../cluster/replication/replica-fetcher.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { ListOffsets } from "../../../protocol/messages/list-offsets.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { SILENT_LOGGER } from "../../../storage/logger.ts";
import { NodeClock } from "../../../storage/node-clock.ts";
import { BufferPool } from "../../../storage/shared-buffer.ts";
import { type MinimalNode, startMinimalNode } from "../../broker/network/minimal-node.ts";
import { PartitionWorld, TOPIC_ID } from "../../broker/partition/partition-world.ts";
import { batchOf } from "../../storage/log/log-fixture.ts";

type FetchRequest = Decode<(typeof Fetch)["request"]>;
type FetchResponse = Encode<(typeof Fetch)["response"]>;
type PartitionAnswer = NonNullable<FetchResponse["responses"]>[number]["partitions"][number];

/** Keeps every fetch until the test answers it. */
class ScriptedLeader {
  readonly fetches: { readonly request: FetchRequest; readonly later: Later<FetchResponse> }[] = [];
  bounds = { logStartOffset: 0, logEndOffset: 0 };
  node!: MinimalNode;
  private waiting: (() => void) | undefined;

  async start(): Promise<void> {
    this.node = await startMinimalNode({
      handlers: [
        serve(Fetch, (request, _info: RequestInfo) => {
          const later = new Later<FetchResponse>();
          this.fetches.push({ request, later });
          this.waiting?.();
          return later;
        }),
        serve(ListOffsets, (request) => {
          const asked = request.topics[0]?.partitions[0];
          const offset = asked?.timestamp === -2 ? this.bounds.logStartOffset : this.bounds.logEndOffset;
          const partitions = [{ partitionIndex: 0, errorCode: 0, timestamp: -1, offset, leaderEpoch: 0 }];
          return { throttleTimeMs: 0, topics: [{ name: "t", partitions }] };
        }),
      ],
    });
  }

  /** The nth fetch that came, from 1. */
  async fetch(count: number): Promise<FetchRequest["topics"][number]["partitions"][number] | undefined> {
    while (this.fetches.length < count) {
      await new Promise<void>((resolve) => {
        this.waiting = resolve;
      });
    }
    return this.fetches[count - 1]?.request.topics[0]?.partitions[0];
  }

  answer(count: number, answer: Partial<PartitionAnswer>): void {
    const marks = { partitionIndex: 0, errorCode: 0, highWatermark: 0, lastStableOffset: 0, logStartOffset: 0 };
    const partition = { ...marks, records: null, ...answer } as PartitionAnswer;
    this.fetches[count - 1]?.later.complete({
      ...{ throttleTimeMs: 0, errorCode: 0, sessionId: 0 },
      responses: [{ topicId: TOPIC_ID, partitions: [partition] }],
    });
  }
}

let leader: ScriptedLeader;
let fetcher: ReplicaFetcher;
let world: PartitionWorld;

async function start(values: readonly string[], leaderEpoch: number): Promise<void> {
  leader = new ScriptedLeader();
  await leader.start();
  world = new PartitionWorld({ leader: 2, replicas: [1, 2] });
  values.forEach((value, baseOffset) => {
    world.log.appendAsFollower(batchOf([value], { baseOffset, partitionLeaderEpoch: 1 }), undefined, 1);
  });
  world.apply({ leader: 2, leaderEpoch });
  const clock = new NodeClock();
  const pool = new BufferPool({ maxIdleBytes: 1 << 20, poison: true });
  const rpc = { network: new NodeNetwork(), clock, pool, memory: new RequestMemory(1 << 24) };
  fetcher = new ReplicaFetcher({
    ...{ brokerId: 1, brokerEpoch: () => 7, clock, log: SILENT_LOGGER },
    client: new RpcClient(rpc, leader.node.address, { clientId: "follower", connectTimeoutMs: 1000 }),
    ...{ maxWaitMs: 500, minBytes: 1, partitionMaxBytes: 1 << 20, responseMaxBytes: 1 << 20 },
    ...{ backoffMs: 20, requestTimeoutMs: 30_000 },
  });
  fetcher.follow(followedFrom(world.partition, leaderEpoch));
}

afterEach(async () => {
  fetcher.close();
  await leader.node[Symbol.asyncDispose]();
});

const DIVERGES = { divergingEpoch: { epoch: 1, endOffset: 1 } };

describe("an answer that comes late", () => {
  test("R18: of a partition that was given up and taken up again meanwhile cuts nothing", async () => {
    await start(["a", "b", "c"], 2);
    expect(await leader.fetch(1)).toMatchObject({ fetchOffset: 3, lastFetchedEpoch: 1, currentLeaderEpoch: 2 });
    fetcher.forget(TOPIC_ID, 0);
    fetcher.follow(followedFrom(world.partition, 2));
    leader.answer(1, DIVERGES);
    expect(await leader.fetch(2)).toMatchObject({ fetchOffset: 3, currentLeaderEpoch: 2 });
    expect(world.log.logEndOffset).toBe(3);
    // An answer to what it asks now does.
    leader.answer(2, DIVERGES);
    expect(await leader.fetch(3)).toMatchObject({ fetchOffset: 1 });
    expect(world.log.logEndOffset).toBe(1);
  });

  test("R21: of the epoch before neither cuts nor appends, and what it asks for next is of the new epoch", async () => {
    await start(["a", "b", "c"], 2);
    await leader.fetch(1);
    world.apply({ leader: 2, leaderEpoch: 3 });
    fetcher.follow(followedFrom(world.partition, 3));
    const late = batchOf(["late"], { baseOffset: 3, partitionLeaderEpoch: 2 });
    leader.answer(1, { records: late, highWatermark: 4 });
    expect(await leader.fetch(2)).toMatchObject({ fetchOffset: 3, lastFetchedEpoch: 1, currentLeaderEpoch: 3 });
    expect([world.log.logEndOffset, world.highWatermark]).toEqual([3, 0]);
  });

  test("R23: FENCED, of the epoch before, does not end fetching in the new one", async () => {
    await start(["a"], 2);
    await leader.fetch(1);
    world.apply({ leader: 2, leaderEpoch: 3 });
    fetcher.follow(followedFrom(world.partition, 3));
    leader.answer(1, { errorCode: ErrorCode.FENCED_LEADER_EPOCH });
    expect(await leader.fetch(2)).toMatchObject({ fetchOffset: 1, currentLeaderEpoch: 3 });
    leader.answer(2, { records: batchOf(["b"], { baseOffset: 1, partitionLeaderEpoch: 3 }), highWatermark: 2 });
    expect(await leader.fetch(3)).toMatchObject({ fetchOffset: 2, lastFetchedEpoch: 3 });
    expect([world.log.logEndOffset, world.highWatermark]).toEqual([2, 2]);
  });

  test("R22: an answer without records leaves the epoch of what was fetched last, also in a new epoch", async () => {
    await start(["a", "b"], 2);
    await leader.fetch(1);
    leader.answer(1, {});
    expect(await leader.fetch(2)).toMatchObject({ fetchOffset: 2, lastFetchedEpoch: 1, currentLeaderEpoch: 2 });
    world.apply({ leader: 2, leaderEpoch: 5 });
    fetcher.follow(followedFrom(world.partition, 5));
    leader.answer(2, {});
    expect(await leader.fetch(3)).toMatchObject({ fetchOffset: 2, lastFetchedEpoch: 1, currentLeaderEpoch: 5 });
  });
});

test("R19: out of range below the leader's start, the log is dropped and begun where the leader's begins", async () => {
  await start(["a", "b"], 2);
  await leader.fetch(1);
  leader.bounds = { logStartOffset: 50, logEndOffset: 60 };
  leader.answer(1, { errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, ...DIVERGES });
  expect(await leader.fetch(2)).toMatchObject({ fetchOffset: 50, lastFetchedEpoch: -1, logStartOffset: 50 });
  expect([world.log.logStartOffset, world.log.logEndOffset, world.highWatermark]).toEqual([50, 50, 50]);
});
