/**
 * The environment of one life of a node: it can stand still, as SIGSTOP makes a process, and it can be taken away at once, as a
 * kill takes everything from one.
 *
 * Owns: that after kill() no timer fires, no byte is written or read, nothing is logged, and every socket the node held is reset;
 * that between pause() and resume() nothing runs, and afterwards everything does, late. What the node still has under way when
 * it is killed (promises that were resolved already) finds a disk that refuses.
 * Invariant: the disk, network and compute behind it are untouched otherwise; the next incarnation gets its own.
 */
import type { Clock, Timer } from "../storage/clock.ts";
import type { Compute, ComputeTask } from "../storage/compute.ts";
import type { LogFields, Logger } from "../storage/logger.ts";
import type { Environment } from "./environment.ts";
import { Life } from "./life/life.ts";
import { LivingDisk } from "./life/living-disk.ts";
import { LivingNetwork } from "./life/living-network.ts";

export class Incarnation {
  readonly environment: Environment;
  private readonly life = new Life();
  private readonly timers = new Set<Timer>();
  private readonly network: LivingNetwork;
  private readonly disk: LivingDisk;

  constructor(outer: Environment) {
    this.network = new LivingNetwork(outer.network, outer.clock, this.life);
    this.disk = new LivingDisk(outer.disk, this.life);
    this.environment = {
      ...outer,
      clock: this.clockOver(outer.clock),
      disk: this.disk,
      network: this.network,
      compute: this.computeOver(outer.compute),
      logger: this.loggerOver(outer.logger),
    };
  }

  get isAlive(): boolean {
    return this.life.isAlive;
  }

  get isPaused(): boolean {
    return this.life.isPaused;
  }

  /** Nothing of the node runs from now on. A node may stand still for several reasons at once. */
  pause(reason = "asked"): void {
    this.life.pause(reason);
  }

  /** Goes on with what came meanwhile; resolves when that has run. */
  resume(reason = "asked"): Promise<void> {
    return this.life.resume(reason);
  }

  /** Ends this life: as SIGKILL would, or, after an orderly stop, to see that nothing is left. */
  kill(): void {
    if (!this.life.isAlive) return;
    this.life.end();
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
    this.network.end();
    this.disk.end();
  }

  private clockOver(clock: Clock): Clock {
    return {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      after: (delayMs, run) => {
        if (!this.life.isAlive) return { cancel: () => {} };
        const timer = clock.after(delayMs, () =>
          this.life.run(() => {
            // Due while the node stood still, and cancelled before it went on.
            if (this.timers.delete(timer)) run();
          }),
        );
        this.timers.add(timer);
        return {
          cancel: () => {
            this.timers.delete(timer);
            timer.cancel();
          },
        };
      },
      afterPoll: (run) => clock.afterPoll(() => this.life.run(run)),
    };
  }

  private computeOver(compute: Compute): Compute {
    return {
      run: <T>(task: ComputeTask<T>) => this.life.outcome(compute.run(task)),
      close: () => Promise.resolve(), // shared by all nodes of the process
    };
  }

  private loggerOver(logger: Logger): Logger {
    const over =
      (level: keyof Logger) =>
      (fields: LogFields, message: string): void => {
        if (this.life.isAlive) logger[level](fields, message);
      };
    return { debug: over("debug"), info: over("info"), warn: over("warn"), error: over("error") };
  }
}
