/**
 * What a new coordinator does with a streams group it has read: its members have their whole session to show that they are there,
 * and those that have to give something up their whole time for that.
 */
import type { TimerCommand } from "../../state-machine/decision.ts";
import type { GroupDeadline, GroupDecision } from "../group-decision.ts";
import { revocationDeadline, sessionDeadline } from "./streams-deadlines.ts";
import type { StreamsGroup } from "./streams-group.ts";
import { MemberState } from "./streams-member.ts";
import type { StreamsRules } from "./streams-rules.ts";

export function loadedStreamsGroup({ groupId, members }: StreamsGroup, rules: StreamsRules): GroupDecision<never> {
  const timers: TimerCommand<GroupDeadline>[] = [];
  for (const member of members.values()) {
    timers.push(sessionDeadline(groupId, member.memberId, rules.sessionTimeoutMs));
    if (member.state === MemberState.UNREVOKED_TASKS) timers.push(revocationDeadline(groupId, member));
  }
  return { timers };
}
