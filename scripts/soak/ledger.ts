/**
 * What a producer was told: every acknowledged record with its offset, and how long it had to wait between acknowledgements.
 *
 * Owns: the verdict: what is there in the end held against what was acknowledged.
 */
export interface StoredRecord {
  readonly offset: number;
  readonly key: string;
  readonly sequence: number;
}

export interface Verdict {
  readonly acknowledged: number;
  /** Acknowledged and not there. */
  readonly lost: number;
  /** There more than once. */
  readonly doubled: number;
  /** Behind a later record of the same key. */
  readonly reordered: number;
  /** Not at the offset that was acknowledged. */
  readonly misplaced: number;
  readonly examples: Readonly<Record<"lost" | "doubled" | "reordered" | "misplaced", readonly string[]>>;
}

interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Shorter ones are the producer's own pace. */
const SHORTEST_GAP_MS = 10;
const EXAMPLES = 5;

class PartitionLedger {
  /** Offset by sequence; undefined while it is not acknowledged. */
  readonly offsets: (number | undefined)[] = [];
  readonly gaps: Gap[] = [];
  acknowledged = 0;
  lastMs: number | undefined;
}

export class Ledger {
  private readonly partitions: PartitionLedger[];
  /** What the client gave up, and anything it said that was not expected. */
  readonly complaints: string[] = [];

  constructor(partitions: number) {
    this.partitions = Array.from({ length: partitions }, () => new PartitionLedger());
  }

  get acknowledged(): number {
    return this.partitions.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  /** Records acknowledged in the partition that has the fewest. */
  get leastAcknowledged(): number {
    return Math.min(...this.partitions.map(({ acknowledged }) => acknowledged));
  }

  /** A line of the client's (see clients.ts). */
  take(line: string): void {
    const [what, partition, sequence, ...rest] = line.split(" ");
    const ledger = this.partitions[Number(partition)];
    if (what === "sent") return;
    if (what !== "ack" || ledger === undefined) {
      this.complaints.push(`the client said: ${line}`);
      return;
    }
    const [offset, timeMs] = rest.map(Number) as [number, number];
    if (ledger.offsets[Number(sequence)] !== undefined) this.complaints.push(`acknowledged twice: ${line}`);
    ledger.offsets[Number(sequence)] = offset;
    ledger.acknowledged++;
    this.heard(ledger, timeMs);
  }

  private heard(ledger: PartitionLedger, timeMs: number): void {
    const { lastMs } = ledger;
    if (lastMs !== undefined && timeMs - lastMs >= SHORTEST_GAP_MS) ledger.gaps.push({ fromMs: lastMs, toMs: timeMs });
    ledger.lastMs = Math.max(lastMs ?? 0, timeMs);
  }

  /** The longest time without an acknowledgement in a partition that touches the span from `fromMs` to `toMs`. */
  longestGapMs(partition: number, fromMs: number, toMs: number): number {
    const { gaps = [], lastMs = fromMs } = this.partitions[partition] ?? {};
    const open = { fromMs: lastMs, toMs };
    const touching = [...gaps, open].filter((gap) => gap.toMs > fromMs && gap.fromMs < toMs);
    return Math.max(0, ...touching.map((gap) => gap.toMs - gap.fromMs));
  }

  /** @param stored what each partition holds in the end, in the order of offsets. */
  verdict(stored: readonly (readonly StoredRecord[])[]): Verdict {
    const found = {
      lost: [] as string[],
      doubled: [] as string[],
      reordered: [] as string[],
      misplaced: [] as string[],
    };
    for (const [partition, records] of stored.entries()) {
      const { offsets = [] } = this.partitions[partition] ?? {};
      const seen = new Map<number, number>();
      const lastOfKey = new Map<string, number>();
      for (const { key, sequence, offset } of records) {
        const name = `${partition}/${sequence}@${offset}`;
        if (seen.has(sequence)) found.doubled.push(name);
        else if (sequence < (lastOfKey.get(key) ?? -1)) found.reordered.push(name);
        const told = offsets[sequence] ?? -1;
        if (told >= 0 && told !== offset && !seen.has(sequence)) found.misplaced.push(`${name}!=${told}`);
        seen.set(sequence, offset);
        lastOfKey.set(key, Math.max(sequence, lastOfKey.get(key) ?? -1));
      }
      for (const [sequence, offset] of offsets.entries()) {
        if (offset !== undefined && !seen.has(sequence)) found.lost.push(`${partition}/${sequence}@${offset}`);
      }
    }
    const { lost, doubled, reordered, misplaced } = found;
    return {
      acknowledged: this.acknowledged,
      ...{ lost: lost.length, doubled: doubled.length, reordered: reordered.length, misplaced: misplaced.length },
      examples: {
        ...{ lost: lost.slice(0, EXAMPLES), doubled: doubled.slice(0, EXAMPLES) },
        ...{ reordered: reordered.slice(0, EXAMPLES), misplaced: misplaced.slice(0, EXAMPLES) },
      },
    };
  }
}
