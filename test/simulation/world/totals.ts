/** What happened in many runs together, and what should have and did not. */
import { DISK_FAULT_KINDS, FAULT_KINDS } from "./faults.ts";
import type { RunResult } from "./run-plan.ts";

/** With fewer seeds a kind of fault may be absent by chance. */
const SEEDS_FOR_EVERY_FAULT = 100;
const SEEDS_FOR_EVERY_TOTAL = 20;

export class Totals {
  seeds = 0;
  private readonly counts = new Map<string, number>();

  add(result: RunResult): void {
    this.seeds++;
    const {
      ackedRecords,
      readRecords,
      events,
      simulatedMs,
      losses,
      connectionLosses,
      lostAnswers,
      answersChecked,
      replicas,
      faults,
    } = result;
    this.count("acknowledged records", ackedRecords);
    this.count("records read", readRecords);
    this.count("events", events);
    this.count("simulated seconds", Math.round(simulatedMs / 1000));
    for (const [name, count] of Object.entries(replicas)) this.count(wordsOf(name), count);
    this.count("losses that were allowed", losses);
    this.count("connections lost", connectionLosses);
    this.count("answers lost", lostAnswers);
    this.count("times and epochs looked up", answersChecked);
    for (const kind of [...FAULT_KINDS, ...DISK_FAULT_KINDS]) this.count(`fault: ${kind}`, 0);
    for (const [kind, count] of Object.entries(faults)) this.count(`fault: ${kind}`, count);
  }

  get all(): ReadonlyMap<string, number> {
    return this.counts;
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  /** What never happened in so many seeds, and so was not tested. */
  missing(): string[] {
    if (this.seeds < SEEDS_FOR_EVERY_TOTAL) return [];
    const zero = [...this.counts].filter(([, count]) => count === 0).map(([name]) => name);
    return this.seeds < SEEDS_FOR_EVERY_FAULT ? zero.filter((name) => !name.startsWith("fault: ")) : zero;
  }

  private count(name: string, by: number): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }
}

function wordsOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
