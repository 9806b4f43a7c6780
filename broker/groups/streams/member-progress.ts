/**
 * A member's next step towards what it is to have, as its record and with the deadline that goes with it.
 */
import type { StreamsHeartbeatRequest } from "./heartbeat-messages.ts";
import { reconciled } from "./reconcile.ts";
import { noRevocationDeadline, revocationDeadline } from "./streams-deadlines.ts";
import type { StreamsDraft } from "./streams-draft.ts";
import { targetOf } from "./streams-group.ts";
import { isReconciledTo, MemberState, type StreamsMember } from "./streams-member.ts";
import { memberMoved } from "./streams-records.ts";
import type { StreamsRules } from "./streams-rules.ts";
import { isHeldBack } from "./target-assignment.ts";
import { NO_TASKS, sameOwnedTasks, type Tasks, taskSetOf } from "./tasks.ts";

/** Returns the member as it is then. */
export function reconcileMember(
  draft: StreamsDraft,
  memberId: string,
  request: StreamsHeartbeatRequest,
  rules: StreamsRules,
): StreamsMember {
  const { group } = draft;
  const { assignmentEpoch, owners } = group;
  const member = group.members.get(memberId) as StreamsMember;
  if (isReconciledTo(member, assignmentEpoch)) return member;
  const target = isHeldBack(draft, rules) ? NO_TASKS : targetOf(group, memberId);
  const next = reconciled(member, { owners, assignmentEpoch, target, owned: ownedTasks(request) });
  if (isWhereItWas(member, next)) return member;
  draft.step(memberMoved(group, next));
  draft.timers.push(
    next.state === MemberState.UNREVOKED_TASKS
      ? revocationDeadline(group.groupId, next)
      : noRevocationDeadline(group.groupId, memberId),
  );
  return next;
}

/** What it says it has; undefined when it says nothing of some role. */
export function ownedTasks({ activeTasks, standbyTasks, warmupTasks }: StreamsHeartbeatRequest): Tasks | undefined {
  if (activeTasks === null || standbyTasks === null || warmupTasks === null) return undefined;
  return { active: taskSetOf(activeTasks), standby: taskSetOf(standbyTasks), warmup: taskSetOf(warmupTasks) };
}

function isWhereItWas(a: StreamsMember, b: StreamsMember): boolean {
  return (
    a.memberEpoch === b.memberEpoch &&
    a.previousMemberEpoch === b.previousMemberEpoch &&
    a.state === b.state &&
    sameOwnedTasks(a.assigned, b.assigned) &&
    sameOwnedTasks(a.pendingRevocation, b.pendingRevocation)
  );
}
