/**
 * The deadlines of share groups: a member has to be heard of.
 */
import type { TimerCommand } from "../../state-machine/decision.ts";

export interface ShareDeadline {
  readonly kind: "shareSession";
  readonly groupId: string;
  readonly memberId: string;
}

// The length keeps "a" + "bc" and "ab" + "c" apart: ids are whatever clients choose.
function sessionKey(groupId: string, memberId: string): string {
  return `H${groupId.length}:${groupId}${memberId}`;
}

export function sessionOf(groupId: string, memberId: string, timeoutMs: number): TimerCommand<ShareDeadline> {
  const event = { kind: "shareSession", groupId, memberId } as const;
  return { key: sessionKey(groupId, memberId), delayMs: timeoutMs, event, liveness: true };
}

export function noSession(groupId: string, memberId: string): TimerCommand<ShareDeadline> {
  return { key: sessionKey(groupId, memberId), cancel: true };
}
