/**
 * The target assignment of a share group: who is to read which of the partitions whose state is initialized.
 */
import type { MetadataImage } from "../../metadata/metadata-image.ts";
import { sameAssignment } from "../consumer/assignment.ts";
import type { RecordDraft } from "../record-draft.ts";
import { isHomogeneous, type ShareGroup, targetOf } from "./share-group.ts";
import { memberTargeted, targetComputed } from "./share-records.ts";
import type { ShareRules } from "./share-rules.ts";
import { assignSimply } from "./simple-assignor.ts";

/** Computes and writes the target for the group's present epoch, unless there has been one just now. */
export function assignWhenDue(draft: RecordDraft<ShareGroup>, rules: ShareRules): void {
  const { groupEpoch, assignmentEpoch, assignmentTimestampMs } = draft.group;
  if (groupEpoch <= assignmentEpoch) return;
  const { nowMs, assignmentIntervalMs } = rules;
  // Several members that come at once are one change. A clock that was set back does not hold it up.
  if (nowMs < assignmentTimestampMs + assignmentIntervalMs && nowMs >= assignmentTimestampMs) return;
  assignTarget(draft, rules.image);
  draft.step(targetComputed(draft.group, draft.group.groupEpoch, nowMs));
}

function assignTarget(draft: RecordDraft<ShareGroup>, image: MetadataImage): void {
  const { group } = draft;
  const members = [...group.members.values()].map(({ memberId, subscribedTopicNames }) => ({
    memberId,
    topicIds: subscribedTopicNames.flatMap((name) => image.topics.get(name)?.id ?? []),
    assignment: targetOf(group, memberId),
  }));
  const assigned = assignSimply(members, isHomogeneous(group), (topicId) => {
    const partitionCount = image.topicsById.get(topicId)?.partitions.length ?? 0;
    const partitions = group.sharePartitions.initialized.get(topicId)?.partitions ?? [];
    return partitions.filter((partition) => partition < partitionCount);
  });
  for (const [memberId, now] of assigned) {
    const before = group.targetAssignment.get(memberId);
    if (before === undefined || !sameAssignment(before, now)) draft.step(memberTargeted(draft.group, memberId, now));
  }
}
