/**
 * The world a seed makes for share groups: a plan of the other simulation for nodes, network and disks, and what is particular: the
 * members, their manners, and when they die. Everything is drawn before the run.
 */
import { SeededRandom } from "../seeded-random.ts";
import { drawFaults, FAULT_KINDS, type Fault } from "../world/faults.ts";
import { drawPlan, type Plan, type TopicPlan } from "../world/plan.ts";

export interface MemberPlan {
  readonly name: string;
  readonly accepts: number;
  readonly withFetches: boolean;
  readonly joinsAtMs: number;
  /** Without a goodbye; undefined: it stays. */
  readonly diesAtMs: number | undefined;
}

export interface ShareGroupsPlan {
  readonly seed: string;
  readonly world: Plan;
  readonly settings: Readonly<Record<string, string>>;
  readonly topic: TopicPlan;
  readonly deliveryLimit: number;
  readonly members: readonly MemberPlan[];
  readonly writerPausesMs: readonly (readonly [number, number])[];
  readonly faults: readonly Fault[];
  readonly durationMs: number;
}

export const QUEUE_TOPIC = "queue";
export const QUEUE_GROUP = "workers";
const DURATION_MS = 30_000;
/** What takes records away that somebody was told of. */
const NOT_HERE: ReadonlySet<string> = new Set(["damage", "trim", "recreate"]);
const KIND_IS_ON = 0.5;
const STAYS = 0.4;

export function drawShareGroupsPlan(seed: string, durationMs = DURATION_MS): ShareGroupsPlan {
  const random = new SeededRandom(seed).split("share groups");
  const world = drawPlan(seed, { nodes: random.split("nodes").pick([1, 3, 3, 3, 3, 5]), unclean: false });
  const { nodes } = world;
  const kinds = FAULT_KINDS.filter((kind) => !NOT_HERE.has(kind) && random.split(kind).chance(KIND_IS_ON));
  const deliveryLimit = random.split("limit").pick([2, 5, 10]);
  const replicas = Math.min(3, nodes);
  const settings = {
    "group.share.session.timeout.ms": "4000",
    "group.share.min.session.timeout.ms": "1000",
    "group.share.heartbeat.interval.ms": "500",
    "group.share.min.heartbeat.interval.ms": "100",
    "group.share.assignment.interval.ms": random.split("interval").pick(["0", "1000"]),
    "group.share.min.record.lock.duration.ms": "1000",
    "group.share.record.lock.duration.ms": random.split("lock").pick(["1000", "3000"]),
    "group.share.delivery.count.limit": String(deliveryLimit),
    "share.coordinator.state.topic.num.partitions": "2",
    "share.coordinator.state.topic.replication.factor": String(replicas),
    "share.coordinator.state.topic.min.isr": String(Math.min(2, nodes)),
    "share.coordinator.snapshot.update.records.per.snapshot": random.split("snapshots").pick(["0", "3", "20", "500"]),
    "share.coordinator.state.topic.prune.interval.ms": random.split("prune").pick(["500", "5000"]),
    "share.coordinator.cold.partition.snapshot.interval.ms": random.split("cold").pick(["1000", "20000"]),
    // Nothing is acknowledged before it is on the disk: the power takes nothing that was promised.
    "log.flush.interval.messages": "1",
  };
  const writers = random.split("writers");
  return {
    seed,
    world,
    settings: { ...world.settings, ...settings },
    topic: {
      ...{ name: QUEUE_TOPIC, partitions: random.split("partitions").pick([1, 2, 3, 4]), replicationFactor: replicas },
      configs: {
        "min.insync.replicas": String(Math.min(2, nodes)),
        "message.timestamp.after.max.ms": String(Number.MAX_SAFE_INTEGER),
      },
    },
    deliveryLimit,
    members: drawMembers(random.split("members"), durationMs),
    writerPausesMs: [
      writers.pick([
        [5, 50],
        [20, 200],
      ] as const),
      [50, 500],
    ],
    faults: drawFaults(random.split("faults"), durationMs, nodes, kinds),
    durationMs,
  };
}

/** Two stay to the end, whatever happens to the others. */
function drawMembers(random: SeededRandom, durationMs: number): MemberPlan[] {
  return Array.from({ length: random.pick([2, 4, 6, 8]) }, (_, index) => {
    const name = `m${index}`;
    const own = random.split(name);
    const joinsAtMs = index < 2 ? 0 : own.below(durationMs);
    const stays = index < 2 || own.chance(STAYS);
    return {
      ...{ name, accepts: own.pick([60, 90, 100]), withFetches: own.chance(0.5), joinsAtMs },
      diesAtMs: stays ? undefined : joinsAtMs + own.below(durationMs - joinsAtMs + 1),
    };
  });
}
