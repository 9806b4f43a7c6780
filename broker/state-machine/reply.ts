/**
 * Somebody who waits for an answer of a state machine: the request's Later, and how the request's API says no.
 *
 * A parked request (a join, a sync) lies as such in the machine's memory; which reply it is, is all that decisions know of it.
 * Invariant: answered once; what comes later is dropped.
 */
import type { ErrorCode } from "../../protocol/error-codes.ts";
import { Later } from "../dispatch/answer.ts";

export class Reply<R> {
  readonly later = new Later<R>();
  private readonly refusal: (code: ErrorCode) => R;
  private readonly finish: ((response: R) => R) | undefined;

  /**
   * @param refusal the response of this API that carries an error.
   * @param finish what this version makes of any response.
   */
  constructor(refusal: (code: ErrorCode) => R, finish?: (response: R) => R) {
    this.refusal = refusal;
    this.finish = finish;
  }

  /** True once it was answered, or nobody waits any more. */
  get settled(): boolean {
    return this.later.completed;
  }

  answer(response: R): void {
    if (!this.later.completed) this.later.complete(this.finish === undefined ? response : this.finish(response));
  }

  refuse(code: ErrorCode): void {
    if (!this.later.completed) this.answer(this.refusal(code));
  }
}

/** One answer from those of several shards; complete when all have come. */
export function gather<P, R>(parts: readonly Later<P>[], combine: (answers: P[]) => R): Later<R> {
  const whole = new Later<R>();
  const answers: P[] = new Array(parts.length);
  let missing = parts.length;
  if (missing === 0) whole.complete(combine([]));
  parts.forEach((part, index) => {
    part.onComplete((answer) => {
      if (typeof answer === "symbol") throw new Error("a shard's part has no answer");
      answers[index] = answer;
      if (--missing === 0) whole.complete(combine(answers));
    });
  });
  return whole;
}
