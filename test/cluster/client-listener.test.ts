/** What a client may ask of a broker of several, and what it must not get through to (B79, B80, B81, B83, B85, B86, B88, B90). */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { AllocateProducerIds } from "../../protocol/messages/allocate-producer-ids.ts";
import { AlterPartition } from "../../protocol/messages/alter-partition.ts";
import { BrokerHeartbeat, BrokerRegistration } from "../../protocol/messages/broker-lifecycle.ts";
import { DescribeConfigs, IncrementalAlterConfigs } from "../../protocol/messages/configs.ts";
import { ElectLeaders } from "../../protocol/messages/elect-leaders.ts";
import { Envelope } from "../../protocol/messages/envelope.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { AssignReplicasToDirs } from "../../protocol/messages/log-dirs.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { BeginQuorumEpoch, EndQuorumEpoch, FetchSnapshot, Vote } from "../../protocol/messages/quorum.ts";
import { AlterPartitionReassignments } from "../../protocol/messages/reassignments.ts";
import { CreatePartitions, CreateTopics, DeleteTopics } from "../../protocol/messages/topics.ts";
import { WriteTxnMarkers } from "../../protocol/messages/transactions.ts";
import type { Api } from "../../protocol/schema/api.ts";
import { batchOf } from "../support/batches.ts";
import { WireClient } from "../support/wire-client.ts";

let cluster: Cluster;
let client: WireClient;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3, settings: { "ssl.key.password": "secret" } });
  await cluster.createTopic("t", { partitions: 2, configs: { "min.insync.replicas": "2" } });
  client = await WireClient.connect(cluster.node(1).address);
});
afterAll(async () => {
  client.close();
  await cluster[Symbol.asyncDispose]();
});

describe("B79: what only controllers answer closes a client's connection, and changes nothing", () => {
  const brokerId = 1;
  const brokerEpoch = 0;
  const quorum = { clusterId: null, topics: [] };
  const requests: readonly (readonly [Api, number, unknown])[] = [
    [AlterPartition, 3, { brokerId, brokerEpoch, topics: [] }],
    [AllocateProducerIds, 0, { brokerId, brokerEpoch }],
    [AssignReplicasToDirs, 0, { brokerId, brokerEpoch, directories: [] }],
    [BrokerHeartbeat, 1, { brokerId, brokerEpoch, currentMetadataOffset: 0, wantFence: true, wantShutDown: true }],
    [
      BrokerRegistration,
      4,
      { brokerId, clusterId: "c", incarnationId: "AAAAAAAAAAAAAAAAAAABAA", listeners: [], features: [], rack: null },
    ],
    [Envelope, 0, { requestData: Buffer.alloc(4), requestPrincipal: null, clientHostAddress: Buffer.alloc(4) }],
    [Vote, 0, quorum],
    [BeginQuorumEpoch, 0, quorum],
    [EndQuorumEpoch, 0, quorum],
    [FetchSnapshot, 0, { replicaId: 1, maxBytes: 1, topics: [] }],
  ];
  for (const [api, version, body] of requests) {
    test(api.name, async () => {
      const before = cluster.inSyncReplicasOf("t", 0);
      const asker = await WireClient.connect(cluster.node(1).address);
      await expect(asker.request(api as never, version, body as never)).rejects.toThrow("closed the connection");
      expect(cluster.inSyncReplicasOf("t", 0)).toEqual(before);
    });
  }
});

test("B79: WriteTxnMarkers is served where nobody is denied anything", async () => {
  const { markers } = await client.request(WriteTxnMarkers, 1, { markers: [] });
  expect(markers).toEqual([]);
});

test("B80: CreateTopics through a broker: numbers that cannot be, names, replication, time", async () => {
  const ask = async (topic: Record<string, unknown>, timeoutMs = 5000): Promise<number | undefined> => {
    const topics = [{ name: "n", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [], ...topic }];
    const answer = await client.request(CreateTopics, 7, { topics: topics as never, timeoutMs });
    return answer.topics[0]?.errorCode;
  };
  const assigned = (...brokerIds: number[]) => ({
    ...{ numPartitions: -1, replicationFactor: -1 },
    assignments: [{ partitionIndex: 0, brokerIds }],
  });
  expect(await ask({ numPartitions: 0 })).toBe(ErrorCode.INVALID_PARTITIONS);
  expect(await ask({ numPartitions: -2 })).toBe(ErrorCode.INVALID_PARTITIONS);
  expect(await ask({ numPartitions: 0x7fffffff })).toBe(ErrorCode.POLICY_VIOLATION);
  expect(await ask({ replicationFactor: 4 })).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
  expect(await ask({ replicationFactor: 0 })).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
  expect(await ask(assigned(1, 1))).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  expect(await ask(assigned(1, 9))).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  expect(await ask({ configs: [{ name: "retention.ms", value: "NaN" }] })).toBe(ErrorCode.INVALID_CONFIG);
  expect(await ask({ configs: [{ name: "no.such", value: "1" }] })).toBe(ErrorCode.INVALID_CONFIG);
  expect(await ask({ name: "a/b" })).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION);
  expect(await ask({}, 0)).toBe(ErrorCode.REQUEST_TIMED_OUT);
  expect(() => cluster.leaderOf("n", 0)).toThrow();
  expect(await ask({ name: "t" })).toBe(ErrorCode.TOPIC_ALREADY_EXISTS);
  expect(await ask(assigned(3, 1))).toBe(0);
  expect(cluster.leaderOf("n", 0)).toBe(3);
});

test("B81: CreatePartitions to fewer, as many, far too many", async () => {
  const ask = async (count: number): Promise<number | undefined> => {
    const topics = [{ name: "t", count, assignments: null }];
    const answer = await client.request(CreatePartitions, 3, { topics, timeoutMs: 5000, validateOnly: false });
    return answer.results[0]?.errorCode;
  };
  expect(await ask(1)).toBe(ErrorCode.INVALID_PARTITIONS);
  expect(await ask(2)).toBe(ErrorCode.INVALID_PARTITIONS);
  expect(await ask(0x7fffffff)).not.toBe(0);
  expect(await ask(3)).toBe(0);
  await cluster.waitUntil.leaderElected("t", 2);
});

test("B83: configs through a broker: lists, values with line breaks, secrets", async () => {
  const alter = async (resourceName: string, resourceType: number, name: string, operation: number, value: string) => {
    const configs = [{ name, configOperation: operation, value }];
    const resources = [{ resourceType, resourceName, configs }];
    const answer = await client.request(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
    return answer.responses[0]?.errorCode;
  };
  const [SET, APPEND] = [0, 2];
  expect(await alter("t", 2, "retention.ms", APPEND, "5")).toBe(ErrorCode.INVALID_CONFIG);
  expect(await alter("t", 2, "cleanup.policy", APPEND, "compact")).toBe(0);
  expect(await alter("t", 2, "retention.ms", SET, "1\nretention.bytes=2")).toBe(ErrorCode.INVALID_CONFIG);
  expect(await alter("", 4, "ssl.key.password", SET, "secret")).toBe(ErrorCode.INVALID_REQUEST);
  const described = await client.request(DescribeConfigs, 4, {
    resources: [
      { resourceType: 2, resourceName: "t", configurationKeys: ["cleanup.policy", "retention.ms"] },
      { resourceType: 4, resourceName: "1", configurationKeys: ["ssl.key.password"] },
    ],
    ...{ includeSynonyms: true, includeDocumentation: false },
  });
  const values = described.results.flatMap(({ configs }) => configs.map(({ name, value }) => [name, value]));
  expect(values).toContainEqual(["cleanup.policy", "delete,compact"]);
  expect(values).toContainEqual(["ssl.key.password", null]);
  expect(JSON.stringify(described)).not.toContain("secret");
});

test("B85: AlterPartitionReassignments to nobody, to somebody twice, to somebody unknown", async () => {
  for (const replicas of [[], [1, 1], [1, 9]]) {
    const { responses } = await client.request(AlterPartitionReassignments, 0, {
      topics: [{ name: "t", partitions: [{ partitionIndex: 0, replicas }] }],
    });
    expect(responses[0]?.partitions[0]?.errorCode).toBe(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  }
});

test("B86: ElectLeaders of everything", async () => {
  const answer = await client.request(ElectLeaders, 2, { electionType: 0, topicPartitions: null, timeoutMs: 5000 });
  expect(answer.errorCode).toBe(0);
  expect(answer.replicaElectionResults.flatMap(({ partitionResult }) => partitionResult)).toEqual([]);
  const odd = await client.request(ElectLeaders, 2, { electionType: 7, topicPartitions: null, timeoutMs: 5000 });
  expect(odd.errorCode).toBe(ErrorCode.INVALID_REQUEST);
});

test("B88: internal topics take no client's records, and may be deleted", async () => {
  await cluster.createTopic("__consumer_offsets", { partitions: 1 });
  const leader = await WireClient.connect(cluster.node(cluster.leaderOf("__consumer_offsets", 0)).address);
  for (const name of ["__consumer_offsets", "__cluster_metadata"]) {
    const produced = await leader.request(Produce, 9, {
      ...{ acks: -1, timeoutMs: 1000 },
      topicData: [{ name, partitionData: [{ index: 0, records: batchOf(["a"]) }] }],
    });
    const expected = name === "__consumer_offsets" ? ErrorCode.INVALID_TOPIC_EXCEPTION : expect.any(Number);
    expect(produced.responses[0]?.partitionResponses[0]?.errorCode).toEqual(expected);
    expect(produced.responses[0]?.partitionResponses[0]?.errorCode).not.toBe(0);
  }
  leader.close();
  const deleted = await client.request(DeleteTopics, 6, {
    topics: [{ name: "__consumer_offsets", topicId: "AAAAAAAAAAAAAAAAAAAAAA" }],
    timeoutMs: 5000,
  });
  expect(deleted.responses[0]?.errorCode).toBe(0);
});

test("B90: a Fetch in a replica's name, without its broker epoch, moves no high watermark", async () => {
  const leaderId = cluster.leaderOf("t", 0);
  const leader = await WireClient.connect(cluster.node(leaderId).address);
  const [away, other] = [1, 2, 3].filter((id) => id !== leaderId) as [number, number];
  // Only one follower is left, and it stands still: what is appended now has one replica too few.
  await cluster.node(away).kill();
  await cluster.waitUntil.nodeFenced(away);
  await cluster.node(other).kill();
  const fetch = (version: number, replica: Record<string, unknown>) =>
    leader.request(Fetch, version, {
      ...{ maxWaitMs: 0, minBytes: 0, forgottenTopicsData: [], ...replica },
      topics: [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 1, partitionMaxBytes: 1 << 20 }] }],
    } as never);
  await leader.request(Produce, 9, {
    ...{ acks: 1, timeoutMs: 1000 },
    topicData: [{ name: "t", partitionData: [{ index: 0, records: batchOf(["a"]) }] }],
  });
  for (const replicaId of [leaderId, 9]) {
    const { responses } = await fetch(11, { replicaId });
    expect(responses[0]?.partitions[0]?.errorCode).not.toBe(0);
  }
  const asConsumer = await fetch(11, { replicaId: -1 });
  expect(asConsumer.responses[0]?.partitions[0]?.highWatermark).toBe(0);
  leader.close();
});
