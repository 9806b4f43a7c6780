/**
 * The deadlines of streams groups: what each is about, and the key under which there is one of it.
 */
import type { TimerCommand } from "../../state-machine/decision.ts";

export type StreamsDeadline =
  /** A member has to be heard of. */
  | { readonly kind: "streamsSession"; readonly groupId: string; readonly memberId: string }
  /** A member has to give up tasks, or it is fenced if it is in the same epoch still. */
  | {
      readonly kind: "streamsRevocation";
      readonly groupId: string;
      readonly memberId: string;
      readonly memberEpoch: number;
    }
  /** The first assignment has waited long enough for more members. */
  | { readonly kind: "streamsDelay"; readonly groupId: string };

// The length keeps "a" + "bc" and "ab" + "c" apart: ids are whatever clients choose.
function key(kind: "T" | "V", groupId: string, memberId: string): string {
  return `${kind}${groupId.length}:${groupId}${memberId}`;
}

export function sessionDeadline(groupId: string, memberId: string, delayMs: number): TimerCommand<StreamsDeadline> {
  const event = { kind: "streamsSession", groupId, memberId } as const;
  return { key: key("T", groupId, memberId), delayMs, event, liveness: true };
}

export function revocationDeadline(
  groupId: string,
  member: { readonly memberId: string; readonly memberEpoch: number; readonly rebalanceTimeoutMs: number },
): TimerCommand<StreamsDeadline> {
  const { memberId, memberEpoch, rebalanceTimeoutMs } = member;
  const event = { kind: "streamsRevocation", groupId, memberId, memberEpoch } as const;
  return { key: key("V", groupId, memberId), delayMs: rebalanceTimeoutMs, event, liveness: true };
}

export function noRevocationDeadline(groupId: string, memberId: string): TimerCommand<StreamsDeadline> {
  return { key: key("V", groupId, memberId), cancel: true };
}

/** None of a member's deadlines holds any more. */
export function noDeadlines(groupId: string, memberId: string): TimerCommand<StreamsDeadline>[] {
  return [{ key: key("T", groupId, memberId), cancel: true }, noRevocationDeadline(groupId, memberId)];
}

export function delayDeadline(groupId: string, delayMs: number): TimerCommand<StreamsDeadline> {
  return { key: `D${groupId}`, delayMs, event: { kind: "streamsDelay", groupId } };
}
