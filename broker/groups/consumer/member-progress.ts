/**
 * What follows from what a member says: the group's next epoch, its target assignment, the member's own next step.
 *
 * Owns: when each of the three epochs moves. Shared by members of both protocols.
 */
import { sameOwned, type TopicPartitions } from "./assignment.ts";
import { deadline, deadlineKey } from "./consumer-deadlines.ts";
import type { ConsumerDraft } from "./consumer-draft.ts";
import { targetOf } from "./consumer-group.ts";
import { type ConsumerMember, isReconciledTo, MemberState, sameNames, saysTheSame } from "./consumer-member.ts";
import { epochMoved, memberMoved, memberSaid, partitionMetadataGone } from "./consumer-records.ts";
import type { ConsumerRules } from "./consumer-rules.ts";
import { metadataHash } from "./metadata-hash.ts";
import { reconciled } from "./reconcile.ts";
import { updateRegexes } from "./regexes.ts";
import { assignTarget } from "./target-assignment.ts";

/** What a member said has been taken in. */
export interface Said {
  /** It reads other topics than before. */
  readonly subscriptionChanged: boolean;
}

/** Takes in what a member says of itself; the group's epoch moves if that or the cluster's topics ask for it. */
export function describeSelf(
  draft: ConsumerDraft,
  before: ConsumerMember,
  now: ConsumerMember,
  rules: ConsumerRules,
): Said {
  const isNew = !draft.group.members.has(now.memberId);
  if (isNew || !saysTheSame(before, now)) draft.step(memberSaid(draft.group, now));
  const namesChanged = !sameNames(before.subscribedTopicNames, now.subscribedTopicNames);
  const regex = updateRegexes(draft, before, now, rules);
  // A new expression moves the epoch when it is resolved.
  const bump = namesChanged || regex === "resolved";
  if (bump || draft.group.seenTopicsOffset !== rules.topicsOffset) refreshMetadata(draft, bump, rules);
  return { subscriptionChanged: namesChanged || regex !== "same" };
}

/** Looks at the topics the group reads as they are now. @param bump the epoch moves in any case. */
export function refreshMetadata(draft: ConsumerDraft, bump: boolean, { image, topicsOffset }: ConsumerRules): void {
  const { group } = draft;
  const hash = metadataHash(group.subscriptions.keys(), image);
  if (bump || hash !== group.metadataHash) draft.step(epochMoved(group, group.groupEpoch + 1, hash));
  if (group.hasPartitionMetadataRecord) draft.step(partitionMetadataGone(draft.group));
  if (draft.group.seenTopicsOffset !== topicsOffset) draft.note({ ...draft.group, seenTopicsOffset: topicsOffset });
}

/** Computes the target if it is due, and takes the member a step towards it; returns the member. */
export function follow(
  draft: ConsumerDraft,
  memberId: string,
  { subscriptionChanged }: Said,
  owned: readonly TopicPartitions[] | null,
  rules: ConsumerRules,
): ConsumerMember {
  const { groupEpoch, assignmentEpoch, assignmentTimestampMs } = draft.group;
  const { assignmentIntervalMs, nowMs } = rules;
  if (groupEpoch > assignmentEpoch && mayAssignAgain(assignmentTimestampMs, assignmentIntervalMs, nowMs)) {
    assignTarget(draft, rules.image, rules.settings.assignors, rules.nowMs);
  }
  return reconcile(draft, memberId, subscriptionChanged, owned, rules);
}

/** Several members that come at once are one change. A clock that was set back does not hold it up. */
export function mayAssignAgain(lastMs: number, intervalMs: number, nowMs: number): boolean {
  return nowMs >= lastMs + intervalMs || nowMs < lastMs;
}

export function reconcile(
  draft: ConsumerDraft,
  memberId: string,
  subscriptionChanged: boolean,
  owned: readonly TopicPartitions[] | null,
  { image }: ConsumerRules,
): ConsumerMember {
  const { group } = draft;
  const { groupId, assignmentEpoch } = group;
  const member = group.members.get(memberId) as ConsumerMember;
  if (!subscriptionChanged && isReconciledTo(member, assignmentEpoch)) return member;
  const target = targetOf(group, memberId);
  const next = reconciled(member, { group, image, assignmentEpoch, target, owned, subscriptionChanged });
  if (isWhereItWas(member, next)) return member;
  draft.step(memberMoved(group, next));
  // Members of the classic protocol are waited for in its own phases.
  if (next.classic === null) {
    const { memberEpoch } = next;
    draft.timers.push(
      next.state === MemberState.UNREVOKED_PARTITIONS
        ? deadline({ kind: "consumerRevocation", groupId, memberId, memberEpoch }, next.rebalanceTimeoutMs)
        : { key: deadlineKey("consumerRevocation", groupId, memberId), cancel: true },
    );
  }
  return next;
}

function isWhereItWas(a: ConsumerMember, b: ConsumerMember): boolean {
  return (
    a.memberEpoch === b.memberEpoch &&
    a.previousMemberEpoch === b.previousMemberEpoch &&
    a.state === b.state &&
    sameOwned(a.assigned, b.assigned) &&
    sameOwned(a.pendingRevocation, b.pendingRevocation)
  );
}
