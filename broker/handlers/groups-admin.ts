/**
 * Groups seen from outside: DescribeGroups (15), ListGroups (16), DeleteGroups (42).
 *
 * Owns: filters, and which version says what about groups there are not. Queries tell what is committed and wait for nothing.
 * DescribeGroups v6 unknown groups are an error; ListGroups v4 states (KIP-518), v5 types (KIP-848).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type { DeleteGroups, DescribeGroups, ListGroups } from "../../protocol/messages/groups-admin.ts";
import type { Encode } from "../../protocol/schema/message.ts";
import { Later } from "../dispatch/answer.ts";
import type { Handler } from "../dispatch/handler.ts";
import {
  type DescribedGroup,
  describeClassicGroup,
  type ListedGroup,
  undescribed,
} from "../groups/classic/describe.ts";
import { kindOf } from "../groups/group.ts";
import type { GroupCoordinator } from "../groups/group-coordinator.ts";
import { ALL_GROUP_OPERATIONS, NOT_ASKED } from "../metadata/authorized-operations.ts";
import { coordinatorError } from "../state-machine/coordinator-error.ts";
import { gather, Reply } from "../state-machine/reply.ts";
import { onceEach } from "./once-each.ts";

type DeleteResponse = Encode<(typeof DeleteGroups)["response"]>;

/** Before, a group there is not is told as dead. */
const GROUP_NOT_FOUND_VERSION = 6;

export const handleDescribeGroups: Handler<typeof DescribeGroups> = (request, context) => {
  const { groups } = context.broker;
  const errorsKnown = context.apiVersion >= GROUP_NOT_FOUND_VERSION;
  const describeOne = onceEach((groupId: string) => {
    const described = describe(groups, groupId, errorsKnown);
    const asked = request.includeAuthorizedOperations && described.errorCode === ErrorCode.NONE;
    return { ...described, authorizedOperations: asked ? ALL_GROUP_OPERATIONS : NOT_ASKED };
  });
  return { groups: request.groups.map(describeOne) };
};

function describe(groups: GroupCoordinator, groupId: string, errorsKnown: boolean): DescribedGroup {
  try {
    const group = groups.machineOf(groupId).groups.committed(groupId);
    if (group?.type === "classic") return describeClassicGroup(group);
    const detail = group === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a classic group.`;
    return errorsKnown
      ? undescribed(groupId, ErrorCode.GROUP_ID_NOT_FOUND, detail)
      : undescribed(groupId, ErrorCode.NONE, null);
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return undescribed(groupId, coordinatorError(error.code), null);
  }
}

export const handleListGroups: Handler<typeof ListGroups> = (request, context) => {
  const states = new Set(request.statesFilter.map((state) => state.trim().toLowerCase()));
  const types = new Set(request.typesFilter.map((type) => type.toLowerCase()));
  const listed: ListedGroup[] = [];
  try {
    for (const machine of context.broker.groups.machines()) {
      for (const [, group] of machine.groups.committedEntries()) {
        const kind = kindOf(group);
        if (states.size > 0 && !states.has(filterName(kind.stateName(group)))) continue;
        if (types.size > 0 && !types.has(group.type)) continue;
        listed.push(kind.listed(group));
      }
    }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { errorCode: errorCodeOf(error), groups: [] };
  }
  return { errorCode: ErrorCode.NONE, groups: listed };
};

/** Filters know states by their names in lower case; Kafka writes one of them with a line. */
function filterName(state: string): string {
  return state === "NotReady" ? "not_ready" : state.toLowerCase();
}

export const handleDeleteGroups: Handler<typeof DeleteGroups> = (request, context) => {
  const { groups } = context.broker;
  const parts = [...groups.byPartition([...new Set(request.groupsNames)]).values()].map((groupIds) =>
    deleteOfPartition(groups, groupIds),
  );
  return gather(parts, (results): DeleteResponse => ({ throttleTimeMs: 0, results: results.flat() }));
};

type Deleted = { groupId: string; errorCode: ErrorCode };

/** Groups that one partition stores. What is kept of share groups elsewhere goes first: a group that is gone knows of none. */
function deleteOfPartition(groups: GroupCoordinator, groupIds: readonly string[]): Later<Deleted[]> {
  const shareGroups = groupIds.filter((groupId) => groups.isShareGroup(groupId));
  if (shareGroups.length === 0) return deleteAll(groups, groupIds);
  const whole = new Later<Deleted[]>();
  const forgotten = gather(
    shareGroups.map((groupId) => groups.shareState.forgetGroup(groupId)),
    (codes) => shareGroups.map((groupId, index): Deleted => ({ groupId, errorCode: codes[index] as ErrorCode })),
  );
  forgotten.onComplete((outcomes) => {
    if (typeof outcomes === "symbol") return;
    const kept = outcomes.filter(({ errorCode }) => errorCode !== ErrorCode.NONE);
    const keptIds = new Set(kept.map(({ groupId }) => groupId));
    const others = groupIds.filter((groupId) => !keptIds.has(groupId));
    deleteAll(groups, others).onComplete((deleted) => {
      if (typeof deleted !== "symbol") whole.complete([...deleted, ...kept]);
    });
  });
  return whole;
}

function deleteAll(groups: GroupCoordinator, groupIds: readonly string[]): Later<Deleted[]> {
  const reply = new Reply<Deleted[]>((code) =>
    groupIds.map((groupId) => ({ groupId, errorCode: coordinatorError(code) })),
  );
  const [first] = groupIds;
  if (first === undefined) reply.answer([]);
  else groups.write(first, reply, (machine) => machine.deleteGroups(groupIds));
  return reply.later;
}
