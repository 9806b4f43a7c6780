/**
 * The faults of a run, drawn before it begins: a list that can be shortened without moving what is left.
 *
 * Owns: what can happen, when, for how long. Leaves to FaultRunner: making it happen.
 */
import type { SeededRandom } from "../seeded-random.ts";

/** Whom it hits: a node by its place, or whoever leads a partition then. */
export type Victim = { readonly node: number } | { readonly leaderOf: number };

export type Fault = { readonly atMs: number } & (
  | { readonly kind: "kill"; readonly victim: Victim; readonly downMs: number }
  | { readonly kind: "stop"; readonly victim: Victim; readonly downMs: number }
  | { readonly kind: "power"; readonly victim: Victim; readonly downMs: number }
  | { readonly kind: "power-all"; readonly downMs: number; readonly controllerToo: boolean }
  | { readonly kind: "kill-all"; readonly downMs: number }
  | { readonly kind: "controller-kill"; readonly power: boolean; readonly downMs: number }
  | { readonly kind: "pause"; readonly victim: Victim; readonly durationMs: number }
  | { readonly kind: "controller-pause"; readonly durationMs: number }
  /** From the victim to another server (0: the controller), back, or both. */
  | {
      readonly kind: "cut";
      readonly victim: Victim;
      readonly other: number;
      readonly way: "to" | "from" | "both";
      readonly durationMs: number;
    }
  | { readonly kind: "isolate"; readonly victim: Victim; readonly durationMs: number }
  | { readonly kind: "client-cut"; readonly victim: Victim; readonly client: number; readonly durationMs: number }
  | {
      readonly kind: "slow-link";
      readonly victim: Victim;
      readonly other: number;
      readonly latencyMs: number;
      readonly durationMs: number;
    }
  | { readonly kind: "break"; readonly victim: Victim; readonly other: number }
  | { readonly kind: "slow-disk"; readonly victim: Victim; readonly latencyMs: number; readonly durationMs: number }
  /** Room for so much more, then none. */
  | { readonly kind: "full-disk"; readonly victim: Victim; readonly leftBytes: number; readonly durationMs: number }
  /** Something that is done to a log fails once; whoever watches over brokers starts it again a while later. */
  | {
      readonly kind: "disk-error";
      readonly victim: Victim;
      readonly operation: FailingOperation;
      readonly downMs: number;
    }
  | { readonly kind: "clock"; readonly victim: Victim; readonly byMs: number }
  /** Killed, and bits of what was not on the device yet are flipped: what replicas can repair. */
  | { readonly kind: "damage"; readonly victim: Victim; readonly flips: number; readonly downMs: number }
  /** The work is done and the answer lost, with a probability. */
  | { readonly kind: "lost-answers"; readonly victim: Victim; readonly chance: number; readonly durationMs: number }
  | { readonly kind: "config"; readonly topic: number; readonly name: string; readonly value: string }
  /** DeleteRecords, so far back from the end. */
  | { readonly kind: "trim"; readonly topic: number; readonly partition: number; readonly keep: number }
  /** The topic is deleted and made again. */
  | { readonly kind: "recreate" }
  /** A partition moves to as many nodes, from this place on. */
  | { readonly kind: "reassign"; readonly topic: number; readonly partition: number; readonly place: number }
);

export type FaultKind = Fault["kind"];
/** Of some worlds only. */
export const DISK_FAULT_KINDS = ["full-disk", "disk-error"] as const satisfies readonly FaultKind[];
/** Those that every seed may draw. */
type OrdinaryKind = Exclude<FaultKind, (typeof DISK_FAULT_KINDS)[number]>;

export const FAULT_KINDS: readonly OrdinaryKind[] = [
  "kill",
  "stop",
  "power",
  "power-all",
  "kill-all",
  "controller-kill",
  "pause",
  "controller-pause",
  "cut",
  "isolate",
  "client-cut",
  "slow-link",
  "break",
  "slow-disk",
  "clock",
  "damage",
  "lost-answers",
  "config",
  "trim",
  "recreate",
  "reassign",
];

/** How often each kind happens when it does, in a minute. */
const PER_MINUTE: Readonly<Record<OrdinaryKind, readonly number[]>> = {
  kill: [1, 3, 8],
  stop: [1, 3],
  power: [1, 3, 6],
  "power-all": [1, 2],
  "kill-all": [1, 2],
  "controller-kill": [1, 3],
  pause: [1, 4],
  "controller-pause": [1, 3],
  cut: [1, 4, 8],
  isolate: [1, 3],
  "client-cut": [1, 3],
  "slow-link": [1, 4],
  break: [2, 10],
  "slow-disk": [1, 3],
  clock: [1, 4],
  damage: [1, 3],
  "lost-answers": [1, 3],
  config: [1, 4],
  trim: [1, 4],
  recreate: [1, 2],
  reassign: [2, 8],
};

/** What a topic's configs may become while it is used. */
const CONFIG_CHANGES: readonly (readonly [name: string, value: string])[] = [
  ["flush.messages", "1"],
  ["flush.messages", "9223372036854775807"],
  ["internal.segment.bytes", "5000"],
  ["internal.segment.bytes", "1048576"],
  ["index.interval.bytes", "100"],
  ["segment.ms", "2000"],
];

/** Of a kind being there at all in a run. */
const KIND_IS_ON = 0.4;
const QUIET_START_MS = 3000;

/** @param kinds left out: the seed draws which kinds there are; some are zero on purpose. */
export function drawFaults(
  random: SeededRandom,
  durationMs: number,
  nodes: number,
  kinds?: readonly OrdinaryKind[],
): Fault[] {
  const faults: Fault[] = [];
  for (const kind of FAULT_KINDS) {
    const own = random.split(kind);
    const isOn = own.chance(KIND_IS_ON);
    if (kinds === undefined ? !isOn : !kinds.includes(kind)) continue;
    const perMs = own.pick(PER_MINUTE[kind]) / 60_000;
    for (let atMs = QUIET_START_MS; ; ) {
      atMs += Math.round(-Math.log(1 - own.below(10_000) / 10_000) / perMs);
      if (atMs >= durationMs) break;
      faults.push({ atMs, ...drawFault(kind, own, nodes) } as Fault);
    }
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

const FLAP_EVERY_MS = 1500;

/** Leaders that are cut off and come back, over and over, behind links on which answers are late. */
export function drawFlaps(random: SeededRandom, durationMs: number, nodes: number): Fault[] {
  const faults: Fault[] = [];
  for (let atMs = QUIET_START_MS; atMs < durationMs; atMs += random.between(1, FLAP_EVERY_MS)) {
    const victim: Victim = { leaderOf: random.below(1000) };
    if (random.chance(0.5)) {
      faults.push({ atMs, kind: "isolate", victim, durationMs: random.between(300, 1500) });
    } else {
      const other = random.between(1, nodes);
      const [latencyMs, durationOfIt] = [random.pick([100, 400, 1500]), random.between(500, 4000)];
      faults.push({ atMs, kind: "slow-link", victim, other, latencyMs, durationMs: durationOfIt });
    }
  }
  return faults;
}

const DISK_FAULT_EVERY_MS = 20_000;
const FAILING_OPERATIONS = ["append", "append", "sync", "sync", "truncate", "rename", "open", "writeFile"] as const;
type FailingOperation = (typeof FAILING_OPERATIONS)[number];

/** Disks that run full under a log and have room again, and such as fail. */
export function drawDiskFaults(random: SeededRandom, durationMs: number, nodes: number): Fault[] {
  const faults: Fault[] = [];
  for (let atMs = QUIET_START_MS; atMs < durationMs; atMs += random.between(1, DISK_FAULT_EVERY_MS)) {
    const victim: Victim = random.chance(0.5) ? { leaderOf: random.below(1000) } : { node: random.between(1, nodes) };
    const durationOfIt = random.pick([100, 1000, 5000, 20_000]);
    if (random.chance(0.6)) {
      faults.push({ atMs, kind: "full-disk", victim, leftBytes: random.below(20_000), durationMs: durationOfIt });
    } else {
      const operation = random.pick(FAILING_OPERATIONS);
      faults.push({ atMs, kind: "disk-error", victim, operation, downMs: durationOfIt });
    }
  }
  return faults;
}

function drawFault(kind: OrdinaryKind, random: SeededRandom, nodes: number): object {
  const victim: Victim = random.chance(0.6) ? { leaderOf: random.below(1000) } : { node: random.between(1, nodes) };
  /** Mostly short; some outlast every session. */
  const spanMs = (): number => random.pick([50, 300, 1000, 3000, 12_000]) * (0.5 + random.below(1000) / 1000);
  const other = random.below(nodes + 1);
  switch (kind) {
    case "kill":
    case "stop":
    case "power":
      return { kind, victim, downMs: spanMs() };
    case "power-all":
      return { kind, downMs: spanMs(), controllerToo: random.chance(0.5) };
    case "kill-all":
      return { kind, downMs: spanMs() };
    case "controller-kill":
      return { kind, power: random.chance(0.4), downMs: spanMs() };
    case "pause":
      return { kind, victim, durationMs: spanMs() };
    case "controller-pause":
      return { kind, durationMs: spanMs() };
    case "cut":
      return { kind, victim, other, way: random.pick(["to", "from", "both"]), durationMs: spanMs() };
    case "isolate":
      return { kind, victim, durationMs: spanMs() };
    case "client-cut":
      return { kind, victim, client: random.below(8), durationMs: spanMs() };
    case "slow-link":
      return { kind, victim, other, latencyMs: random.pick([20, 100, 400]), durationMs: spanMs() };
    case "break":
      return { kind, victim, other };
    case "slow-disk":
      return { kind, victim, latencyMs: random.pick([20, 200, 1000]), durationMs: spanMs() };
    case "clock":
      return { kind, victim, byMs: random.pick([-3_600_000, -1000, 500, 3_600_000, 31_536_000_000]) };
    case "damage":
      return { kind, victim, flips: random.between(1, 4), downMs: spanMs() };
    case "lost-answers":
      return { kind, victim, chance: random.pick([0.05, 0.3]), durationMs: spanMs() };
    case "config": {
      const [name, value] = random.pick(CONFIG_CHANGES);
      return { kind, topic: random.below(2), name, value };
    }
    case "trim":
      return { kind, topic: random.below(2), partition: random.below(3), keep: random.pick([0, 20, 200]) };
    case "recreate":
      return { kind };
    case "reassign":
      return { kind, topic: random.below(2), partition: random.below(3), place: random.below(nodes) };
  }
}
