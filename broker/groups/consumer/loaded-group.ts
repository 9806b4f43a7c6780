/**
 * What a new coordinator does with a consumer group it has read: its members have their whole session to show that they are
 * there, and those that have to give something up their whole time for that.
 */
import type { TimerCommand } from "../../state-machine/decision.ts";
import type { GroupDeadline, GroupDecision } from "../group-decision.ts";
import { deadline } from "./consumer-deadlines.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import { MemberState } from "./consumer-member.ts";
import type { ConsumerRules } from "./consumer-rules.ts";

export function loadedConsumerGroup(group: ConsumerGroup, rules: ConsumerRules): GroupDecision<never> {
  const { groupId } = group;
  const timers: TimerCommand<GroupDeadline>[] = [];
  for (const { memberId, memberEpoch, state, rebalanceTimeoutMs, classic } of group.members.values()) {
    const sessionMs = classic?.sessionTimeoutMs ?? rules.sessionTimeoutMs;
    timers.push(deadline({ kind: "consumerSession", groupId, memberId }, sessionMs));
    if (state !== MemberState.UNREVOKED_PARTITIONS || classic !== null) continue;
    timers.push(deadline({ kind: "consumerRevocation", groupId, memberId, memberEpoch }, rebalanceTimeoutMs));
  }
  return { timers };
}
