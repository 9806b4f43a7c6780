/**
 * The deadlines of consumer groups: what each is about, and the key under which there is one of it.
 */
import type { TimerCommand } from "../../state-machine/decision.ts";

export type ConsumerDeadline =
  /** A member has to be heard of. */
  | { readonly kind: "consumerSession"; readonly groupId: string; readonly memberId: string }
  /** A member has to give up partitions, or it is fenced if it is in the same epoch still. */
  | {
      readonly kind: "consumerRevocation";
      readonly groupId: string;
      readonly memberId: string;
      readonly memberEpoch: number;
    }
  /** A member of the classic protocol has been told to join again. */
  | { readonly kind: "consumerJoin"; readonly groupId: string; readonly memberId: string }
  /** A member of the classic protocol has joined and is to sync. */
  | { readonly kind: "consumerSync"; readonly groupId: string; readonly memberId: string };

const PREFIXES = { consumerSession: "S", consumerRevocation: "R", consumerJoin: "J", consumerSync: "Y" } as const;

// The length keeps "a" + "bc" and "ab" + "c" apart: ids are whatever clients choose.
export function deadlineKey(kind: ConsumerDeadline["kind"], groupId: string, memberId: string): string {
  return `${PREFIXES[kind]}${groupId.length}:${groupId}${memberId}`;
}

export function deadline(event: ConsumerDeadline, delayMs: number): TimerCommand<ConsumerDeadline> {
  return { key: deadlineKey(event.kind, event.groupId, event.memberId), delayMs, event, liveness: true };
}

/** None of a member's deadlines holds any more. */
export function noDeadlines(groupId: string, memberId: string): TimerCommand<ConsumerDeadline>[] {
  const kinds = Object.keys(PREFIXES) as ConsumerDeadline["kind"][];
  return kinds.map((kind) => ({ key: deadlineKey(kind, groupId, memberId), cancel: true }));
}
