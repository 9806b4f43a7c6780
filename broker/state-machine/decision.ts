/**
 * What a state machine makes of a request or of a deadline: data, no deeds.
 *
 * The shard appends the records, replays them, applies the changes, sets the timers; response, answers and effects leave when
 * everything appended so far is below the high watermark. If the append is refused, nothing of it happens; what does instead, if
 * anything, is `ifRefused`.
 */
import type { ErrorCode } from "../../protocol/error-codes.ts";
import type { TransactionVerification } from "../../storage/partition-log.ts";
import type { CoordinatorRecord, StoredRecord } from "./coordinator-record.ts";
import type { Reply } from "./reply.ts";

/** A response for a request that was parked by an earlier decision. */
export interface ParkedAnswer<R = unknown> {
  readonly reply: Reply<R>;
  readonly response: R;
}

/** A deadline to set, move or drop; one per key. */
export type TimerCommand<E> =
  | {
      readonly key: string;
      readonly delayMs: number;
      /** Handed to the machine when the deadline has passed. */
      readonly event: E;
      /** Somebody has to be heard of before it: begins anew when the process has stood still for long. */
      readonly liveness?: boolean;
      /** A deadline the key has already stays as it is. */
      readonly ifAbsent?: boolean;
    }
  | { readonly key: string; readonly cancel: true };

/** In whose transaction the records are. */
export interface TransactionalProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly verification?: TransactionVerification | undefined;
}

/**
 * What becomes of memory when the log refuses a decision's records. Its answers are refusals: they promise nothing, and wait for no
 * commit.
 */
export type AfterRefusal<C, E> = Pick<Decision<never, C, E>, "changes" | "timers" | "answers">;

/**
 * @typeParam R response. @typeParam C changes no log holds. @typeParam E events of timers. @typeParam F effects.
 */
export interface Decision<R, C = never, E = never, F = never> {
  /** Written as one batch, then replayed. */
  readonly records?: readonly CoordinatorRecord[];
  /** The records may be spread over several batches when one cannot hold them: each means something alone. */
  readonly splittable?: boolean;
  readonly transaction?: TransactionalProducer;
  /** What memory holds and no log: who waits, phases. Lost with the leadership. */
  readonly changes?: readonly C[];
  /** Absent when the request was parked: a later decision answers it. */
  readonly response?: R;
  readonly answers?: readonly ParkedAnswer[];
  readonly timers?: readonly TimerCommand<E>[];
  readonly effects?: readonly F[];
  /** In place of all this when the append is refused with the code; without it only the request is. It answers the request, too. */
  readonly ifRefused?: (code: ErrorCode) => AfterRefusal<C, E>;
}

export interface RecordPosition {
  readonly offset: number;
  /** -1 outside a transaction. */
  readonly producerId: number;
}

/** The memory of one partition of an internal topic. Decisions are made by functions that read it; only these methods change it. */
export interface StateMachine<C, E, F> {
  /** Takes in a record, while loading as well as after an append. */
  replay(record: StoredRecord | CoordinatorRecord, at: RecordPosition): void;
  /** A transaction ended: what it wrote here counts now, or never did. */
  replayEndTransaction(producerId: number, committed: boolean): void;
  apply(change: C): void;
  /** What to do when the whole log has been replayed. */
  onLoaded(): Decision<never, C, E, F>;
  onTimer(event: E): Decision<never, C, E, F>;
  /** Requests parked in memory, to be refused when it is dropped. */
  parkedReplies(): Iterable<Pick<Reply<unknown>, "refuse">>;
}

/** The same decision with a response made from its own. */
export function responding<R, S, C, E, F>(
  decision: Decision<R, C, E, F>,
  respond: (own: R) => S,
): Decision<S, C, E, F> {
  const { response } = decision;
  const rest = decision as unknown as Decision<S, C, E, F>;
  return response === undefined ? rest : { ...rest, response: respond(response) };
}
