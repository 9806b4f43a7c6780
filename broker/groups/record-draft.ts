/**
 * The next value of a group while a decision works it out, and what goes with it: records, deadlines, answers, work.
 *
 * Owns: that each record carries the group as it is after it, so that replaying it here costs nothing.
 * Invariant: the group it started from is untouched.
 */
import type { CoordinatorRecord } from "../state-machine/coordinator-record.ts";
import type { ParkedAnswer, TimerCommand } from "../state-machine/decision.ts";
import type { Group } from "./group.ts";
import { type GroupDeadline, type GroupDecision, type GroupEffect, groupChange } from "./group-decision.ts";

/** A record, and the group as it is after it. */
export interface Step<G extends Group> {
  readonly record: CoordinatorRecord;
  readonly group: G;
}

export class RecordDraft<G extends Group> {
  group: G;
  readonly timers: TimerCommand<GroupDeadline>[] = [];
  readonly answers: ParkedAnswer[] = [];
  readonly effects: GroupEffect[] = [];
  /** The group as it was; undefined: there was none of this kind. */
  readonly before: G | undefined;
  private readonly records: CoordinatorRecord[];

  /** @param preceding records of a group of another kind that ends, if one does. */
  constructor(group: G, before: G | undefined, preceding: readonly CoordinatorRecord[] = []) {
    this.group = group;
    this.before = before;
    this.records = [...preceding];
  }

  step({ record, group }: Step<G>): void {
    this.records.push({ ...record, memory: group });
    this.group = group;
  }

  /** The group became this, and no record says so. */
  note(group: G): void {
    this.group = group;
  }

  decide<R>(response?: R): GroupDecision<R> {
    const { group, before, records, timers, answers, effects } = this;
    const changed = group !== before && records.at(-1)?.memory !== group;
    return {
      records,
      // A group that has no record yet is not there.
      ...(changed && (before !== undefined || records.length > 0) ? { changes: [groupChange(group)] } : {}),
      timers,
      answers,
      effects,
      ...(response === undefined ? {} : { response }),
    };
  }
}
