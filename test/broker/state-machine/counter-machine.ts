/** The smallest state machine there is, to see what the runtime makes of any: named counters. */

import {
  type CoordinatorRecord,
  newRecord,
  RecordTypes,
  recordType,
  type StoredRecord,
  tombstone,
} from "../../../broker/state-machine/coordinator-record.ts";
import type { Decision, RecordPosition, StateMachine } from "../../../broker/state-machine/decision.ts";
import type { Reply } from "../../../broker/state-machine/reply.ts";
import { type Timeline, VersionedMap } from "../../../broker/state-machine/versioned.ts";
import { decode } from "../../../protocol/schema/codec.ts";
import { array, int32, int64, string } from "../../../protocol/schema/field.ts";
import { message } from "../../../protocol/schema/message.ts";

const CounterKey = message("CounterKey", "0", "none", { name: string() });
const CounterValue = message("CounterValue", "0-1", "none", {
  count: int64(),
  padding: array(int32(), { versions: "1+", ignorable: true }),
});
const CounterRecord = recordType(7, CounterKey, CounterValue);
export const COUNTER_TYPES = new RecordTypes([CounterRecord]);

export interface CounterChange {
  readonly name: string;
  readonly waiting: Reply<number>;
}

export type CounterDecision<R> = Decision<R, CounterChange, string, string>;

export class CounterMachine implements StateMachine<CounterChange, string, string> {
  readonly counts: VersionedMap<string, number>;
  readonly waiting = new Map<string, Reply<number>>();
  readonly ended: { producerId: number; committed: boolean }[] = [];
  readonly positions: RecordPosition[] = [];
  /** What a deadline does. */
  onDeadline: (event: string) => CounterDecision<never> = () => ({});
  loaded = false;

  constructor(timeline: Timeline) {
    this.counts = new VersionedMap(timeline);
  }

  replay(record: StoredRecord | CoordinatorRecord, at: RecordPosition): void {
    this.positions.push(at);
    const { name } = record.key as { name: string };
    if (record.value === null) this.counts.delete(name);
    else this.counts.set(name, (record.value as { count: number }).count);
  }

  replayEndTransaction(producerId: number, committed: boolean): void {
    this.ended.push({ producerId, committed });
  }

  apply(change: CounterChange): void {
    this.waiting.set(change.name, change.waiting);
  }

  onLoaded(): CounterDecision<never> {
    this.loaded = true;
    return {};
  }

  onTimer(event: string): CounterDecision<never> {
    return this.onDeadline(event);
  }

  parkedReplies(): Iterable<Reply<unknown>> {
    return this.waiting.values() as unknown as Iterable<Reply<unknown>>;
  }
}

export function counted(name: string, count: number, padding: readonly number[] = []): CoordinatorRecord {
  return newRecord(CounterRecord, { name }, padding.length > 0 ? 1 : 0, { count, padding });
}

export function forgotten(name: string): CoordinatorRecord {
  return tombstone(CounterRecord, { name });
}

/** Counts up, and answers the new count. */
export function increment(machine: CounterMachine, name: string): CounterDecision<number> {
  const next = (machine.counts.get(name) ?? 0) + 1;
  return { records: [counted(name, next)], response: next };
}

export function countIn(value: Buffer): number {
  return decode(CounterValue, 0, value.subarray(2)).count;
}
