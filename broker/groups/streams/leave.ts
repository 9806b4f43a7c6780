/**
 * Members of a streams group that go: because they say so, because they were silent or slow; and the end of the wait for the first
 * assignment, which is the other thing that time does.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { Group } from "../group.ts";
import type { GroupDecision } from "../group-decision.ts";
import {
  NOTHING_TOLD,
  notStreams,
  type StreamsHeartbeatOutcome,
  type StreamsHeartbeatRequest,
} from "./heartbeat-messages.ts";
import { requireMember } from "./member-admission.ts";
import { noDeadlines, type StreamsDeadline } from "./streams-deadlines.ts";
import { StreamsDraft } from "./streams-draft.ts";
import type { StreamsGroup } from "./streams-group.ts";
import { assignmentGone, epochMoved, memberGone, targetGone } from "./streams-records.ts";
import type { StreamsRules } from "./streams-rules.ts";
import { updateTarget } from "./target-assignment.ts";

/** @throws KafkaError GROUP_ID_NOT_FOUND, UNKNOWN_MEMBER_ID. */
export function decideStreamsLeave(
  group: Group | undefined,
  request: StreamsHeartbeatRequest,
): GroupDecision<StreamsHeartbeatOutcome> {
  const { groupId, memberId, memberEpoch, shutdownApplication } = request;
  if (group?.type !== "streams") {
    const detail = group === undefined ? `Group ${groupId} not found.` : notStreams(groupId);
    throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, detail);
  }
  requireMember(group, memberId);
  const shutdownRequestedBy = group.shutdownRequestedBy ?? (shutdownApplication ? memberId : undefined);
  const draft = new StreamsDraft(group, group);
  if (shutdownRequestedBy !== group.shutdownRequestedBy) draft.note({ ...group, shutdownRequestedBy });
  withoutMember(draft, memberId);
  const response = { ...NOTHING_TOLD, errorCode: ErrorCode.NONE, memberId, memberEpoch };
  return draft.decide({ response, missingTopics: [] });
}

function withoutMember(draft: StreamsDraft, memberId: string): void {
  draft.step(assignmentGone(draft.group, memberId));
  draft.step(targetGone(draft.group, memberId));
  draft.step(memberGone(draft.group, memberId));
  const { group } = draft;
  draft.step(epochMoved(group, { ...group, groupEpoch: group.groupEpoch + 1 }));
  draft.timers.push(...noDeadlines(group.groupId, memberId));
}

/** What the passing of time makes of a member, or of a group that waits for members. */
export function decideStreamsDeadline(
  group: Group | undefined,
  event: StreamsDeadline,
  rules: StreamsRules,
): GroupDecision<never> {
  if (group?.type !== "streams") return {};
  if (event.kind === "streamsDelay") return decideDelayOver(group, rules);
  const member = group.members.get(event.memberId);
  if (member === undefined) return {};
  // It has moved on since.
  if (event.kind === "streamsRevocation" && member.memberEpoch !== event.memberEpoch) return {};
  const draft = new StreamsDraft(group, group);
  withoutMember(draft, event.memberId);
  return draft.decide();
}

/** All who came get their tasks. A coordinator that does not know the topics yet leaves it to the next heartbeat. */
function decideDelayOver(group: StreamsGroup, rules: StreamsRules): GroupDecision<never> {
  if (group.delay === undefined) return {};
  const draft = new StreamsDraft(group, group);
  draft.note({ ...group, delay: undefined });
  if (group.members.size > 0 && group.configured !== undefined) updateTarget(draft, rules);
  return draft.decide();
}
