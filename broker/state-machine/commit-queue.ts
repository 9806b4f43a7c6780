/**
 * What has been decided and must not leave before it is committed: answers and effects, in the order of the log.
 *
 * Owns: which end offset each waits for, and how long an answer may wait (offsets.commit.timeout.ms): then the request is
 * refused as timed out, while what it wrote stands and may be committed later. Effects wait as long as it takes.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { Clock, Timer } from "../../storage/clock.ts";
import type { Reply } from "./reply.ts";

interface WaitingAnswer {
  readonly endOffset: number;
  readonly deadlineMs: number;
  readonly reply: Reply<unknown>;
  readonly response: unknown;
}

interface WaitingEffect<F> {
  readonly endOffset: number;
  readonly effect: F;
}

export class CommitQueue<F> {
  private readonly answers: WaitingAnswer[] = [];
  private readonly effects: WaitingEffect<F>[] = [];
  private timer: Timer | undefined;
  private readonly clock: Clock;
  private readonly timeoutMs: number;
  private readonly run: (effect: F) => void;

  constructor(clock: Clock, timeoutMs: number, run: (effect: F) => void) {
    this.clock = clock;
    this.timeoutMs = timeoutMs;
    this.run = run;
  }

  /** Answers and effects that wait. */
  get size(): number {
    return this.answers.length + this.effects.length;
  }

  answer<R>(endOffset: number, reply: Reply<R>, response: R): void {
    const deadlineMs = this.clock.monotonicMs() + this.timeoutMs;
    this.answers.push({ endOffset, deadlineMs, reply: reply as unknown as Reply<unknown>, response });
  }

  effect(endOffset: number, effect: F): void {
    this.effects.push({ endOffset, effect });
  }

  /** Lets go what is below the offset. Answering may bring the next request in before this returns. */
  commit(highWatermark: number): void {
    for (let next = this.effects[0]; next !== undefined && next.endOffset <= highWatermark; next = this.effects[0]) {
      this.effects.shift();
      this.run(next.effect);
    }
    for (let next = this.answers[0]; next !== undefined && next.endOffset <= highWatermark; next = this.answers[0]) {
      this.answers.shift();
      next.reply.answer(next.response);
    }
    if (this.answers.length > 0) this.arm();
    else this.disarm();
  }

  /** Nothing will be committed any more: refuses those who wait, drops effects. */
  close(code: ErrorCode): void {
    this.disarm();
    this.effects.length = 0;
    for (const { reply } of this.answers.splice(0)) reply.refuse(code);
  }

  private arm(): void {
    const first = this.answers[0];
    if (this.timer !== undefined || first === undefined) return;
    this.timer = this.clock.after(Math.max(0, first.deadlineMs - this.clock.monotonicMs()), () => this.expire());
  }

  private disarm(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }

  private expire(): void {
    this.timer = undefined;
    const nowMs = this.clock.monotonicMs();
    for (let next = this.answers[0]; next !== undefined && next.deadlineMs <= nowMs; next = this.answers[0]) {
      this.answers.shift();
      next.reply.refuse(ErrorCode.REQUEST_TIMED_OUT);
    }
    this.arm();
  }
}
