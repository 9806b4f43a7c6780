/**
 * StreamsGroupHeartbeat: a member joins, says what is new, gives up and gets tasks, all in one request (KIP-1071).
 *
 * Owns: the order of things: who it is, what it says, which topology the group runs and whether its topics do, the group's epoch,
 * the target, the member's next step, what it is told. Leaves each of them to its own file. The common heartbeat, from which
 * nothing follows, writes nothing and computes nothing.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { withoutEpochs } from "../consumer/assignment.ts";
import { JOIN_EPOCH, LEAVE_EPOCH, LEAVE_FOR_A_WHILE_EPOCH } from "../consumer/consumer-member.ts";
import { type Group, isEmpty, kindOf } from "../group.ts";
import type { GroupDecision } from "../group-decision.ts";
import { partitionsByEndpoint } from "./endpoints.ts";
import {
  NOTHING_TOLD,
  notStreams,
  type Status,
  type StreamsHeartbeatOutcome,
  type StreamsHeartbeatRequest,
  type StreamsHeartbeatResponse,
  streamsHeartbeatError,
} from "./heartbeat-messages.ts";
import { decideStreamsLeave } from "./leave.ts";
import { admitMember, type Client, requireRoom, saying } from "./member-admission.ts";
import { ownedTasks, reconcileMember } from "./member-progress.ts";
import { delayDeadline, sessionDeadline } from "./streams-deadlines.ts";
import { StreamsDraft } from "./streams-draft.ts";
import { emptyStreamsGroup, type StreamsGroup } from "./streams-group.ts";
import { type StreamsMember, saysTheSame } from "./streams-member.ts";
import { memberSaid } from "./streams-records.ts";
import type { StreamsRules } from "./streams-rules.ts";
import { updateTarget } from "./target-assignment.ts";
import { sameOwnedTasks, sameTasks, taskIdsOf, tasksIn } from "./tasks.ts";
import { HeartbeatStatus } from "./topology/topic-problem.ts";
import { requireTasksExist, updateTopology } from "./topology-progress.ts";

/** A refusal changes nothing, and says why. @param group undefined when there is none of that id. */
export function decideStreamsHeartbeat(
  group: Group | undefined,
  request: StreamsHeartbeatRequest,
  client: Client,
  rules: StreamsRules,
): GroupDecision<StreamsHeartbeatOutcome> {
  try {
    const { memberEpoch } = request;
    const leaves = memberEpoch === LEAVE_EPOCH || memberEpoch === LEAVE_FOR_A_WHILE_EPOCH;
    return leaves ? decideStreamsLeave(group, request) : decide(group, request, client, rules);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { response: streamsHeartbeatError(error.code, error.message) };
  }
}

function decide(
  group: Group | undefined,
  request: StreamsHeartbeatRequest,
  client: Client,
  rules: StreamsRules,
): GroupDecision<StreamsHeartbeatOutcome> {
  const { groupId, memberId, memberEpoch } = request;
  const joins = memberEpoch === JOIN_EPOCH;
  const draft = enter(group, groupId, joins);
  if (joins) requireRoom(draft, rules);
  const wasEmpty = draft.group.members.size === 0;
  const before = admitMember(draft, request, joins);
  const said = saying(before, request, client);
  const isStale = (draft.before?.topology?.epoch ?? -1) > said.topologyEpoch;
  const changed = !draft.group.members.has(memberId) || !saysTheSame(before, said);
  if (changed) draft.step(memberSaid(draft.group, said));
  updateTopology(draft, request.topology, changed, rules);
  requireTasksExist(draft.group, request);
  if (wasEmpty) waitForMore(draft, rules);
  const delay = updateTarget(draft, rules);
  const now = reconcileMember(draft, memberId, request, rules);
  draft.timers.push(sessionDeadline(groupId, memberId, rules.sessionTimeoutMs));
  if (request.shutdownApplication) requestShutdown(draft, memberId);
  const tasksChanged = joins || !sameOwnedTasks(before.assigned, now.assigned);
  const owned = ownedTasks(request);
  const response: StreamsHeartbeatResponse = {
    ...NOTHING_TOLD,
    errorCode: ErrorCode.NONE,
    memberId,
    memberEpoch: now.memberEpoch,
    heartbeatIntervalMs: rules.heartbeatIntervalMs,
    // Differs from Kafka: a member of a streams group that says it has other tasks than it was told to have is told them again, as
    // the answer may have been lost; Kafka tells them once, and then they are nobody's until the group changes.
    ...(tasksChanged || (owned !== undefined && !sameTasks(owned, tasksIn(now.assigned))) ? toldTasks(now) : {}),
    ...toldEndpoints(draft, now, tasksChanged, request.endpointInformationEpoch, rules),
    status: [
      ...(isStale ? [staleStatus(draft.group, said)] : []),
      ...(delay === undefined ? [] : [status(HeartbeatStatus.ASSIGNMENT_DELAYED, delay)]),
      ...groupStatus(draft.group),
    ],
  };
  return draft.decide({ response, missingTopics: draft.group.configured?.missingTopics ?? [] });
}

/** The group to take part in: the one there is, a new one, or one that was a classic group and is empty. */
function enter(group: Group | undefined, groupId: string, joins: boolean): StreamsDraft {
  if (group?.type === "streams") return new StreamsDraft(group, group);
  if (group === undefined && joins) return new StreamsDraft(emptyStreamsGroup(groupId), undefined);
  if (group?.type === "classic" && joins && isEmpty(group)) {
    return new StreamsDraft(emptyStreamsGroup(groupId), undefined, kindOf(group).tombstones(group));
  }
  const detail = group === undefined ? `Streams group ${groupId} not found.` : notStreams(groupId);
  throw new KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, detail);
}

/** An application that starts has its threads and instances come one by one: they are assigned their tasks together. */
function waitForMore(draft: StreamsDraft, { initialRebalanceDelayMs, nowMs }: StreamsRules): void {
  const { groupId, delay } = draft.group;
  const waits = delay !== undefined && nowMs >= delay.sinceMs && nowMs < delay.untilMs;
  if (initialRebalanceDelayMs === 0 || waits) return;
  draft.note({ ...draft.group, delay: { sinceMs: nowMs, untilMs: nowMs + initialRebalanceDelayMs } });
  draft.timers.push(delayDeadline(groupId, initialRebalanceDelayMs));
}

/** The first to ask is named. */
function requestShutdown(draft: StreamsDraft, memberId: string): void {
  if (draft.group.shutdownRequestedBy === undefined) draft.note({ ...draft.group, shutdownRequestedBy: memberId });
}

function toldTasks({ assigned }: StreamsMember) {
  return {
    activeTasks: taskIdsOf(withoutEpochs(assigned.active)),
    standbyTasks: taskIdsOf(assigned.standby),
    warmupTasks: taskIdsOf(assigned.warmup),
  };
}

/** As in Kafka, a group that is new with this request tells no epoch yet. */
function toldEndpoints(
  draft: StreamsDraft,
  member: StreamsMember,
  tasksChanged: boolean,
  knownEpoch: number,
  { image }: StreamsRules,
) {
  const { group, before } = draft;
  const endpointEpoch = group.endpointEpoch + Number(tasksChanged && member.userEndpoint !== null);
  if (before !== undefined && endpointEpoch !== group.endpointEpoch) draft.note({ ...group, endpointEpoch });
  return {
    partitionsByUserEndpoint: endpointEpoch === knownEpoch ? null : partitionsByEndpoint(group, member, image),
    endpointInformationEpoch: before === undefined ? 0 : endpointEpoch,
  };
}

function status(statusCode: HeartbeatStatus, statusDetail: string): Status {
  return { statusCode, statusDetail };
}

function staleStatus({ topology }: StreamsGroup, { topologyEpoch }: StreamsMember): Status {
  return status(
    HeartbeatStatus.STALE_TOPOLOGY,
    `The member's topology epoch ${topologyEpoch} is behind the group's topology epoch ${topology?.epoch}.`,
  );
}

function groupStatus({ configured, shutdownRequestedBy }: StreamsGroup): Status[] {
  const statuses: Status[] = [];
  const problem = configured?.problem;
  if (problem !== undefined) statuses.push(status(problem.status, problem.message));
  if (shutdownRequestedBy !== undefined) {
    const detail = `Streams group member ${shutdownRequestedBy} encountered a fatal error and requested a shutdown for the entire application.`;
    statuses.push(status(HeartbeatStatus.SHUTDOWN_APPLICATION, detail));
  }
  return statuses;
}
