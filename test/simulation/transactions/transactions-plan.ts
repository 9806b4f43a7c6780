/**
 * The world a seed makes for transactions: a plan of the other simulation for nodes, network and disks, and what is particular: who
 * takes part, in which protocol, and which faults there are. Everything is drawn before the run.
 */
import { HISTORY_TOPIC } from "../../history/history-client.ts";
import { SeededRandom } from "../seeded-random.ts";
import { drawDiskFaults, drawFaults, FAULT_KINDS, type Fault } from "../world/faults.ts";
import { drawPlan, type Plan, type TopicPlan } from "../world/plan.ts";
import { BANK_TOPIC, NOTES_TOPIC } from "./banker.ts";
import { COPY_TOPIC } from "./copier.ts";
import { drawTransactionFaults, type TransactionFault } from "./transaction-faults.ts";
import type { TransactionProtocol } from "./transactional-producer.ts";

/** Who has a transactional id, and how. */
export interface ParticipantPlan {
  readonly name: string;
  readonly transactionalId: string;
  readonly protocol: TransactionProtocol;
  readonly timeoutMs: number;
  readonly pauseMs: readonly [number, number];
  /** Of a hundred transactions so many take longer than they may. */
  readonly dawdles: number;
}

export interface TransactionsPlan {
  readonly seed: string;
  readonly world: Plan;
  readonly settings: Readonly<Record<string, string>>;
  readonly topics: readonly TopicPlan[];
  /** Nothing is acknowledged before it is on the disk: the power takes nothing that was promised. */
  readonly isDurable: boolean;
  /** The logs of coordinators are compacted all the time: what they held is only known by what comes of it. */
  readonly isCleaned: boolean;
  readonly workers: readonly ParticipantPlan[];
  readonly bankers: readonly ParticipantPlan[];
  readonly copiers: readonly ParticipantPlan[];
  readonly faults: readonly Fault[];
  readonly transactionFaults: readonly TransactionFault[];
  readonly durationMs: number;
}

const DURATION_MS = 30_000;
const PARTITIONS = 3;
/** What takes records away that somebody was told of: only in a topic that nobody reads. */
const TAKES_RECORDS = ["trim", "recreate"] as const;
/** So much more often than in other runs. */
const TAKES_OFTEN = 6;
const MOST_KEPT = 20;
const KIND_IS_ON = 0.5;
const DURABLE = 0.6;
const DISKS_TROUBLE = 0.15;
const ZOMBIE_PAUSE_MS = [3000, 8000] as const;
const CLEANED = 0.4;
/** The audit compares batches with what was committed: of what the cleaner made of them it knows nothing. */
const UNCLEANED = { "log.cleaner.enable": "false" };
const CLEANER = {
  "log.cleaner.backoff.ms": "300",
  "log.cleaner.min.cleanable.ratio": "0.01",
  "log.roll.ms": "1000",
  // Kafka promises nothing to a replica that was away for longer; a clock that is set a year ahead makes it away for as long.
  "log.cleaner.delete.retention.ms": String(10 * 365 * 86_400_000),
};
const SETTINGS = {
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
  "group.consumer.session.timeout.ms": "4000",
  "group.consumer.min.session.timeout.ms": "1000",
  "group.consumer.heartbeat.interval.ms": "1000",
  "group.consumer.min.heartbeat.interval.ms": "500",
};

export function drawTransactionsPlan(seed: string, durationMs = DURATION_MS): TransactionsPlan {
  const random = new SeededRandom(seed).split("transactions");
  const world = drawPlan(seed, { nodes: random.split("nodes").pick([3, 3, 3, 3, 5]), unclean: false });
  const { nodes } = world;
  const kinds = FAULT_KINDS.filter(
    (kind) => !TAKES_RECORDS.some((one) => one === kind) && random.split(kind).chance(KIND_IS_ON),
  );
  const hasNotes = random.split("notes").chance(KIND_IS_ON);
  const names = [HISTORY_TOPIC, BANK_TOPIC, COPY_TOPIC, ...(hasNotes ? [NOTES_TOPIC] : [])];
  const isDurable = random.split("durable").chance(DURABLE);
  // Where the power may take something, nobody could tell what it took of a log that is not looked at.
  const isCleaned = isDurable && random.split("cleaned").chance(CLEANED);
  const diskTrouble = random.split("disk trouble").chance(DISKS_TROUBLE);
  const named = (name: string, count: number, zombies: boolean) =>
    drawParticipants(random.split(name), name, count, zombies);
  return {
    seed,
    world,
    settings: {
      ...{ ...world.settings, ...SETTINGS, ...(isCleaned ? CLEANER : UNCLEANED) },
      ...(isDurable ? { "log.flush.interval.messages": "1" } : {}),
    },
    topics: names.map((name) => topicPlan(name, nodes)),
    ...{ isDurable, isCleaned },
    workers: named("x", 3, true),
    bankers: named("b", 2, true),
    copiers: named("c", 2, false),
    faults: [
      ...drawFaults(random.split("faults"), durationMs, nodes, kinds).filter((one) => !isDurable || keepsDurable(one)),
      ...(hasNotes ? drawNotesFaults(random.split("notes"), durationMs, nodes, names.indexOf(NOTES_TOPIC)) : []),
      ...(diskTrouble ? drawDiskFaults(random.split("disk faults"), durationMs, nodes) : []),
    ],
    transactionFaults: drawTransactionFaults(random.split("transaction faults"), durationMs, nodes),
    durationMs,
  };
}

function drawNotesFaults(random: SeededRandom, durationMs: number, nodes: number, topic: number): Fault[] {
  return drawFaults(random, durationMs * TAKES_OFTEN, nodes, TAKES_RECORDS).map((one) => {
    const atMs = Math.round(one.atMs / TAKES_OFTEN);
    return one.kind === "trim" ? { ...one, atMs, topic, keep: one.keep % MOST_KEPT } : { ...one, atMs };
  });
}

/** An administrator who lets a topic's log be synced at some later time takes the promise back. */
function keepsDurable(fault: Fault): boolean {
  return fault.kind !== "config" || fault.name !== "flush.messages" || fault.value === "1";
}

/** The last one may be a zombie of the first: another process with its transactional id, that stirs now and then. */
function drawParticipants(random: SeededRandom, prefix: string, count: number, zombies: boolean): ParticipantPlan[] {
  const all: ParticipantPlan[] = [];
  for (let at = 0; at < count; at++) {
    const name = `${prefix}${at}`;
    const own = random.split(name);
    const isZombie = zombies && at === count - 1 && own.chance(0.5);
    const pauseMs = own.pick([
      [20, 200],
      [50, 400],
      [200, 1000],
    ] as const);
    all.push({
      ...{ name, transactionalId: isZombie ? `${prefix}0` : name, protocol: own.pick([1, 2, 2] as const) },
      ...{ timeoutMs: own.pick([2000, 5000, 20_000]), pauseMs: isZombie ? ZOMBIE_PAUSE_MS : pauseMs },
      dawdles: own.pick([0, 1, 3]),
    });
  }
  return all;
}

function topicPlan(name: string, nodes: number): TopicPlan {
  const configs = {
    "min.insync.replicas": String(Math.min(2, nodes)),
    "message.timestamp.after.max.ms": String(Number.MAX_SAFE_INTEGER),
    // A clock that is set a year ahead takes no records away.
    "retention.ms": "-1",
  };
  return { name, partitions: PARTITIONS, replicationFactor: Math.min(3, nodes), configs };
}
