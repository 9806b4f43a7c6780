/**
 * What clients did and saw: operations in the order they ended, each made of sends and polls.
 *
 * A key is a partition; values are unique in a key. Offsets of control records are gaps.
 */
export type Outcome =
  /** It happened. */
  | "ok"
  /** It did not: what it sent may be read by nobody. */
  | "failed"
  /** Nobody knows. */
  | "unknown";

export interface Send {
  readonly kind: "send";
  readonly key: number;
  readonly value: number;
  /** Undefined when the broker was not heard to say. */
  readonly offset?: number | undefined;
}

export interface PolledValue {
  readonly key: number;
  readonly offset: number;
  readonly value: number;
}

export interface Poll {
  readonly kind: "poll";
  /** In the order in which they were given. */
  readonly values: readonly PolledValue[];
}

export type Step = Send | Poll;

export interface Operation {
  readonly process: number;
  /** Of its sends. What it polled it saw in any case. */
  readonly outcome: Outcome;
  readonly steps: readonly Step[];
  /** Its consumer was given other positions before it: what it polls does not follow on what the process polled before. */
  readonly repositioned?: boolean;
  readonly startedMs: number;
  readonly endedMs: number;
}

export type History = readonly Operation[];

export function sendsOf(operation: Operation): Send[] {
  return operation.steps.filter((step) => step.kind === "send");
}

export function pollsOf(operation: Operation): PolledValue[] {
  return operation.steps.flatMap((step) => (step.kind === "poll" ? step.values : []));
}
