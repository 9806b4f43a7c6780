/**
 * What a cluster's processes hold while a soak goes on, read whenever all nodes are up.
 *
 * One reading says little: nodes are started again all the time and each grows into its work. Hence the middle of a minute's readings.
 */

/** Nodes have begun by then. */
const SETTLED_MS = 60_000;
const WINDOW_MS = 60_000;

/** What the processes hold, in bytes. */
export interface MemoryReading {
  readonly nodes: number;
  /** The process above the nodes, which is never started again: what it gathers stays. */
  readonly parent: number;
}

export interface MemoryGrowth {
  readonly settled: MemoryReading;
  readonly end: MemoryReading;
}

export class MemoryWatch {
  readonly #readings: { readonly atMs: number; readonly reading: MemoryReading }[] = [];

  /** @param atMs since the soak began */
  take(atMs: number, reading: MemoryReading | undefined): void {
    if (reading !== undefined) this.#readings.push({ atMs, reading });
  }

  /** The minute after the first and the last minute, or as much of either as a short soak has; undefined where nothing was read. */
  get growth(): MemoryGrowth | undefined {
    const endMs = this.#readings.at(-1)?.atMs ?? 0;
    const windowMs = Math.min(WINDOW_MS, (endMs - SETTLED_MS) / 2);
    const settled = this.#middle(SETTLED_MS, SETTLED_MS + windowMs);
    const end = this.#middle(endMs - windowMs, endMs);
    return settled === undefined || end === undefined ? undefined : { settled, end };
  }

  #middle(fromMs: number, toMs: number): MemoryReading | undefined {
    const within = this.#readings.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).map(({ reading }) => reading);
    if (within.length === 0) return undefined;
    return { nodes: median(within.map(({ nodes }) => nodes)), parent: median(within.map(({ parent }) => parent)) };
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] as number;
}
