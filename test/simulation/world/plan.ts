/**
 * The world a seed makes: nodes, topics, clients, the network's and the disks' habits, and what goes wrong (swarm testing).
 *
 * Everything is drawn once, before the run, from a generator of its own: a plan can be printed, shortened and run again.
 */
import type { ConsumerOptions } from "../clients/consumer.ts";
import type { ProducerOptions } from "../clients/producer.ts";
import type { LinkDelays } from "../network/links.ts";
import type { NetworkHabits } from "../network/simulated-network.ts";
import { SeededRandom } from "../seeded-random.ts";
import { drawDiskFaults, drawFaults, drawFlaps, type FAULT_KINDS, type Fault } from "./faults.ts";

export interface TopicPlan {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
}

export interface Plan {
  readonly seed: string;
  readonly nodes: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly fastDetection: boolean;
  readonly delays: LinkDelays;
  readonly habits: NetworkHabits;
  readonly diskLatencyMs: readonly [number, number];
  readonly topics: readonly TopicPlan[];
  readonly producers: readonly ProducerOptions[];
  readonly consumers: readonly ConsumerOptions[];
  readonly faults: readonly Fault[];
  /** What each node's wall clock is ahead by, from the start. */
  readonly clockSkewMs: readonly number[];
  /** How long faults happen. */
  readonly durationMs: number;
}

/** What a caller wants of every seed, whatever the seed would draw. */
export interface SwarmOptions {
  readonly nodes?: number;
  readonly faults?: typeof FAULT_KINDS;
  readonly unclean?: boolean;
  /** Leaders come and go all the time. */
  readonly flaps?: boolean;
  readonly flushEvery?: boolean;
  /** Disks run full, and fail. */
  readonly diskTrouble?: boolean;
}

const DURATION_MS = 60_000;
/** Of all runs. */
const LEADERS_FLAP = 0.1;
const DISKS_TROUBLE = 0.1;
/** Whoever is cut off is missed at once, and who comes back leads again at once. */
const HASTE = {
  "broker.heartbeat.interval.ms": "100",
  "broker.session.timeout.ms": "500",
  "leader.imbalance.check.interval.seconds": "1",
};
const FIRST_PRODUCE_BY_ID = 13;
const FIRST_FETCH_BY_ID = 13;
const WIDE_WINDOW_BYTES = 65_536;

export function drawPlan(seed: string | number, swarm: SwarmOptions = {}): Plan {
  const random = new SeededRandom(String(seed)).split("plan");
  const nodes = swarm.nodes ?? random.split("nodes").pick([1, 3, 3, 3, 3, 5]);
  const topics = drawTopics(random.split("topics"), nodes, swarm);
  const names = topics.map(({ name }) => name);
  const flaps = nodes > 1 && (swarm.flaps ?? random.split("flaps").chance(LEADERS_FLAP));
  const drawn = drawFaults(random.split("faults"), DURATION_MS, nodes, swarm.faults);
  const diskTrouble = swarm.diskTrouble ?? random.split("disk trouble").chance(DISKS_TROUBLE);
  const faults = [
    ...drawn,
    ...(flaps ? drawFlaps(random.split("flapping"), DURATION_MS, nodes) : []),
    ...(diskTrouble ? drawDiskFaults(random.split("disk faults"), DURATION_MS, nodes) : []),
  ];
  const network = drawNetwork(random.split("network"));
  // Who names topics and not their ids would go on in a topic that was made again as if it were the old one.
  const byId = faults.some(({ kind }) => kind === "recreate");
  return {
    seed: String(seed),
    nodes,
    settings: { ...drawSettings(random.split("settings")), ...(flaps ? HASTE : {}) },
    fastDetection: random.split("detection").chance(0.7),
    ...network,
    diskLatencyMs: random.split("disk").pick([
      [0, 0],
      [0, 2],
      [1, 10],
      [0, 50],
    ] as const),
    topics,
    producers: drawProducers(random.split("producers"), names).map((one) =>
      byId ? { ...one, produceVersion: FIRST_PRODUCE_BY_ID } : one,
    ),
    consumers: drawConsumers(random.split("consumers"), names).map((one) => ({
      ...one,
      ...(byId ? { fetchVersion: Math.max(one.fetchVersion, FIRST_FETCH_BY_ID) } : {}),
      maxPartitionBytes: Math.min(one.maxPartitionBytes, mostFetched(network.habits)),
    })),
    faults,
    clockSkewMs: drawSkew(random.split("skew"), nodes),
    durationMs: DURATION_MS,
  };
}

/** What a slow link with a narrow window brings before a client takes its request for lost. */
function mostFetched({ windowBytes }: NetworkHabits): number {
  return windowBytes < WIDE_WINDOW_BYTES ? 65_536 : 1_048_576;
}

function drawSkew(random: SeededRandom, nodes: number): number[] {
  const most = random.pick([0, 0, 50, 5000]);
  return Array.from({ length: nodes }, () => (most === 0 ? 0 : random.between(-most, most)));
}

function drawTopics(random: SeededRandom, nodes: number, swarm: SwarmOptions): TopicPlan[] {
  return Array.from({ length: random.between(1, 2) }, (_, index) => {
    const replicationFactor = random.chance(0.8) ? Math.min(nodes, 3) : random.between(1, nodes);
    const minInSync = random.chance(0.6) ? Math.min(2, replicationFactor) : random.between(1, replicationFactor);
    const configs: Record<string, string> = {
      "min.insync.replicas": String(minInSync),
      // A broker whose clock was set back takes what its clients send all the same.
      "message.timestamp.after.max.ms": String(Number.MAX_SAFE_INTEGER),
    };
    if (swarm.unclean ?? random.chance(0.15)) configs["unclean.leader.election.enable"] = "true";
    if (swarm.flushEvery ?? random.chance(0.25)) configs["flush.messages"] = "1";
    else if (random.chance(0.2)) configs["flush.ms"] = "200";
    if (random.chance(0.4)) configs["internal.segment.bytes"] = String(random.pick([4000, 8000, 40_000]));
    if (random.chance(0.1)) configs["message.timestamp.type"] = "LogAppendTime";
    return { name: `t${index}`, partitions: random.between(1, 3), replicationFactor, configs };
  });
}

function drawSettings(random: SeededRandom): Record<string, string> {
  const [heartbeatMs, sessionMs] = random.pick([
    [100, 500],
    [300, 2000],
    [500, 3000],
    [2000, 9000],
  ] as const);
  return {
    "broker.heartbeat.interval.ms": String(heartbeatMs),
    "broker.session.timeout.ms": String(sessionMs),
    "replica.lag.time.max.ms": String(random.pick([1000, 3000, 10_000, 30_000])),
    "replica.fetch.wait.max.ms": String(random.pick([50, 200, 500])),
    "replica.fetch.backoff.ms": String(random.pick([50, 200, 1000])),
    "replica.fetch.max.bytes": String(random.pick([1500, 1_048_576])),
    "replica.high.watermark.checkpoint.interval.ms": String(random.pick([100, 1000, 5000])),
    "log.flush.offset.checkpoint.interval.ms": String(random.pick([500, 60_000])),
    "max.incremental.fetch.session.cache.slots": String(random.pick([0, 1, 1000])),
    "leader.imbalance.check.interval.seconds": String(random.pick([3, 20, 300])),
  };
}

function drawNetwork(random: SeededRandom): { delays: LinkDelays; habits: NetworkHabits } {
  return {
    delays: random.pick([
      { latencyMs: 0.1, jitterMs: 0.2 },
      { latencyMs: 0.2, jitterMs: 2 },
      { latencyMs: 2, jitterMs: 10 },
    ]),
    habits: {
      splitChance: random.pick([0, 0.02, 0.2]),
      windowBytes: random.pick([2000, WIDE_WINDOW_BYTES]),
      lossChance: random.pick([0, 0, 0.0002, 0.003]),
    },
  };
}

function drawProducers(random: SeededRandom, topics: readonly string[]): ProducerOptions[] {
  return [0, 1].map((index) => {
    // One at least asks for all that a broker can promise.
    const acks = index === 0 ? -1 : random.pick([-1, -1, -1, 1, 0] as const);
    const idempotent = acks === -1 && (index === 0 || random.chance(0.7));
    return {
      topics,
      acks,
      idempotent,
      intervalMs: random.pick([50, 100, 200]),
      maxRecordsPerBatch: random.pick([2, 5, 12]),
      maxInFlight: random.pick([1, 5, 5]),
      produceVersion: random.pick([9, 12, 13]),
      ackTimeoutMs: random.pick([200, 1500, 5000]),
      valueBytes: random.pick([10, 10, 200]),
    };
  });
}

function drawConsumers(random: SeededRandom, topics: readonly string[]): ConsumerOptions[] {
  return [0, 1].map(() => ({
    topics,
    usesSessions: random.chance(0.6),
    readCommitted: random.chance(0.5),
    maxWaitMs: random.pick([50, 300, 500]),
    maxPartitionBytes: random.pick([100, 1000, 1_048_576]),
    fetchVersion: random.pick([12, 13, 17]),
    probeMs: random.pick([500, 3000]),
  }));
}
