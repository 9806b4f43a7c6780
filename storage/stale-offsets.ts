/**
 * Offsets of deleted logs in the checkpoints: a log that is made by the same name must not be opened with them after a kill, for
 * they could put its start behind its end.
 *
 * Owns: which names may still stand there. They go with a write soon after the deletion, or at once when a name is taken again.
 */
import type { Clock, Timer } from "./clock.ts";

/** Deletions come in numbers: their checkpoints are written once. */
const FORGET_DELAY_MS = 200;

export interface StaleOffsetsPorts {
  /** Takes the names out of all checkpoints, in this turn. */
  readonly forgetNow: (names: ReadonlySet<string>) => void;
  /** Writes all checkpoints as they should be. */
  readonly write: () => Promise<void>;
}

export class StaleOffsets {
  private readonly clock: Clock;
  private readonly ports: StaleOffsetsPorts;
  private readonly names = new Set<string>();
  private timer: Timer | undefined;
  private stopped = false;

  constructor(clock: Clock, ports: StaleOffsetsPorts) {
    this.clock = clock;
    this.ports = ports;
  }

  add(name: string): void {
    this.names.add(name);
    if (!this.stopped) this.timer ??= this.clock.after(FORGET_DELAY_MS, () => void this.write());
  }

  /** To be called before a log takes the name. */
  take(name: string): void {
    if (!this.names.has(name)) return;
    this.ports.forgetNow(this.names);
    this.names.clear();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async write(): Promise<void> {
    const written = [...this.names];
    await this.ports.write();
    for (const name of written) this.names.delete(name);
    this.timer = undefined;
    const [left] = this.names;
    if (left !== undefined) this.add(left);
  }
}
