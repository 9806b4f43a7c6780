/**
 * What a group's committed offset of one partition was, as those saw it who wrote and read it: is there an order of all that which
 * explains every answer?
 *
 * Owns: the judgement, by Gibbons and Korach: with values that are written once, an order exists when the zones of the values do not
 * get in each other's way. Times are any numbers that grow; what has the same time is concurrent.
 */
export type WriteOutcome = "done" | "refused" | "unknown";

interface Write {
  readonly id: string;
  readonly startedAt: number;
  endedAt: number;
  outcome: WriteOutcome;
}

interface Read {
  readonly id: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

/** What is read before anything was written. */
export const NEVER_WRITTEN = "";

/** All that was done with one value, from the first end to the last start; backward where the two overlap. */
interface Zone {
  readonly id: string;
  readonly from: number;
  readonly to: number;
  readonly isForward: boolean;
}

export class RegisterHistory {
  private readonly writes = new Map<string, Write>();
  private readonly reads: Read[] = [];

  /** A write is on its way; until it is said to have ended, nobody knows what became of it. */
  writing(id: string, startedAt: number): void {
    this.writes.set(id, { id, startedAt, endedAt: Number.POSITIVE_INFINITY, outcome: "unknown" });
  }

  written(id: string, endedAt: number, outcome: WriteOutcome): void {
    const write = this.writes.get(id);
    if (write === undefined) throw new Error(`${id} was never begun`);
    write.outcome = outcome;
    if (outcome !== "unknown") write.endedAt = endedAt;
  }

  /** @param id what was read, NEVER_WRITTEN for nothing. */
  read(id: string, startedAt: number, endedAt: number): void {
    this.reads.push({ id, startedAt, endedAt });
  }

  get size(): number {
    return this.writes.size + this.reads.length;
  }

  /** Undefined when an order explains it; else what does not fit. */
  contradiction(): string | undefined {
    const known = new Map([...this.writes].filter(([, { outcome }]) => outcome !== "refused"));
    const endAt = new Map([[NEVER_WRITTEN, Number.NEGATIVE_INFINITY]]);
    const startAt = new Map([[NEVER_WRITTEN, Number.NEGATIVE_INFINITY]]);
    const isRead = new Set<string>();
    for (const { id, startedAt, endedAt } of known.values()) {
      endAt.set(id, endedAt);
      startAt.set(id, startedAt);
    }
    for (const { id, startedAt, endedAt } of this.reads) {
      const [firstEnd, lastStart] = [endAt.get(id), startAt.get(id)];
      if (firstEnd === undefined || lastStart === undefined) {
        return `${id} was read at ${startedAt}; it was ${this.writes.has(id) ? "refused" : "never written"}`;
      }
      const write = known.get(id);
      if (write !== undefined && endedAt < write.startedAt) return `${id} was read before it was written`;
      isRead.add(id);
      endAt.set(id, Math.min(firstEnd, endedAt));
      startAt.set(id, Math.max(lastStart, startedAt));
    }
    const zones: Zone[] = [];
    for (const [id, firstEnd] of endAt) {
      // Nobody saw what became of it, and nobody saw it: it need not have happened.
      if (known.get(id)?.outcome === "unknown" && !isRead.has(id)) continue;
      const lastStart = startAt.get(id) as number;
      const isForward = firstEnd < lastStart;
      const [from, to] = isForward ? [firstEnd, lastStart] : [lastStart, firstEnd];
      zones.push({ id, from, to, isForward });
    }
    return clash(zones);
  }
}

/** Two values that must both have been there at one time, or one whose time lies within another's. */
function clash(zones: readonly Zone[]): string | undefined {
  const forward = zones.filter(({ isForward }) => isForward).sort((a, b) => a.from - b.from);
  const within = zones.filter(({ isForward }) => !isForward);
  for (let at = 1; at < forward.length; at++) {
    const [before, after] = [forward[at - 1] as Zone, forward[at] as Zone];
    if (after.from < before.to) return `${name(before)} is still read after ${name(after)} was there`;
  }
  for (const zone of within) {
    const around = forward.find(({ from, to }) => from < zone.from && zone.to < to);
    if (around !== undefined) return `${name(around)} is read before and after ${name(zone)} was written`;
  }
  return undefined;
}

function name({ id, from, to }: Zone): string {
  return `${id === NEVER_WRITTEN ? "nothing" : id} (${from} to ${to})`;
}
