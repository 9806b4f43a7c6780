/**
 * A streams group (KIP-1071), as one immutable value: its epochs, its topology, its members, which tasks they are to have.
 *
 * Owns: what a group is, and what follows from its members. Leaves to streams-records.ts: what changes it; to heartbeat.ts and
 * leave.ts: what requests make of it. All of it is in records, save what `Unrecorded` says, which is lost with the coordinator.
 *
 * The epochs of a consumer group (the group's, the assignment's, each member's), and that of the topology: tasks may run once the
 * topics of that topology have been seen to be there (`validatedTopologyEpoch`).
 */
import { PersistentMap } from "../../state-machine/persistent-map.ts";
import { isReconciledTo, type StreamsMember } from "./streams-member.ts";
import { TaskOwners } from "./task-owners.ts";
import { NO_TASKS, type Tasks } from "./tasks.ts";
import type { ConfiguredTopology } from "./topology/configured-topology.ts";
import type { StreamsTopology } from "./topology/streams-topology.ts";

/** Kafka's names, as StreamsGroupDescribe and ListGroups tell them. */
export type StreamsGroupState = "Empty" | "NotReady" | "Assigning" | "Reconciling" | "Stable";

/** What no record says: found out again, or asked for again, when the coordinator moves. */
export interface Unrecorded {
  /** The topology held against the topics there are. */
  readonly configured: ConfiguredTopology | undefined;
  /** Offset of the metadata in which topics were last compared with the hash; undefined: compare at the next heartbeat. */
  readonly seenTopicsOffset: number | undefined;
  /** The first assignment waits for more members; wall clock. */
  readonly delay: { readonly sinceMs: number; readonly untilMs: number } | undefined;
  /** A member asked all of the application to shut down. */
  readonly shutdownRequestedBy: string | undefined;
  /** Moves when what a member with an endpoint has changes (interactive queries). */
  readonly endpointEpoch: number;
}

export interface StreamsGroup extends Unrecorded {
  readonly type: "streams";
  readonly groupId: string;
  readonly groupEpoch: number;
  /** Of the topics of the topology, as of the group epoch. */
  readonly metadataHash: bigint;
  /** -1: the topics of the topology were not all there, as they should be. */
  readonly validatedTopologyEpoch: number;
  /** What the assignor was told beside members and tasks. */
  readonly assignmentConfigs: AssignmentConfigs;
  readonly assignmentEpoch: number;
  /** Wall clock; 0 when not known. */
  readonly assignmentTimestampMs: number;
  readonly topology: StreamsTopology | undefined;
  readonly members: PersistentMap<StreamsMember>;
  /** What members are to have, by member id. */
  readonly targetAssignment: PersistentMap<Tasks>;
  readonly owners: TaskOwners;
}

export type AssignmentConfigs = ReadonlyMap<string, string>;

/** A group has these before its first change. */
const FIRST_EPOCH = 1;

export function emptyStreamsGroup(groupId: string): StreamsGroup {
  return {
    type: "streams",
    groupId,
    groupEpoch: FIRST_EPOCH,
    metadataHash: 0n,
    validatedTopologyEpoch: 0,
    assignmentConfigs: new Map(),
    assignmentEpoch: FIRST_EPOCH,
    assignmentTimestampMs: 0,
    topology: undefined,
    members: PersistentMap.empty(),
    targetAssignment: PersistentMap.empty(),
    owners: TaskOwners.NONE,
    configured: undefined,
    seenTopicsOffset: undefined,
    delay: undefined,
    shutdownRequestedBy: undefined,
    endpointEpoch: 0,
  };
}

export function stateOf(group: StreamsGroup): StreamsGroupState {
  const { members, topology, validatedTopologyEpoch, groupEpoch, assignmentEpoch } = group;
  if (members.size === 0) return "Empty";
  if (topology?.epoch !== validatedTopologyEpoch) return "NotReady";
  if (groupEpoch > assignmentEpoch) return "Assigning";
  for (const member of members.values()) if (!isReconciledTo(member, assignmentEpoch)) return "Reconciling";
  return "Stable";
}

export function targetOf(group: StreamsGroup, memberId: string): Tasks {
  return group.targetAssignment.get(memberId) ?? NO_TASKS;
}

/** The subtopology whose tasks read a topic; undefined when none does, or nobody is there. */
export function readerOf({ members, topology }: StreamsGroup, topic: string): string | undefined {
  return members.size === 0 ? undefined : topology?.readers.get(topic);
}

export function sameConfigs(a: AssignmentConfigs, b: AssignmentConfigs): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

/** The group after a member became another, came (`before` undefined) or went (`now` undefined), with all that follows. */
export function withMember(
  group: StreamsGroup,
  before: StreamsMember | undefined,
  now: StreamsMember | undefined,
): StreamsGroup {
  const memberId = (now ?? before)?.memberId as string;
  const members = now === undefined ? group.members.without(memberId) : group.members.with(memberId, now);
  return {
    ...group,
    members,
    owners: group.owners.replaced(before, now),
    // Whoever comes to an empty application begins anew.
    shutdownRequestedBy: members.size === 0 ? undefined : group.shutdownRequestedBy,
  };
}
