/**
 * What a cluster really holds, asked over the wire: partitions, codecs of stored batches, groups, committed offsets.
 *
 * Owns: finding the broker to ask. Leaves to the tests: what is expected.
 */
import { Reader } from "../../protocol/bytes/reader.ts";
import { ConsumerGroupDescribe } from "../../protocol/messages/consumer-group.ts";
import { ConsumerProtocolAssignment } from "../../protocol/messages/consumer-protocol.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { FindCoordinator } from "../../protocol/messages/find-coordinator.ts";
import { OffsetFetch } from "../../protocol/messages/group-offsets.ts";
import { DescribeGroups } from "../../protocol/messages/groups-admin.ts";
import { ListOffsets } from "../../protocol/messages/list-offsets.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";
import { CreateTopics } from "../../protocol/messages/topics.ts";
import { decode } from "../../protocol/schema/codec.ts";
import { WireClient } from "./wire-client.ts";

export const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type Codec = (typeof CODECS)[number];

export interface GroupView {
  readonly type: "classic" | "consumer" | "none";
  /** Stable, Empty, PreparingRebalance, ... */
  readonly state: string;
  /** Of the members, in the order of their assignments. */
  readonly memberIds: readonly string[];
  /** The partitions of each member, ascending. */
  readonly assignments: readonly (readonly number[])[];
}

const GROUP_ID_NOT_FOUND = 69;

/** Of a record batch, from its start. */
const BATCH_LENGTH_AT = 8;
const BATCH_OVERHEAD_BYTES = 12;
const ATTRIBUTES_AT = 21;

export class ClusterProbe {
  private readonly bootstrapServers: string;
  private readonly connections = new Map<string, Promise<WireClient>>();

  constructor(bootstrapServers: string) {
    this.bootstrapServers = bootstrapServers;
  }

  async close(): Promise<void> {
    for (const connection of this.connections.values()) (await connection).close();
    this.connections.clear();
  }

  async createTopic(topic: string, partitions: number): Promise<void> {
    const client = await this.controller();
    const { topics } = await client.request(CreateTopics, 5, {
      topics: [{ name: topic, numPartitions: partitions, replicationFactor: -1, assignments: [], configs: [] }],
    });
    const errorCode = topics[0]?.errorCode;
    if (errorCode !== 0) throw new Error(`CreateTopics ${topic}: error ${errorCode}`);
    await this.untilServed(topic, partitions);
  }

  /** Waits until every partition is served by its leader: a topic is known a little earlier, and clients then try again. */
  async untilServed(topic: string, partitions: number): Promise<void> {
    await this.until(`${topic} is served`, async () => {
      const leaders = await this.leaders(topic);
      if (leaders.size !== partitions) return false;
      for (const [partitionIndex, address] of leaders) {
        const client = await this.connect(address);
        const answer = await client.request(ListOffsets, 4, {
          replicaId: -1,
          topics: [{ name: topic, partitions: [{ partitionIndex, timestamp: -2 }] }],
        });
        if (answer.topics[0]?.partitions[0]?.errorCode !== 0) return false;
      }
      return true;
    });
  }

  /** The number of partitions; 0 when there is no such topic. */
  async partitionCount(topic: string): Promise<number> {
    return (await this.leaders(topic)).size;
  }

  /** The codec of each stored batch. */
  async storedCodecs(topic: string): Promise<Codec[]> {
    const codecs: Codec[] = [];
    for (const [partition, address] of await this.leaders(topic)) {
      let offset = 0;
      for (;;) {
        const batches = await this.fetch(await this.connect(address), topic, partition, offset);
        if (batches.length === 0) break;
        for (const batch of batches) {
          codecs.push(CODECS[batch.readInt16BE(ATTRIBUTES_AT) & 7] as Codec);
          offset = Number(batch.readBigInt64BE(0)) + batch.readInt32BE(23) + 1;
        }
      }
    }
    return codecs;
  }

  async group(groupId: string): Promise<GroupView> {
    const client = await this.coordinator(groupId);
    const { groups } = await client.request(DescribeGroups, 4, { groups: [groupId] });
    const group = groups[0];
    // Of groups that are not classic it says that they are dead.
    if (group?.groupState === "Dead") return this.consumerGroup(client, groupId);
    if (group === undefined || group.errorCode !== 0)
      return { type: "none", state: `error ${group?.errorCode}`, memberIds: [], assignments: [] };
    return {
      type: "classic",
      state: group.groupState,
      memberIds: group.members.map(({ memberId }) => memberId),
      assignments: group.members.map((member) => partitionsOf(member.memberAssignment)),
    };
  }

  private async consumerGroup(client: WireClient, groupId: string): Promise<GroupView> {
    const request = { groupIds: [groupId], includeAuthorizedOperations: false };
    const [group] = (await client.request(ConsumerGroupDescribe, 0, request)).groups;
    if (group === undefined || group.errorCode !== 0)
      return {
        state: group?.errorCode === GROUP_ID_NOT_FOUND ? "Dead" : `error ${group?.errorCode}`,
        type: "none",
        memberIds: [],
        assignments: [],
      };
    const partitions = (member: (typeof group.members)[number]): number[] =>
      member.assignment.topicPartitions.flatMap((topic) => topic.partitions).sort((a, b) => a - b);
    return {
      type: "consumer",
      state: group.groupState,
      memberIds: group.members.map(({ memberId }) => memberId),
      assignments: group.members.map(partitions),
    };
  }

  /** The sum of a group's committed offsets on a topic; partitions without one count as 0. */
  async committed(groupId: string, topic: string): Promise<number> {
    const offsets = await this.committedOffsets(groupId, topic);
    return [...offsets.values()].reduce((sum, offset) => sum + Math.max(0, offset), 0);
  }

  /** A group's committed offset of each partition of a topic; -1 where there is none. @throws Error an error is answered. */
  async committedOffsets(groupId: string, topic: string): Promise<Map<number, number>> {
    const client = await this.coordinator(groupId);
    const partitionIndexes = [...(await this.leaders(topic)).keys()];
    const answer = await client.request(OffsetFetch, 5, { groupId, topics: [{ name: topic, partitionIndexes }] });
    if (answer.errorCode !== 0) throw new Error(`OffsetFetch ${groupId}: error ${answer.errorCode}`);
    const partitions = answer.topics.flatMap((t) => t.partitions);
    return new Map(partitions.map((p) => [p.partitionIndex, p.committedOffset]));
  }

  /** The node that coordinates a group. */
  async coordinatorId(groupId: string): Promise<number> {
    return (await this.findCoordinator(groupId)).nodeId;
  }

  /** Asks again until it holds. @throws Error with what was waited for, and what was last seen. */
  async until(what: string, holds: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  private async fetch(client: WireClient, topic: string, partition: number, offset: number): Promise<Buffer[]> {
    const answer = await client.request(Fetch, 11, {
      maxWaitMs: 0,
      minBytes: 0,
      topics: [{ topic, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: 1 << 20 }] }],
      forgottenTopicsData: [],
    });
    const records = answer.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0);
    const batches: Buffer[] = [];
    for (let at = 0; at + BATCH_OVERHEAD_BYTES < records.length; ) {
      const end = at + BATCH_OVERHEAD_BYTES + records.readInt32BE(at + BATCH_LENGTH_AT);
      if (end > records.length) break;
      batches.push(records.subarray(at, end));
      at = end;
    }
    return batches;
  }

  /** Address of the leader of each partition. */
  private async leaders(topic: string): Promise<Map<number, string>> {
    const client = await this.anyBroker();
    const metadata = await client.request(Metadata, 5, { topics: [{ name: topic }], allowAutoTopicCreation: false });
    const addresses = new Map(metadata.brokers.map((broker) => [broker.nodeId, `${broker.host}:${broker.port}`]));
    const partitions = metadata.topics[0]?.partitions ?? [];
    return new Map(
      partitions.flatMap(({ partitionIndex, leaderId }) => {
        const address = addresses.get(leaderId);
        return address === undefined ? [] : [[partitionIndex, address] as const];
      }),
    );
  }

  private async controller(): Promise<WireClient> {
    const client = await this.anyBroker();
    const metadata = await client.request(Metadata, 5, { topics: [], allowAutoTopicCreation: false });
    const broker = metadata.brokers.find(({ nodeId }) => nodeId === metadata.controllerId) ?? metadata.brokers[0];
    return this.connect(`${broker?.host}:${broker?.port}`);
  }

  private async coordinator(groupId: string): Promise<WireClient> {
    const { host, port } = await this.findCoordinator(groupId);
    return this.connect(`${host}:${port}`);
  }

  private async findCoordinator(groupId: string): Promise<{ nodeId: number; host: string; port: number }> {
    let found = { nodeId: -1, host: "", port: -1 };
    await this.until(`a coordinator of ${groupId}`, async () => {
      const client = await this.anyBroker();
      const answer = await client.request(FindCoordinator, 2, { key: groupId, keyType: 0 });
      found = { nodeId: answer.nodeId, host: answer.host, port: answer.port };
      return answer.errorCode === 0;
    });
    return found;
  }

  /** The first of the bootstrap servers that is there. */
  private async anyBroker(): Promise<WireClient> {
    let failure: unknown;
    for (const address of this.bootstrapServers.split(",")) {
      try {
        return await this.connect(address);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  private async connect(address: string): Promise<WireClient> {
    const known = await this.connections.get(address);
    if (known?.isClosed === false) return known;
    const connection = WireClient.connect(address);
    this.connections.set(address, connection);
    connection.catch(() => this.connections.delete(address));
    return connection;
  }
}

/** The partitions in a member's assignment, whatever their topic: an int16 version and the message. */
function partitionsOf(assignment: Buffer): number[] {
  if (assignment.length === 0) return [];
  const reader = new Reader(assignment);
  const version = Math.min(reader.int16(), ConsumerProtocolAssignment.validVersions.max);
  const { assignedPartitions } = decode(ConsumerProtocolAssignment, version, reader);
  return assignedPartitions.flatMap(({ partitions }) => partitions).sort((a, b) => a - b);
}
