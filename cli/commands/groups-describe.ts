/**
 * `odradek groups describe`: a group with its members, what it has committed of each partition, and what is left to read.
 */
import type { ClusterClient } from "../client/cluster-client.ts";
import { describeGroup, type GroupDescription, type GroupMember, listGroups } from "../client/group-admin.ts";
import { committedOffsets } from "../client/group-offsets.ts";
import { LATEST, offsetsAt, partitionKey, type TopicPartition } from "../client/offset-lookup.ts";
import { shareOffsets } from "../client/share-offsets.ts";
import { CommandError } from "../command-error.ts";
import type { CommandIo } from "../command-io.ts";
import type { Arguments } from "../commands.ts";
import { writeJson } from "../output/results.ts";
import { formatTable } from "../output/table.ts";
import { isSet, texts } from "./options.ts";
import { counted, indented } from "./topics-describe.ts";
import { inWords } from "./with-cluster.ts";

interface OffsetView extends TopicPartition {
  /** Null: nothing is committed. */
  readonly committed: number | null;
  /** Null: the partition is gone, or nobody leads it. */
  readonly end: number | null;
  readonly lag: number | null;
  readonly member: GroupMember | undefined;
}

export async function describeGroups(cluster: ClusterClient, argv: Arguments, io: CommandIo): Promise<void> {
  const named = texts(argv, "group");
  const groups = named.length > 0 ? named : (await listGroups(cluster)).filter(isOfConsumers).map((one) => one.groupId);
  const shownGroups: { group: GroupDescription; offsets: OffsetView[] }[] = [];
  const failed: string[] = [];
  for (const groupId of groups) {
    try {
      const group = await describeGroup(cluster, groupId);
      shownGroups.push({ group, offsets: await offsetsOf(cluster, group) });
    } catch (error) {
      const told = inWords(error, groupId);
      if (!(told instanceof CommandError)) throw error;
      failed.push(told.message);
    }
  }
  if (isSet(argv, "json")) writeJson(io, shownGroups.map(asJson));
  else if (groups.length === 0) io.stderr.write("there are no groups\n");
  else io.stdout.write(shownGroups.map((one) => shown(one.group, one.offsets, isSet(argv, "members"))).join("\n"));
  if (failed.length > 0) throw new CommandError(failed.join("\nodradek: "));
}

/** Others, of releases to come, have who knows what. */
function isOfConsumers({ type }: { readonly type: string }): boolean {
  return ["", "classic", "consumer", "share", "streams"].includes(type.toLowerCase());
}

/** Where a share group starts; who reads a partition is not one member. */
async function shareOffsetsOf(cluster: ClusterClient, groupId: string): Promise<OffsetView[]> {
  const all = await shareOffsets(cluster, groupId);
  const ends = await endsOf(cluster, all);
  return inOrder(
    all.map(({ topic, partition, startOffset, lag }): OffsetView => {
      const end = ends.get(partitionKey({ topic, partition })) ?? null;
      return { topic, partition, committed: startOffset, end, lag, member: undefined };
    }),
  );
}

function inOrder(offsets: readonly OffsetView[]): OffsetView[] {
  return offsets.toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
}

/** What is committed and what members have, by topic and partition. */
async function offsetsOf(cluster: ClusterClient, { groupId, type, members }: GroupDescription): Promise<OffsetView[]> {
  if (type === "share") return shareOffsetsOf(cluster, groupId);
  const owners = new Map<string, GroupMember>();
  const partitions = new Map<string, TopicPartition>();
  for (const member of members) {
    for (const { topic, partition } of member.partitions) {
      owners.set(partitionKey({ topic, partition }), member);
      partitions.set(partitionKey({ topic, partition }), { topic, partition });
    }
  }
  const committed = new Map<string, number>();
  for (const { topic, partition, offset } of await committedOffsets(cluster, groupId, null)) {
    committed.set(partitionKey({ topic, partition }), offset);
    partitions.set(partitionKey({ topic, partition }), { topic, partition });
  }
  const ends = await endsOf(cluster, [...partitions.values()]);
  return inOrder(
    [...partitions].map(([key, one]): OffsetView => {
      const [at, end] = [committed.get(key) ?? null, ends.get(key) ?? null];
      const lag = at === null || end === null ? null : Math.max(0, end - at);
      return { ...one, committed: at, end, lag, member: owners.get(key) };
    }),
  );
}

/** Of partitions that are there and led. */
async function endsOf(cluster: ClusterClient, partitions: readonly TopicPartition[]): Promise<Map<string, number>> {
  if (partitions.length === 0) return new Map();
  const { topics } = await cluster.view([...new Set(partitions.map(({ topic }) => topic))]);
  const led = new Set(
    topics.flatMap((topic) =>
      topic.partitions
        .filter(({ leaderId }) => leaderId >= 0)
        .map(({ partitionIndex }) => partitionKey({ topic: topic.name ?? "", partition: partitionIndex })),
    ),
  );
  return offsetsAt(
    cluster,
    partitions.filter((one) => led.has(partitionKey(one))),
    LATEST,
  );
}

function shown(group: GroupDescription, offsets: readonly OffsetView[], membersOnly: boolean): string {
  const { groupId, type, state, assignor, coordinator, members } = group;
  const lag = offsets.reduce((sum, one) => sum + (one.lag ?? 0), 0);
  const lines = [
    groupId,
    `  state        ${state}`,
    `  type         ${type}${assignor === "" ? "" : `, assignor ${assignor}`}`,
    `  coordinator  node ${coordinator}`,
    `  members      ${members.length}`,
    `  lag          ${counted(lag, "record")}`,
  ];
  const memberRows = members.map(({ memberId, instanceId, clientId, host, partitions }) => ({
    member: memberId,
    ...(members.some((one) => one.instanceId !== null) ? { instance: instanceId } : {}),
    client: clientId,
    host,
    partitions: partitionList(partitions),
  }));
  const offsetRows = offsets.map(({ topic, partition, committed, end, lag: left, member }) => ({
    topic,
    partition,
    committed,
    end,
    lag: left,
    ...(members.length === 0 ? {} : { member: member?.memberId }),
  }));
  const tables = [memberRows, membersOnly ? [] : offsetRows].filter((rows) => rows.length > 0);
  return [`${lines.join("\n")}\n`, ...tables.map((rows) => indented(formatTable(rows)))].join("\n");
}

/** As `orders:0,1 payments:2`. */
function partitionList(partitions: readonly TopicPartition[]): string {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of partitions) topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  return [...topics].map(([topic, all]) => `${topic}:${all.sort((a, b) => a - b).join(",")}`).join(" ");
}

function asJson({ group, offsets }: { readonly group: GroupDescription; readonly offsets: readonly OffsetView[] }) {
  const { groupId, members, ...rest } = group;
  return {
    group: groupId,
    ...rest,
    members: members.map(({ memberId, ...more }) => ({ member: memberId, ...more })),
    offsets: offsets.map(({ member, ...one }) => ({ ...one, member: member?.memberId ?? null })),
  };
}
