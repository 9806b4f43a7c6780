/**
 * Directories of deleted logs, removed after file.delete.delay.ms, one after another.
 *
 * Invariant: what is left when the node stops is found by its name and removed after the next start.
 */
import type { Clock, Timer } from "./clock.ts";
import { type Disk, DiskError } from "./disk.ts";
import type { Logger } from "./logger.ts";

export class DelayedRemoval {
  private readonly disk: Disk;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly timers = new Set<Timer>();
  private removing: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(disk: Disk, clock: Clock, logger: Logger) {
    this.disk = disk;
    this.clock = clock;
    this.logger = logger;
  }

  add(path: string, delayMs: number): void {
    const timer = this.clock.after(delayMs, () => {
      this.timers.delete(timer);
      this.removing = this.removing.then(() => this.remove(path));
    });
    this.timers.add(timer);
  }

  /** Nothing further is removed; resolves when what is under way has ended. */
  stop(): Promise<void> {
    this.stopped = true;
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
    return this.removing;
  }

  private async remove(path: string): Promise<void> {
    if (this.stopped) return;
    try {
      await this.disk.removeTree(path);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      this.logger.warn(
        { path, kind: error.kind },
        "a deleted log could not be removed; it is tried again after a restart",
      );
    }
  }
}
