/**
 * Members of share groups go: they say so, or have not been heard of for too long.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { metadataHash } from "../consumer/metadata-hash.ts";
import type { Group } from "../group.ts";
import type { GroupDecision } from "../group-decision.ts";
import { RecordDraft } from "../record-draft.ts";
import { noSession, type ShareDeadline } from "./share-deadlines.ts";
import type { ShareGroup } from "./share-group.ts";
import { assignmentGone, epochMoved, memberGone, targetGone } from "./share-records.ts";
import type { ShareRules } from "./share-rules.ts";

/** @throws KafkaError GROUP_ID_NOT_FOUND when there is none, or one of another kind: those become nothing else, empty or not. */
export function requireShareGroup(group: Group | undefined, groupId: string): ShareGroup {
  if (group?.type === "share") return group;
  const detail = group === undefined ? `Share group ${groupId} not found.` : `Group ${groupId} is not a share group.`;
  throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, detail);
}

/** What the passing of time makes of a member. */
export function decideShareDeadline(
  group: Group | undefined,
  { memberId }: ShareDeadline,
  rules: ShareRules,
): GroupDecision<never> {
  return group?.type === "share" && group.members.has(memberId) ? withoutShareMember(group, memberId, rules) : {};
}

/** The group without a member, in a new epoch. */
export function withoutShareMember<R>(
  group: ShareGroup,
  memberId: string,
  { image, topicsOffset }: Pick<ShareRules, "image" | "topicsOffset">,
  response?: R,
): GroupDecision<R> {
  const draft = new RecordDraft<ShareGroup>(group, group);
  draft.step(assignmentGone(draft.group, memberId));
  draft.step(targetGone(draft.group, memberId));
  draft.step(memberGone(draft.group, memberId));
  draft.timers.push(noSession(group.groupId, memberId));
  const hash = metadataHash(draft.group.subscriptions.keys(), image);
  draft.step(epochMoved(draft.group, draft.group.groupEpoch + 1, hash));
  draft.note({ ...draft.group, seenTopicsOffset: topicsOffset });
  return draft.decide(response);
}
