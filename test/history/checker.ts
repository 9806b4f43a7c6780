/**
 * Holds a history against what Kafka promises: which anomalies are failures, and what is only told.
 */
import {
  type Anomaly,
  type AnomalyKind,
  abortedReads,
  duplicates,
  inconsistentOffsets,
  lostWrites,
  pollOrder,
  precommittedReads,
  realtimeLagMs,
  sendOrder,
  unseen,
} from "./anomalies.ts";
import { cycles } from "./cycles.ts";
import { type History, pollsOf, sendsOf } from "./history.ts";
import { VersionOrder } from "./version-order.ts";

/** Sends of several transactions interleave in a log: Kafka promises nothing else. */
const ALWAYS_ALLOWED: ReadonlySet<AnomalyKind> = new Set(["internal-send-skip", "write-cycle"]);
/** A group that is rebalanced may go back to what was committed, or on from it. */
const ALLOWED_IN_GROUPS: ReadonlySet<AnomalyKind> = new Set(["poll-skip", "nonmonotonic-poll"]);

export interface CheckOptions {
  /** Consumers share partitions by a group. */
  readonly subscribes?: boolean;
  /** At the end somebody polled every partition to its end. */
  readonly polledToEnd?: boolean;
}

export interface Verdict {
  readonly failures: readonly Anomaly[];
  /** Found, and allowed. */
  readonly allowed: readonly Anomaly[];
  readonly seen: {
    readonly operations: number;
    readonly sends: number;
    readonly polled: number;
    readonly committed: number;
    readonly aborted: number;
    readonly unknown: number;
    readonly realtimeLagMs: number;
  };
}

export function checkHistory(history: History, options: CheckOptions = {}): Verdict {
  const order = new VersionOrder(history);
  const found = [
    ...inconsistentOffsets(order),
    ...duplicates(order),
    ...lostWrites(history, order),
    ...abortedReads(history, order),
    ...precommittedReads(history),
    ...pollOrder(history, order),
    ...sendOrder(history, order),
    ...(options.polledToEnd === true ? unseen(history, order) : []),
    ...cycles(history, order),
  ];
  const isAllowed = ({ kind }: Anomaly): boolean =>
    ALWAYS_ALLOWED.has(kind) || (options.subscribes === true && ALLOWED_IN_GROUPS.has(kind));
  const writing = history.filter((operation) => sendsOf(operation).length > 0);
  const count = (outcome: string) => writing.filter((operation) => operation.outcome === outcome).length;
  return {
    failures: found.filter((anomaly) => !isAllowed(anomaly)),
    allowed: found.filter(isAllowed),
    seen: {
      operations: history.length,
      sends: writing.reduce((sum, operation) => sum + sendsOf(operation).length, 0),
      polled: history.reduce((sum, operation) => sum + pollsOf(operation).length, 0),
      committed: count("ok"),
      aborted: count("failed"),
      unknown: count("unknown"),
      realtimeLagMs: realtimeLagMs(history, order),
    },
  };
}
