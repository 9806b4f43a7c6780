/**
 * What a history of a log may not show, in the manner of Jepsen's workload for Kafka: each anomaly a function over the history.
 *
 * Owns: the definitions. Leaves to checker.ts: which of them are failures and which are only told.
 */
import { type History, type Operation, pollsOf, type Send, sendsOf } from "./history.ts";
import type { VersionOrder } from "./version-order.ts";

export type AnomalyKind =
  | "inconsistent-offsets"
  | "duplicate"
  | "lost-write"
  | "aborted-read"
  | "precommitted-read"
  | "internal-poll-skip"
  | "internal-nonmonotonic-poll"
  | "internal-send-skip"
  | "internal-nonmonotonic-send"
  | "poll-skip"
  | "nonmonotonic-poll"
  | "nonmonotonic-send"
  | "unseen"
  | "write-cycle"
  | "read-cycle";

export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly detail: string;
}

/** An offset at which several values are. */
export function* inconsistentOffsets(order: VersionOrder): Iterable<Anomaly> {
  for (const [key, { at }] of order.keys) {
    for (const [offset, values] of at) {
      if (values.size > 1)
        yield { kind: "inconsistent-offsets", detail: `${key}@${offset}: ${[...values].join(", ")}` };
    }
  }
}

/** A value at several offsets. */
export function* duplicates(order: VersionOrder): Iterable<Anomaly> {
  for (const [key, { indexes }] of order.keys) {
    for (const [value, places] of indexes) {
      if (places.length > 1) yield { kind: "duplicate", detail: `${key}/${value} ${places.length} times` };
    }
  }
}

/** A write that must be there, before something that somebody has read, and nobody read it. */
export function* lostWrites(history: History, order: VersionOrder): Iterable<Anomaly> {
  const bounds = new Map<number, number>();
  for (const operation of history) {
    for (const { key, value } of pollsOf(operation)) {
      const index = order.firstIndex(key, value) ?? -1;
      if (index > (bounds.get(key) ?? -1)) bounds.set(key, index);
    }
  }
  for (const operation of history) {
    if (!order.mustBeCommitted(operation)) continue;
    for (const send of sendsOf(operation)) {
      const index = order.lastIndex(send.key, send.value);
      // Of one whose offset nobody knows there is nothing to say but at the end.
      if (index === undefined || order.wasRead(send)) continue;
      if (index <= (bounds.get(send.key) ?? -1)) yield { kind: "lost-write", detail: `${send.key}/${send.value}` };
    }
  }
}

/** A value whose writer has failed. */
export function* abortedReads(history: History, order: VersionOrder): Iterable<Anomaly> {
  for (const operation of history) {
    for (const polled of pollsOf(operation)) {
      if (order.writerOf(polled)?.operation.outcome !== "failed") continue;
      yield { kind: "aborted-read", detail: `${polled.key}/${polled.value} by process ${operation.process}` };
    }
  }
}

/** A transaction polls what it sent itself. */
export function* precommittedReads(history: History): Iterable<Anomaly> {
  for (const operation of history) {
    const own = new Set(sendsOf(operation).map(({ key, value }) => `${key}/${value}`));
    for (const { key, value } of pollsOf(operation)) {
      if (own.has(`${key}/${value}`)) yield { kind: "precommitted-read", detail: `${key}/${value}` };
    }
  }
}

/** Within an operation, and from one to the next of a process, polls go on by one. */
export function* pollOrder(history: History, order: VersionOrder): Iterable<Anomaly> {
  const last = new Map<number, Map<number, number>>();
  for (const operation of history) {
    const before =
      operation.repositioned === true ? new Map<number, number>() : (last.get(operation.process) ?? new Map());
    const inside = new Set<number>();
    for (const { key, value } of pollsOf(operation)) {
      // A value that is there twice has its anomaly already.
      const index = order.firstIndex(key, value) ?? -1;
      const previous = before.get(key);
      if (previous !== undefined && index !== previous + 1) {
        const where = `${key}: from ${previous} to ${index} (value ${value}) by process ${operation.process}`;
        const isSkip = index > previous;
        if (inside.has(key))
          yield { kind: isSkip ? "internal-poll-skip" : "internal-nonmonotonic-poll", detail: where };
        else yield { kind: isSkip ? "poll-skip" : "nonmonotonic-poll", detail: where };
      }
      before.set(key, index);
      inside.add(key);
    }
    last.set(operation.process, before);
  }
}

/** Sends go upwards; that others' come between is no fault. */
export function* sendOrder(history: History, order: VersionOrder): Iterable<Anomaly> {
  const last = new Map<number, Map<number, number>>();
  for (const operation of history) {
    if (!order.mustBeCommitted(operation)) continue;
    const before = last.get(operation.process) ?? new Map<number, number>();
    const inside = new Set<number>();
    for (const { key, value } of sendsOf(operation)) {
      const index = order.firstIndex(key, value);
      if (index === undefined) continue;
      const previous = before.get(key);
      const detail = `${key}: from ${previous} to ${index} (value ${value}) by process ${operation.process}`;
      if (previous !== undefined && index <= previous) {
        yield { kind: inside.has(key) ? "internal-nonmonotonic-send" : "nonmonotonic-send", detail };
      } else if (previous !== undefined && index > previous + 1 && inside.has(key)) {
        yield { kind: "internal-send-skip", detail };
      }
      before.set(key, index);
      inside.add(key);
    }
    last.set(operation.process, before);
  }
}

/**
 * Acknowledged, or of a transaction of which another part was read, and never polled by anybody: to be asked at the end, when
 * everything has been polled.
 */
export function* unseen(history: History, order: VersionOrder): Iterable<Anomaly> {
  for (const operation of history) {
    if (!order.mustBeCommitted(operation)) continue;
    for (const send of sendsOf(operation))
      if (!order.wasRead(send)) yield { kind: "unseen", detail: nameOf(operation, send) };
  }
}

function nameOf({ process }: Operation, { key, value, offset }: Send): string {
  return `${key}/${value}${offset === undefined ? "" : ` at ${offset}`} of process ${process}`;
}

/** Longest time from the acknowledgement of a value to a poll that had not come to it yet although it read that key. */
export function realtimeLagMs(history: History, order: VersionOrder): number {
  const acknowledged = new Map<number, { index: number; atMs: number }[]>();
  for (const operation of history) {
    if (operation.outcome !== "ok") continue;
    for (const { key, value } of sendsOf(operation)) {
      const index = order.firstIndex(key, value);
      if (index === undefined) continue;
      const known = acknowledged.get(key) ?? [];
      known.push({ index, atMs: operation.endedMs });
      acknowledged.set(key, known);
    }
  }
  let worst = 0;
  for (const operation of history) {
    const seen = new Map<number, number>();
    for (const { key, value } of pollsOf(operation)) seen.set(key, order.firstIndex(key, value) ?? -1);
    for (const [key, index] of seen) {
      for (const known of acknowledged.get(key) ?? []) {
        if (known.index > index) worst = Math.max(worst, operation.startedMs - known.atMs);
      }
    }
  }
  return worst;
}
