/**
 * The groups a seed makes: who is in them, how they read, what happens to each member, how topics grow, what the coordinator is set to.
 *
 * Everything is drawn before the run from a generator of its own. Leaves the cluster and its faults to ../world/plan.ts.
 */
import { SeededRandom } from "../seeded-random.ts";
import { drawFaults, FAULT_KINDS, type Fault, type FaultKind } from "../world/faults.ts";
import { drawPlan, type Plan, type TopicPlan } from "../world/plan.ts";
import type { ThreadPlan } from "./streams-plan.ts";

export type Protocol = "eager" | "cooperative" | "consumer" | "streams";

export interface MemberPlan {
  readonly name: string;
  readonly groupId: string;
  readonly protocol: Protocol;
  /** Null: a dynamic member. */
  readonly instanceId: string | null;
  readonly topics: readonly string[];
  /** What others of the group may read too. */
  readonly groupTopics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly pollMs: number;
  /** Of polls that end with a commit, and of commits that nobody waits for. */
  readonly commitChance: number;
  readonly asyncChance: number;
  readonly joinVersion: number;
  readonly offsetsVersion: number;
  readonly startAtMs: number;
  readonly life: readonly LifeEvent[];
  /** What a thread of a streams application runs. */
  readonly thread?: ThreadPlan;
}

export const LIFE_KINDS = ["pause", "stall", "crash", "leave", "twin"] as const;

export type LifeEvent = {
  readonly atMs: number;
  readonly durationMs: number;
  /**
   * pause: its machine stands still. stall: its application does, its heartbeats go on. crash: the process ends without a word and
   * another takes its place. leave: it says goodbye, and comes back. twin: another static member takes its place while it runs on.
   */
  readonly kind: (typeof LIFE_KINDS)[number];
};

export interface GroupsPlan {
  readonly plan: Plan;
  readonly topics: readonly TopicPlan[];
  readonly members: readonly MemberPlan[];
  /** Offsets are forgotten after a minute. */
  readonly offsetsExpire: boolean;
  /** Of __consumer_offsets. */
  readonly offsetsConfigs: Readonly<Record<string, string>>;
  readonly growth: readonly { readonly atMs: number; readonly topic: string; readonly count: number }[];
}

const DURATION_MS = 40_000;
const GROUPS = [1, 2, 2];
/** What would take records of the coordinator away, and what is done to topics that have records. */
const NOT_HERE: ReadonlySet<FaultKind> = new Set(["trim", "recreate"]);
/** What is not synced may be gone. */
const POWER: ReadonlySet<FaultKind> = new Set(["power", "power-all", "damage"]);
const SPAN_MS = [300, 1500, 4000, 9000] as const;

export const RETENTION_MS = 60_000;
export const EXPIRY_CHECK_MS = 2000;
const EXPIRY = {
  "offsets.retention.minutes": String(RETENTION_MS / 60_000),
  "offsets.retention.check.interval.ms": String(EXPIRY_CHECK_MS),
};

/** What members of the consumer protocol are held to. */
export const CONSUMER_SESSION_MS = 4000;
const CONSUMER_HEARTBEAT_MS = 400;

/** @param durationMs how long faults happen. */
export function drawGroups(seed: string, durationMs = DURATION_MS): GroupsPlan {
  const random = new SeededRandom(seed).split("groups");
  const cluster = drawPlan(seed, { unclean: false });
  const { nodes } = cluster;
  const topics = drawTopics(random.split("topics"), nodes);
  const offsetsConfigs = drawOffsetsConfigs(random.split("offsets"));
  const offsetsExpire = random.split("expiry").chance(0.25);
  // Of compacted logs nobody can say whether what is missing was lost.
  const losesPower = Object.keys(offsetsConfigs).length === 0 && random.split("power").chance(0.5);
  // Wall clocks say when offsets have grown old.
  const kinds = FAULT_KINDS.filter(
    (kind) =>
      !NOT_HERE.has(kind) &&
      random.chance(0.45) &&
      !(offsetsExpire && kind === "clock") &&
      (losesPower || !POWER.has(kind)),
  );
  const faults = drawFaults(random.split("faults"), durationMs, nodes, kinds).map((fault) =>
    fault.kind === "controller-kill" ? { ...fault, power: losesPower && fault.power } : onOffsets(fault),
  );
  const settings = {
    ...{ ...cluster.settings, ...drawSettings(random.split("settings"), nodes) },
    "log.cleaner.enable": String(Object.keys(offsetsConfigs).length > 0),
    ...(offsetsExpire ? EXPIRY : {}),
    ...(losesPower ? { "log.flush.interval.messages": "1" } : {}),
  };
  const growth = drawGrowth(random.split("growth"), topics, durationMs);
  const members = drawMembers(random.split("members"), durationMs);
  return {
    plan: { ...cluster, settings, faults, durationMs },
    topics,
    members: growth.length === 0 ? members : members.map(seesGrowth),
    ...{ offsetsConfigs, offsetsExpire },
    growth,
  };
}

/** Before version 9 a static leader that comes back is not told that it leads, and nobody looks for new partitions (KIP-814). */
function seesGrowth(member: MemberPlan): MemberPlan {
  return member.instanceId === null ? member : { ...member, joinVersion: 9 };
}

/** The administrator's changes are about the coordinators' own topic. */
function onOffsets(fault: Fault): Fault {
  return "topic" in fault ? { ...fault, topic: 0 } : fault;
}

function drawTopics(random: SeededRandom, nodes: number): TopicPlan[] {
  return ["t0", "t1"].map((name) => ({
    name,
    partitions: random.between(1, 4),
    replicationFactor: Math.min(nodes, random.pick([1, 3])),
    configs: {},
  }));
}

function drawSettings(random: SeededRandom, nodes: number): Record<string, string> {
  return {
    "log.cleaner.backoff.ms": "300",
    "min.insync.replicas": String(Math.min(nodes, random.pick([1, 2]))),
    "group.min.session.timeout.ms": "500",
    "group.consumer.min.session.timeout.ms": "500",
    "group.consumer.session.timeout.ms": String(CONSUMER_SESSION_MS),
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": String(CONSUMER_HEARTBEAT_MS),
    "group.consumer.min.assignment.interval.ms": "0",
    "group.consumer.assignment.interval.ms": random.pick(["0", "0", "1000"]),
    "group.initial.rebalance.delay.ms": random.pick(["0", "500"]),
    "offsets.commit.timeout.ms": random.pick(["500", "5000"]),
  };
}

/** So small, in some runs, that what is superseded is cleaned away while groups go on. */
function drawOffsetsConfigs(random: SeededRandom): Record<string, string> {
  if (!random.chance(0.4)) return {};
  return { "internal.segment.bytes": random.pick(["2000", "10000"]), "min.cleanable.dirty.ratio": "0.1" };
}

function drawMembers(random: SeededRandom, durationMs: number): MemberPlan[] {
  const members: MemberPlan[] = [];
  const groups = random.pick(GROUPS);
  for (let group = 0; group < groups; group++) {
    const own = random.split(`group ${group}`);
    const kind = own.pick(["eager", "cooperative", "consumer", "consumer", "mixed"] as const);
    const classic = own.pick(["eager", "cooperative"] as const);
    const isStatic = own.chance(0.35);
    const sessionTimeoutMs = own.pick([1500, 4000, 8000]);
    const rebalanceTimeoutMs = own.pick([1500, 4000]);
    const read = own.pick([["t0"], ["t0", "t1"]]);
    // A member of the other protocol has to understand what is assigned to all.
    const count = own.between(2, 4);
    for (let place = 0; place < count; place++) {
      const draw = own.split(`member ${place}`);
      const name = `g${group}m${place}`;
      const instanceId = isStatic && draw.chance(0.7) ? `i-${name}` : null;
      const protocol = kind === "mixed" ? draw.pick([classic, "consumer"] as const) : kind;
      members.push({
        ...{ name, groupId: `g${group}`, protocol, instanceId },
        ...{ topics: draw.chance(0.85) ? read : ["t0"], groupTopics: read },
        sessionTimeoutMs: protocol === "consumer" ? CONSUMER_SESSION_MS : sessionTimeoutMs,
        ...{ rebalanceTimeoutMs, heartbeatMs: CONSUMER_HEARTBEAT_MS, pollMs: draw.pick([100, 250, 600]) },
        ...{ commitChance: draw.pick([0.2, 0.6]), asyncChance: draw.pick([0, 0.5]) },
        ...{ joinVersion: draw.pick(instanceId === null ? [3, 5, 9] : [5, 9]), offsetsVersion: draw.pick([9, 9, 10]) },
        startAtMs: place === 0 ? 0 : draw.pick([0, 100, 5000, 15_000]),
        life: drawLife(draw.split("life"), durationMs),
      });
    }
  }
  return members;
}

function drawLife(random: SeededRandom, durationMs: number): LifeEvent[] {
  const events: LifeEvent[] = [];
  const everyMs = random.pick([6000, 15_000, 60_000]);
  for (let atMs = random.between(500, everyMs); atMs < durationMs; ) {
    const spanMs = random.pick(SPAN_MS) * (0.5 + random.below(1000) / 1000);
    events.push({ atMs, durationMs: Math.round(spanMs), kind: random.pick(LIFE_KINDS) });
    atMs += Math.round(spanMs) + random.between(500, everyMs);
  }
  return events;
}

function drawGrowth(random: SeededRandom, topics: readonly TopicPlan[], durationMs: number): GroupsPlan["growth"] {
  return topics.flatMap(({ name, partitions }) => {
    if (!random.chance(0.5)) return [];
    return [{ atMs: random.between(2000, durationMs), topic: name, count: partitions + random.between(1, 2) }];
  });
}
