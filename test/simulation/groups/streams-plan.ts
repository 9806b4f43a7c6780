/**
 * The streams groups a seed makes: the cluster, faults and lives of the consumer groups of that seed, with threads of Kafka Streams
 * applications in the members' places.
 *
 * Each topic is read by a subtopology of its own, so that a task is a partition. An application with internal topics reads topics that
 * do not grow: what was made for them would not fit any more.
 */
import type { StreamsGroupHeartbeat } from "../../../protocol/messages/streams-group.ts";
import type { Encode } from "../../../protocol/schema/message.ts";
import { SeededRandom } from "../seeded-random.ts";
import { CONSUMER_SESSION_MS, drawGroups, type GroupsPlan, type MemberPlan } from "./group-plan.ts";

type Topology = NonNullable<Encode<typeof StreamsGroupHeartbeat.request>["topology"]>;

type Subtopology = Topology["subtopologies"][number];

/** What a thread runs, and where. */
export interface ThreadPlan {
  readonly processId: string;
  readonly topology: Topology;
  /** The topic that a subtopology reads. */
  readonly topics: ReadonlyMap<string, string>;
}

const THREADS_PER_PROCESS = 2;

/** @param durationMs how long faults happen. */
export function drawStreamsGroups(seed: string, durationMs?: number): GroupsPlan {
  const groups = drawGroups(seed, durationMs);
  const random = new SeededRandom(seed).split("streams");
  const withInternalTopics = random.chance(0.5);
  const settings = {
    ...groups.plan.settings,
    "group.streams.min.session.timeout.ms": "500",
    "group.streams.session.timeout.ms": String(CONSUMER_SESSION_MS),
    "group.streams.min.heartbeat.interval.ms": "100",
    "group.streams.heartbeat.interval.ms": "400",
    "group.streams.assignment.interval.ms": random.pick(["0", "0", "1000"]),
    "group.streams.initial.rebalance.delay.ms": random.pick(["0", "500", "3000"]),
    "group.streams.num.standby.replicas": random.pick(["0", "1"]),
  };
  return {
    ...groups,
    plan: { ...groups.plan, settings },
    members: groups.members.map((member, place) => thread(member, place, withInternalTopics)),
    growth: withInternalTopics ? [] : groups.growth,
  };
}

function thread(member: MemberPlan, place: number, withInternalTopics: boolean): MemberPlan {
  const { groupId, groupTopics: sources } = member;
  const repartition = `${groupId}-repartition`;
  const reading: Subtopology[] = sources.map((topic, index) => ({
    ...NOTHING,
    subtopologyId: String(index),
    sourceTopics: [topic],
    repartitionSinkTopics: withInternalTopics && index === 0 ? [repartition] : [],
  }));
  const counting: Subtopology = {
    ...NOTHING,
    subtopologyId: String(sources.length),
    repartitionSourceTopics: [internal(repartition)],
    stateChangelogTopics: [internal(`${groupId}-changelog`)],
  };
  const topology: Topology = { epoch: 0, subtopologies: withInternalTopics ? [...reading, counting] : reading };
  const read = withInternalTopics ? [...sources, repartition] : sources;
  const topics = new Map(read.map((topic, index) => [String(index), topic]));
  const processId = `${groupId}-process-${Math.floor(place / THREADS_PER_PROCESS)}`;
  return {
    ...member,
    ...{ protocol: "streams", instanceId: null, sessionTimeoutMs: CONSUMER_SESSION_MS },
    ...{ topics: read, groupTopics: read, thread: { processId, topology, topics } },
  };
}

const NOTHING = {
  ...{ sourceTopics: [], sourceTopicRegex: [], repartitionSinkTopics: [], repartitionSourceTopics: [] },
  ...{ stateChangelogTopics: [], copartitionGroups: [] },
};

function internal(name: string) {
  return { name, partitions: 0, replicationFactor: 0, topicConfigs: [] };
}
