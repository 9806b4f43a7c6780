/**
 * One run of a simulation: nodes with their seams, and what a test does to them.
 *
 * Owns: the seed, the scheduler, which incarnation of each node lives. Leaves to whoever boots a node what runs on it.
 * Invariant: everything random comes from the seed, split by name: another node more does not change what this one draws.
 */

import type { EventOwner } from "./event-heap.ts";
import { Scheduler } from "./scheduler.ts";
import { SeededBuggify } from "./seeded-buggify.ts";
import { SeededRandom } from "./seeded-random.ts";
import { SimulatedClock } from "./simulated-clock.ts";
import { SimulatedCompute } from "./simulated-compute.ts";
import { type CrashOptions, SimulatedDisk } from "./simulated-disk.ts";

/** 2023-11-14: what the wall clocks show at virtual time 0. */
export const WALL_START_MS = 1_700_000_000_000;

export interface SimulationOptions {
  readonly seed: string | number;
  /** Milliseconds of a sync, a large read, a task: from, to. Drawn once per seed when left out, often 0. */
  readonly latencyMs?: readonly [number, number];
  /** Events of the same time happen in an order drawn from the seed. */
  readonly shuffleTies?: boolean;
  readonly volumeBytes?: number;
}

/** A node from boot to kill: its seams are dead afterwards. */
export interface Incarnation extends EventOwner {
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
  readonly disk: SimulatedDisk;
  readonly compute: SimulatedCompute;
  readonly buggify: SeededBuggify;
}

export class Simulation {
  readonly seed: string;
  /** For the test's own choices. */
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  private readonly options: SimulationOptions;
  private readonly latencyMs: readonly [number, number];
  private readonly generators: SeededRandom[] = [];
  private readonly disks = new Map<string, SimulatedDisk>();
  private readonly nodes = new Map<string, Incarnation>();
  private readonly boots = new Map<string, number>();

  constructor(options: SimulationOptions) {
    this.options = options;
    this.seed = String(options.seed);
    const root = new SeededRandom(this.seed);
    this.random = this.keep(root.split("test"));
    const swarm = root.split("swarm");
    this.latencyMs =
      options.latencyMs ??
      swarm.pick([
        [0, 0],
        [0, 2],
        [1, 30],
        [0, 500],
      ] as const);
    this.scheduler = new Scheduler({
      random: this.keep(root.split("scheduler")),
      shuffleTies: options.shuffleTies ?? swarm.chance(0.5),
      draws: () => this.generators.reduce((sum, generator) => sum + generator.draws, 0),
    });
  }

  /** Randomness for a part of the world that is no node. */
  generator(name: string): SeededRandom {
    return this.keep(new SeededRandom(this.seed).split(name));
  }

  /** The node's disk, which outlives its incarnations. */
  disk(name: string): SimulatedDisk {
    let disk = this.disks.get(name);
    if (disk === undefined) {
      const random = this.keep(new SeededRandom(this.seed).split(`disk ${name}`));
      const { volumeBytes } = this.options;
      disk = new SimulatedDisk({
        random,
        later: (kind, delayMs, run) => {
          const node = this.nodes.get(name);
          if (node !== undefined) this.scheduler.schedule({ node, kind, delayMs, run });
        },
        latencyMs: () => this.latency(random),
        ...(volumeBytes === undefined ? {} : { volumeBytes }),
      });
      this.disks.set(name, disk);
    }
    return disk;
  }

  /** Starts the node's next incarnation; the one before must be dead. */
  boot(name: string): Incarnation {
    if (this.nodes.get(name)?.alive === true) throw new Error(`${name} runs already`);
    const count = (this.boots.get(name) ?? 0) + 1;
    this.boots.set(name, count);
    const random = this.keep(new SeededRandom(this.seed).split(`node ${name} ${count}`));
    const owner: EventOwner = { name, alive: true, stalledUntilMs: 0 };
    const computeRandom = this.keep(random.split("compute"));
    const later = (kind: string, delayMs: number, run: () => void) =>
      void this.scheduler.schedule({ node: incarnation, kind, delayMs, run });
    const incarnation: Incarnation = Object.assign(owner, {
      clock: new SimulatedClock(this.scheduler, owner, WALL_START_MS),
      random,
      disk: this.disk(name),
      compute: new SimulatedCompute(later, () => this.latency(computeRandom)),
      buggify: new SeededBuggify(this.keep(random.split("buggify"))),
    });
    this.nodes.set(name, incarnation);
    return incarnation;
  }

  /** Ends the node without a goodbye: nothing of it happens any more. */
  kill(name: string, crash: CrashOptions = { powerLoss: false }): void {
    const node = this.nodes.get(name);
    if (node !== undefined) node.alive = false;
    this.disks.get(name)?.crash(crash);
  }

  /** The node's loop stands still for so long; what it is sent meanwhile waits. */
  stall(name: string, durationMs: number): void {
    const node = this.nodes.get(name);
    // A shorter stall does not end a longer one: half of the node would go on, while what waits already waits.
    if (node !== undefined) node.stalledUntilMs = Math.max(node.stalledUntilMs, this.scheduler.nowMs + durationMs);
  }

  /** Runs the simulation until the test's own code is through. */
  run<T>(body: () => Promise<T>): Promise<T> {
    return this.scheduler.until(body());
  }

  private latency(random: SeededRandom): number {
    const [from, to] = this.latencyMs;
    return to === 0 ? 0 : from + random.below(1000) * ((to - from) / 1000);
  }

  private keep(random: SeededRandom): SeededRandom {
    this.generators.push(random);
    return random;
  }
}

/** Runs the same seed twice, each time from nothing, and gives what the first run gave. @throws Error when the runs differ. */
export async function simulateTwice<T>(
  options: SimulationOptions,
  body: (simulation: Simulation) => Promise<T>,
): Promise<T> {
  const first = new Simulation(options);
  const result = await first.run(() => body(first));
  const second = new Simulation(options);
  await second.run(() => body(second));
  if (first.scheduler.hash !== second.scheduler.hash) {
    throw new Error(
      `seed ${options.seed} is not deterministic: ${first.scheduler.hash} after ${first.scheduler.eventCount} events, ` +
        `${second.scheduler.hash} after ${second.scheduler.eventCount}`,
    );
  }
  return result;
}
