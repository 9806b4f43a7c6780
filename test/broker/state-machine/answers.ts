/** What became of replies: undefined as long as nothing was said. */

import { Reply } from "../../../broker/state-machine/reply.ts";
import type { ErrorCode } from "../../../protocol/error-codes.ts";

export interface Asked<R> {
  readonly reply: Reply<R | { refused: ErrorCode }>;
  answer: R | { refused: ErrorCode } | undefined;
}

/** A reply whose refusals can be told from answers. */
export function asking<R>(): Asked<R> {
  const asked: Asked<R> = {
    reply: new Reply<R | { refused: ErrorCode }>((refused) => ({ refused })),
    answer: undefined,
  };
  asked.reply.later.onComplete((answer) => {
    if (typeof answer !== "symbol") asked.answer = answer;
  });
  return asked;
}
