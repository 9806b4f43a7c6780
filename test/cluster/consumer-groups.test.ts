/** Consumer groups (KIP-848) on a cluster of three nodes, asked over the wire: served, replicated, and moved with their coordinator. */
import { expect, it } from "vitest";
import { ResourceType } from "../../broker/metadata/metadata-image.ts";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { IncrementalAlterConfigs } from "../../protocol/messages/configs.ts";
import { ConsumerGroupHeartbeat } from "../../protocol/messages/consumer-group.ts";
import { OffsetCommit, OffsetFetch } from "../../protocol/messages/group-offsets.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import { ClusterProbe } from "../support/cluster-probe.ts";
import { WireClient } from "../support/wire-client.ts";

const GROUP = "g";
const PASSING: readonly number[] = [
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
];
const SET = 0;

/** A member that looks for its coordinator whenever the one it had is gone. */
class Reader {
  epoch = 0;
  partitions: number[] = [];
  heartbeatIntervalMs = 0;
  private readonly cluster: Cluster;
  private readonly probe: ClusterProbe;
  private readonly memberId: string;
  private readonly first: Partial<Encode<typeof ConsumerGroupHeartbeat.request>>;
  private topicPartitions: { topicId: string; partitions: number[] }[] = [];

  constructor(cluster: Cluster, probe: ClusterProbe, memberId: string, first: Reader["first"]) {
    this.cluster = cluster;
    this.probe = probe;
    this.memberId = memberId;
    this.first = first;
  }

  join(): Promise<void> {
    return this.heartbeat({ memberEpoch: 0, rebalanceTimeoutMs: 60_000, topicPartitions: [], ...this.first });
  }

  async heartbeat(request: Reader["first"] = {}): Promise<void> {
    const { memberId, epoch: memberEpoch, topicPartitions } = this;
    const body = { groupId: GROUP, memberId, memberEpoch, topicPartitions, ...request };
    const answer = await this.atCoordinator(async (client) => {
      const answered = await client.request(ConsumerGroupHeartbeat, 1, body);
      return PASSING.includes(answered.errorCode) ? undefined : answered;
    });
    expect([answer.errorCode, answer.errorMessage]).toEqual([0, null]);
    this.epoch = answer.memberEpoch;
    this.heartbeatIntervalMs = answer.heartbeatIntervalMs;
    if (answer.assignment === null) return;
    this.topicPartitions = answer.assignment.topicPartitions;
    this.partitions = this.topicPartitions.flatMap(({ partitions }) => partitions).sort((a, b) => a - b);
  }

  commit(partitionIndex: number, committedOffset: number): Promise<number> {
    const topics = [{ name: "t", partitions: [{ partitionIndex, committedOffset, committedMetadata: "" }] }];
    const request = { groupId: GROUP, memberId: this.memberId, generationIdOrMemberEpoch: this.epoch, topics };
    return this.atCoordinator(async (client) => {
      const code = (await client.request(OffsetCommit, 9, request)).topics[0]?.partitions[0]?.errorCode ?? -1;
      return PASSING.includes(code) ? undefined : code;
    });
  }

  committed(): Promise<Decode<typeof OffsetFetch.response>["groups"][number]> {
    const groups = [{ groupId: GROUP, memberId: this.memberId, memberEpoch: this.epoch, topics: null }];
    return this.atCoordinator(async (client) => {
      const [group] = (await client.request(OffsetFetch, 9, { groups })).groups;
      return group === undefined || PASSING.includes(group.errorCode) ? undefined : group;
    });
  }

  /** Asks the coordinator, whichever node it is, until there is an answer. */
  private async atCoordinator<R>(ask: (client: WireClient) => Promise<R | undefined>): Promise<R> {
    let answer: R | undefined;
    await this.probe.until("the coordinator answers", async () => {
      let client: WireClient | undefined;
      try {
        client = await WireClient.connect(this.cluster.node(await this.probe.coordinatorId(GROUP)).address);
        answer = await ask(client);
      } catch {
        return false; // it is gone, or going
      } finally {
        client?.close();
      }
      return answer !== undefined;
    });
    return answer as R;
  }
}

it("R147, R152: the coordinator's node is killed while partitions change hands; members go on in their epochs, with what they have", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  await cluster.createTopic("t", { partitions: 4, configs: { "min.insync.replicas": "2" } });
  const probe = new ClusterProbe(cluster.bootstrapServers);
  const [a, b] = ["a", "b"].map((id) => new Reader(cluster, probe, id, { subscribedTopicRegex: "t+" })) as [
    Reader,
    Reader,
  ];
  const c = new Reader(cluster, probe, "c", { subscribedTopicNames: ["t"], serverAssignor: "range" });
  await a.join();
  // The expression is looked up beside the coordinator.
  await probe.until("a has all", async () => {
    await a.heartbeat();
    return a.partitions.length === 4;
  });
  expect(await a.commit(3, 7)).toBe(0);
  await b.join();
  await a.heartbeat();
  expect(a.partitions).toHaveLength(2);
  const [epochs, partitions] = [[a.epoch, b.epoch], a.partitions];
  const before = await probe.coordinatorId(GROUP);
  await cluster.node(before).kill();
  // a has not said yet that it gave anything up: b gets nothing, whoever coordinates.
  await b.heartbeat();
  expect(await probe.coordinatorId(GROUP)).not.toBe(before);
  expect(b.partitions).toEqual([]);
  expect([a.epoch, b.epoch, a.partitions]).toEqual([...epochs, partitions]);
  await a.heartbeat();
  await b.heartbeat();
  expect([...a.partitions, ...b.partitions].sort()).toEqual([0, 1, 2, 3]);
  expect((await a.committed()).topics[0]?.partitions[0]).toMatchObject({ partitionIndex: 3, committedOffset: 7 });
  await c.join();
  await probe.until("all three share", async () => {
    for (const reader of [a, b, c]) await reader.heartbeat();
    const all = [a, b, c].flatMap((reader) => reader.partitions);
    expect(new Set(all).size).toBe(all.length);
    return all.length === 4 && c.partitions.length > 0;
  });
  await cluster.node(before).restart();
  await probe.close();
});

it("what is set for one group holds from its next heartbeat on", async () => {
  await using cluster = await startCluster({ nodes: 1 });
  await cluster.createTopic("t", { partitions: 1 });
  const probe = new ClusterProbe(cluster.bootstrapServers);
  const a = new Reader(cluster, probe, "a", { subscribedTopicNames: ["t"] });
  await a.join();
  expect([a.epoch, a.partitions, a.heartbeatIntervalMs]).toEqual([2, [0], 5000]);
  const client = await WireClient.connect(cluster.bootstrapServers);
  const configs = [{ name: "consumer.heartbeat.interval.ms", configOperation: SET, value: "6000" }];
  const resources = [{ resourceType: ResourceType.GROUP, resourceName: GROUP, configs }];
  const altered = await client.request(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
  expect(altered.responses[0]?.errorCode).toBe(0);
  client.close();
  await probe.until("the config holds", async () => {
    await a.heartbeat();
    return a.heartbeatIntervalMs === 6000;
  });
  await probe.close();
});
