/**
 * Groups by Kafka's admin APIs: looking at them, at their offsets, changing and deleting both.
 *
 * Owns: the descriptions of classic groups, of KIP-848, of Kafka Streams and of share groups made one. Leaves to the commands: words and tables.
 */
import { RpcError } from "../../broker/network/rpc-error.ts";
import { DecodeError } from "../../protocol/bytes/decode-error.ts";
import { Reader } from "../../protocol/bytes/reader.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { ConsumerGroupDescribe } from "../../protocol/messages/consumer-group.ts";
import { ConsumerProtocolAssignment } from "../../protocol/messages/consumer-protocol.ts";
import { DeleteGroups, DescribeGroups, ListGroups } from "../../protocol/messages/groups-admin.ts";
import { ShareGroupDescribe } from "../../protocol/messages/share-group.ts";
import { StreamsGroupDescribe } from "../../protocol/messages/streams-group.ts";
import { decode } from "../../protocol/schema/codec.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import { type ClusterClient, kafkaError } from "./cluster-client.ts";
import type { TopicPartition } from "./offset-lookup.ts";

export interface ListedGroup {
  readonly groupId: string;
  /** classic, consumer, share, streams; empty when the broker is too old to say. */
  readonly type: string;
  readonly state: string;
  readonly protocolType: string;
}

export interface GroupMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  readonly partitions: readonly TopicPartition[];
}

export interface GroupDescription {
  readonly groupId: string;
  readonly type: "classic" | "consumer" | "share" | "streams";
  readonly state: string;
  /** How partitions are shared out; empty while nobody does. */
  readonly assignor: string;
  readonly coordinator: number;
  readonly members: readonly GroupMember[];
}

/** Every group of every broker, by id. @throws KafkaError a coordinator cannot say now. */
export async function listGroups(cluster: ClusterClient): Promise<ListedGroup[]> {
  const { brokers } = await cluster.view([]);
  const answers = await Promise.all(
    [...brokers.keys()].map((id) =>
      cluster.askBroker(id, ListGroups, {
        ...{ statesFilter: [], typesFilter: [] },
      }),
    ),
  );
  const groups = new Map<string, ListedGroup>();
  for (const answer of answers) {
    if (answer.errorCode !== ErrorCode.NONE) throw kafkaError(answer.errorCode, null);
    for (const { groupId, groupType, groupState, protocolType } of answer.groups) {
      groups.set(groupId, { groupId, type: groupType, state: groupState, protocolType });
    }
  }
  return [...groups.values()].sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
}

/** @throws KafkaError GROUP_ID_NOT_FOUND and others. */
export async function describeGroup(cluster: ClusterClient, groupId: string): Promise<GroupDescription> {
  return (
    (await describeConsumerGroup(cluster, groupId)) ??
    (await describeStreamsGroup(cluster, groupId)) ??
    (await describeShareGroup(cluster, groupId)) ??
    (await describeClassicGroup(cluster, groupId))
  );
}

/** Undefined when it is no group of KIP-848, or the broker knows none. */
async function describeConsumerGroup(cluster: ClusterClient, groupId: string): Promise<GroupDescription | undefined> {
  const group = await describedAs(cluster, ConsumerGroupDescribe, groupId);
  return group === undefined
    ? undefined
    : {
        groupId,
        type: "consumer",
        state: group.groupState,
        assignor: group.assignorName,
        coordinator: await cluster.coordinatorOf(groupId),
        members: group.members.map(({ memberId, instanceId, clientId, clientHost, assignment }) => ({
          ...{ memberId, instanceId, clientId, host: clientHost },
          partitions: assignment.topicPartitions.flatMap(({ topicName, partitions }) =>
            partitions.map((partition) => ({ topic: topicName, partition })),
          ),
        })),
      };
}

/** Undefined when it is no share group, or the broker knows none. */
async function describeShareGroup(cluster: ClusterClient, groupId: string): Promise<GroupDescription | undefined> {
  const group = await describedAs(cluster, ShareGroupDescribe, groupId);
  if (group === undefined) return undefined;
  return {
    ...{ groupId, type: "share", state: group.groupState, assignor: group.assignorName },
    coordinator: await cluster.coordinatorOf(groupId),
    members: group.members.map(({ memberId, clientId, clientHost, assignment }) => ({
      ...{ memberId, instanceId: null, clientId, host: clientHost },
      partitions: assignment.topicPartitions.flatMap(({ topicName, partitions }) =>
        partitions.map((partition) => ({ topic: topicName, partition })),
      ),
    })),
  };
}

/** With the partitions that its active tasks read. Undefined when it is no streams group, or the broker knows none. */
async function describeStreamsGroup(cluster: ClusterClient, groupId: string): Promise<GroupDescription | undefined> {
  const group = await describedAs(cluster, StreamsGroupDescribe, groupId);
  if (group === undefined) return undefined;
  const inputs = new Map(
    (group.topology?.subtopologies ?? []).map(({ subtopologyId, sourceTopics, repartitionSourceTopics }) => [
      subtopologyId,
      [...sourceTopics, ...repartitionSourceTopics.map(({ name }) => name)],
    ]),
  );
  const { topics } = await cluster.view([...new Set([...inputs.values()].flat())]);
  const counts = new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
  return {
    groupId,
    type: "streams",
    state: group.groupState,
    assignor: "",
    coordinator: await cluster.coordinatorOf(groupId),
    members: group.members.map(({ memberId, instanceId, clientId, clientHost, assignment }) => ({
      ...{ memberId, instanceId, clientId, host: clientHost },
      partitions: assignment.activeTasks.flatMap(({ subtopologyId, partitions }) =>
        (inputs.get(subtopologyId) ?? []).flatMap((topic) =>
          partitions
            .filter((partition) => partition < (counts.get(topic) ?? 0))
            .map((partition) => ({ topic, partition })),
        ),
      ),
    })),
  };
}

/** The one group as this API describes it; undefined when it is of another kind, or the broker does not know the API. */
async function describedAs<
  A extends typeof ConsumerGroupDescribe | typeof ShareGroupDescribe | typeof StreamsGroupDescribe,
>(cluster: ClusterClient, api: A, groupId: string): Promise<Decode<A["response"]>["groups"][number] | undefined> {
  const request = { groupIds: [groupId], includeAuthorizedOperations: false };
  try {
    const answer = await cluster.askCoordinator(groupId, api as typeof ConsumerGroupDescribe, request, ({ groups }) =>
      codesOf(groups),
    );
    const [group] = answer.groups;
    if (group === undefined || OF_ANOTHER_KIND.has(group.errorCode)) return undefined;
    if (group.errorCode !== ErrorCode.NONE) throw kafkaError(group.errorCode, group.errorMessage);
    return group as Decode<A["response"]>["groups"][number];
  } catch (error) {
    if (error instanceof RpcError && error.kind === "unsupported-version") return undefined;
    throw error;
  }
}

const OF_ANOTHER_KIND: ReadonlySet<number> = new Set([
  ErrorCode.GROUP_ID_NOT_FOUND,
  ErrorCode.UNSUPPORTED_VERSION,
  ErrorCode.INVALID_GROUP_ID,
]);

async function describeClassicGroup(cluster: ClusterClient, groupId: string): Promise<GroupDescription> {
  const request = { groups: [groupId], includeAuthorizedOperations: false };
  const answer = await cluster.askCoordinator(groupId, DescribeGroups, request, ({ groups }) => codesOf(groups));
  const [group] = answer.groups;
  if (group === undefined) throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND);
  if (group.errorCode !== ErrorCode.NONE) throw kafkaError(group.errorCode, group.errorMessage);
  // Before version 6 an unknown group is a dead one.
  if (group.groupState === "Dead") throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`);
  return {
    groupId,
    type: "classic",
    state: group.groupState,
    assignor: group.protocolData,
    coordinator: await cluster.coordinatorOf(groupId),
    members: group.members.map(({ memberId, groupInstanceId, clientId, clientHost, memberAssignment }) => ({
      ...{ memberId, instanceId: groupInstanceId, clientId, host: clientHost },
      partitions: group.protocolType === "consumer" ? assignedPartitions(memberAssignment) : [],
    })),
  };
}

/** The partitions in an assignment of the consumer protocol; none in one that cannot be read. */
export function assignedPartitions(assignment: Buffer): TopicPartition[] {
  if (assignment.length === 0) return [];
  try {
    const reader = new Reader(assignment);
    const version = Math.min(Math.max(reader.int16(), 0), ConsumerProtocolAssignment.validVersions.max);
    return decode(ConsumerProtocolAssignment, version, reader).assignedPartitions.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    );
  } catch (error) {
    if (error instanceof DecodeError) return [];
    throw error;
  }
}

/** Deletes groups that nobody is in; by group why it was not. */
export async function deleteGroups(
  cluster: ClusterClient,
  groupIds: readonly string[],
): Promise<Map<string, KafkaError | undefined>> {
  const outcomes = new Map<string, KafkaError | undefined>();
  for (const groupId of groupIds) {
    const answer = await cluster.askCoordinator(groupId, DeleteGroups, { groupsNames: [groupId] }, ({ results }) =>
      codesOf(results),
    );
    const code = answer.results[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    outcomes.set(groupId, code === ErrorCode.NONE ? undefined : kafkaError(code, null));
  }
  return outcomes;
}

function codesOf(answers: readonly { readonly errorCode: number }[]): number[] {
  return answers.map(({ errorCode }) => errorCode);
}
