/**
 * One process of the workload: transactions of sends and polls, aborted at any step, polls between them, other positions now and
 * then; and what it saw, as operations.
 *
 * Owns: what is known of an outcome. A transaction that nobody asked to commit has failed, however its abort went: the next epoch
 * fences it; one whose commit had no good answer is unknown.
 */
import type { Random } from "../../storage/random.ts";
import type { Operation, Outcome, Step } from "./history.ts";
import type { HistoryClient, Polled } from "./history-client.ts";

const POLL_MS = 100;
const MAX_STEPS = 4;
/** Of a hundred operations. */
const POLLS_ALONE = 20;
const NEW_POSITIONS = 3;
const NEW_PRODUCERS = 2;
/** Of a hundred transactions. */
const ABORTS = 25;

export interface Counts {
  sends: number;
  polls: number;
  commits: number;
  aborts: number;
  errors: number;
}

export interface WorkerOptions {
  readonly process: number;
  readonly client: HistoryClient;
  readonly random: Random;
  readonly keys: number;
  /** A value that nobody else sends. */
  readonly nextValue: () => number;
  readonly nowMs: () => number;
  readonly record: (operation: Operation) => void;
  readonly counts: Counts;
}

export class Worker {
  private readonly options: WorkerOptions;
  private repositioned = true;
  private hasProducer = false;
  private hasConsumer = false;
  /** What was polled in this operation from other positions on: told behind it. */
  private apart: Operation[] = [];

  constructor(options: WorkerOptions) {
    this.options = options;
  }

  /** Runs operations until it is told to stop. */
  async run(stopped: () => boolean): Promise<void> {
    while (!stopped()) await this.once();
    // The last word: whatever is open is fenced.
    await this.begin(() => true);
  }

  private async once(): Promise<void> {
    const { random } = this.options;
    const dice = random.below(100);
    if (!this.hasConsumer || dice < NEW_POSITIONS) await this.newPositions();
    else if (dice < NEW_POSITIONS + NEW_PRODUCERS) this.hasProducer = false;
    else if (dice < NEW_POSITIONS + NEW_PRODUCERS + POLLS_ALONE) await this.pollAlone();
    else await this.transaction();
  }

  private async newPositions(): Promise<void> {
    const { client, random, keys } = this.options;
    const all = Array.from({ length: keys }, (_, key) => key);
    const some = all.filter(() => random.below(4) > 0);
    this.hasConsumer = await this.tried(() => client.assign(some.length === 0 ? all : some));
    this.repositioned = true;
  }

  private async pollAlone(): Promise<void> {
    const startedMs = this.options.nowMs();
    const steps: Step[] = [];
    await this.poll(steps, startedMs);
    this.finish("ok", steps, startedMs);
  }

  private async transaction(): Promise<void> {
    const { client, random, counts } = this.options;
    if (!(await this.begin())) return;
    const startedMs = this.options.nowMs();
    const steps: Step[] = [];
    const count = 1 + random.below(MAX_STEPS);
    const abortAt = random.below(100) < ABORTS ? random.below(count + 1) : -1;
    let failed = !(await this.tried(() => client.begin()));
    for (let i = 0; i < count && !failed && i !== abortAt; i++) {
      if (random.below(100) < 65) failed = !(await this.send(steps));
      else await this.poll(steps, startedMs);
    }
    if (failed || abortAt >= 0) {
      const aborted = !failed && (await this.tried(() => client.abort()));
      if (!aborted) this.hasProducer = false;
      counts.aborts++;
      this.finish("failed", steps, startedMs);
      return;
    }
    const committed = await this.tried(() => client.commit());
    if (committed) counts.commits++;
    else this.hasProducer = false;
    this.finish(committed ? "ok" : "unknown", steps, startedMs);
  }

  /** Has a producer whose transaction before is at its end. */
  private async begin(again: () => boolean = () => false): Promise<boolean> {
    if (again()) this.hasProducer = false;
    this.hasProducer ||= await this.tried(() => this.options.client.init());
    return this.hasProducer;
  }

  private async send(steps: Step[]): Promise<boolean> {
    const { client, random, keys, nextValue, counts } = this.options;
    const key = random.below(keys);
    const value = nextValue();
    counts.sends++;
    let offset: number | undefined;
    const sent = await this.tried(async () => {
      offset = await client.send(key, value);
    });
    steps.push({ kind: "send", key, value, offset });
    return sent;
  }

  private async poll(steps: Step[], startedMs: number): Promise<void> {
    const { counts, client, process, nowMs } = this.options;
    let polled: Polled = { values: [], repositioned: false };
    await this.tried(async () => {
      polled = await client.poll(POLL_MS);
    });
    counts.polls++;
    const { values, repositioned } = polled;
    if (!repositioned && this.apart.length === 0) {
      steps.push({ kind: "poll", values });
      return;
    }
    // What does not follow on what this operation polled before is an operation of its own; so is what follows on that.
    const poll = [{ kind: "poll", values }] as const;
    this.apart.push({ process, outcome: "ok", steps: poll, repositioned, startedMs, endedMs: nowMs() });
  }

  private finish(outcome: Outcome, steps: readonly Step[], startedMs: number): void {
    const { process, record, nowMs } = this.options;
    const { repositioned, apart } = this;
    this.repositioned = false;
    this.apart = [];
    record({ process, outcome, steps, repositioned, startedMs, endedMs: nowMs() });
    for (const operation of apart) record(operation);
  }

  private async tried(run: () => Promise<void>): Promise<boolean> {
    try {
      await run();
      return true;
    } catch {
      this.options.counts.errors++;
      return false;
    }
  }
}
