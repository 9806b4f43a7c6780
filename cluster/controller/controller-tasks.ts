/**
 * What the controller does by the clock: fences brokers that have fallen silent, moves leadership back to preferred leaders, and
 * elects uncleanly where a topic allows it.
 *
 * Owns: when. Leaves to decisions: what. A deadline that fell due while the loop stalled is judged only after one full poll of the
 * sockets: what arrived meanwhile counts.
 */
import type { Clock, Timer } from "../../storage/clock.ts";

export interface TaskRunner {
  /** When the next session runs out; undefined when there is none. */
  readonly nextSessionExpiryMs: () => number | undefined;
  readonly fenceSilentBrokers: () => void;
  /** Tells whether more is left to do. */
  readonly electPreferredLeaders: () => boolean;
  readonly electUncleanLeaders: () => boolean;
}

export interface TaskIntervals {
  readonly sessionTimeoutMs: number;
  /** Undefined: never. */
  readonly preferredElectionsMs: number | undefined;
  readonly uncleanElectionsMs: number;
}

/** What is left of a large election follows after this long: others come in between. */
const SOON_MS = 10;

export class ControllerTasks {
  private readonly clock: Clock;
  private readonly runner: TaskRunner;
  private readonly intervals: TaskIntervals;
  private readonly timers = new Map<string, Timer>();

  constructor(clock: Clock, runner: TaskRunner, intervals: TaskIntervals) {
    this.clock = clock;
    this.runner = runner;
    this.intervals = intervals;
  }

  start(): void {
    const { preferredElectionsMs, uncleanElectionsMs } = this.intervals;
    this.watchSessions();
    this.repeat("unclean", uncleanElectionsMs, this.runner.electUncleanLeaders);
    if (preferredElectionsMs !== undefined) {
      this.repeat("preferred", preferredElectionsMs, this.runner.electPreferredLeaders);
    }
  }

  stop(): void {
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
  }

  /** An unclean election out of turn, when the broker that was found dead would have been missed anyway. */
  electUncleanlyLater(): void {
    this.after("unclean after a fence", this.intervals.sessionTimeoutMs, () => {
      this.runner.electUncleanLeaders();
    });
  }

  private watchSessions(): void {
    const nowMs = this.clock.monotonicMs();
    const expiryMs = this.runner.nextSessionExpiryMs() ?? nowMs + this.intervals.sessionTimeoutMs;
    // Just behind the deadline, and never in a tight loop.
    this.after("sessions", Math.max(expiryMs - nowMs, 0) + 1, () =>
      this.clock.afterPoll(() => {
        if (!this.timers.has("sessions")) return;
        this.runner.fenceSilentBrokers();
        this.watchSessions();
      }),
    );
  }

  private repeat(name: string, intervalMs: number, run: () => boolean): void {
    this.after(name, intervalMs, () => this.runAndRepeat(name, intervalMs, run));
  }

  private runAndRepeat(name: string, intervalMs: number, run: () => boolean): void {
    if (run()) this.after(name, SOON_MS, () => this.runAndRepeat(name, intervalMs, run));
    else this.repeat(name, intervalMs, run);
  }

  private after(name: string, delayMs: number, run: () => void): void {
    this.timers.get(name)?.cancel();
    this.timers.set(name, this.clock.after(delayMs, run));
  }
}
