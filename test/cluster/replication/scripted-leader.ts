/** A leader that says what the test says, over sockets, and the options of a fetcher before it. */
import { Later } from "../../../broker/dispatch/answer.ts";
import type { RequestInfo } from "../../../broker/dispatch/handler.ts";
import { serve } from "../../../broker/dispatch/handler-table.ts";
import type { Address } from "../../../broker/network/network.ts";
import { NodeNetwork } from "../../../broker/network/node-network.ts";
import { RequestMemory } from "../../../broker/network/request-memory.ts";
import { RpcClient } from "../../../broker/network/rpc-client.ts";
import type { ReplicaFetcherOptions } from "../../../cluster/replication/replica-fetcher.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { ListOffsets } from "../../../protocol/messages/list-offsets.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { SILENT_LOGGER } from "../../../storage/logger.ts";
import { NodeClock } from "../../../storage/node-clock.ts";
import { BufferPool } from "../../../storage/shared-buffer.ts";
import { type MinimalNode, startMinimalNode } from "../../broker/network/minimal-node.ts";
import { TOPIC_ID } from "../../broker/partition/partition-world.ts";

type FetchRequest = Decode<(typeof Fetch)["request"]>;
type FetchResponse = Encode<(typeof Fetch)["response"]>;
type PartitionAnswer = NonNullable<FetchResponse["responses"]>[number]["partitions"][number];

/** Keeps every fetch until the test answers it. */
export class ScriptedLeader {
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

/** @param address the leader's. */
export function fetcherOptions(address: Address): ReplicaFetcherOptions {
  const clock = new NodeClock();
  const pool = new BufferPool({ maxIdleBytes: 1 << 20, poison: true });
  const rpc = { network: new NodeNetwork(), clock, pool, memory: new RequestMemory(1 << 24) };
  return {
    ...{ brokerId: 1, brokerEpoch: () => 7, clock, log: SILENT_LOGGER },
    client: new RpcClient(rpc, address, { clientId: "follower", connectTimeoutMs: 1000 }),
    ...{ maxWaitMs: 500, minBytes: 1, partitionMaxBytes: 1 << 20, responseMaxBytes: 1 << 20 },
    ...{ backoffMs: 20, requestTimeoutMs: 30_000 },
  };
}
