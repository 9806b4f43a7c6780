/**
 * A classic group as its record, and back.
 *
 * Owns: what of a group survives its coordinator: the members of the last generation with the protocol that was selected, and
 * their assignment. A rebalance under way does not: its members find out from a heartbeat and join again (R157).
 */
import type { GroupMetadataValue } from "../../../protocol/messages/group-records.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import { type CoordinatorRecord, newRecord, tombstone } from "../../state-machine/coordinator-record.ts";
import { PersistentMap } from "../../state-machine/persistent-map.ts";
import { GROUP_METADATA_VERSION, GroupMetadataRecord } from "../group-record-types.ts";
import {
  type ClassicGroup,
  type ClassicMember,
  CONSUMER_PROTOCOL_TYPE,
  emptyClassicGroup,
  metadataOf,
} from "./classic-group.ts";
import { subscribedTopics } from "./subscribed-topics.ts";

type StoredGroup = Decode<typeof GroupMetadataValue>;

/** The record of a group; replaying it in the coordinator that wrote it gives the group itself, with all that is only in memory. */
export function classicGroupRecord(group: ClassicGroup, stateTimestampMs = group.stateTimestampMs): CoordinatorRecord {
  // A group that waits for its first generation is written as a new, empty one: what it will be is not known yet.
  const isNew = group.members.size > 0 && group.protocolName === null;
  const members = isNew ? [] : [...group.members.values()];
  const value = {
    protocolType: isNew ? "" : (group.protocolType ?? ""),
    generation: group.generationId,
    protocol: group.protocolName,
    leader: isNew ? null : group.leaderId,
    currentStateTimestamp: stateTimestampMs,
    members: members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: metadataOf(member, group.protocolName),
      assignment: member.assignment,
    })),
  };
  return newRecord(GroupMetadataRecord, { group: group.groupId }, GROUP_METADATA_VERSION, value, group);
}

/** Deletes a group. */
export function classicGroupGone(groupId: string): CoordinatorRecord {
  return tombstone(GroupMetadataRecord, { group: groupId });
}

/** The group as a new coordinator finds it. */
export function classicGroupFromRecord(groupId: string, stored: StoredGroup): ClassicGroup {
  const { protocolType, protocol, members } = stored;
  const isConsumer = protocolType === CONSUMER_PROTOCOL_TYPE;
  const known = members.map((member): [string, ClassicMember] => [
    member.memberId,
    {
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      // Version 0 has no rebalance timeout.
      rebalanceTimeoutMs: member.rebalanceTimeout === -1 ? member.sessionTimeout : member.rebalanceTimeout,
      sessionTimeoutMs: member.sessionTimeout,
      protocols: [{ name: protocol ?? "", metadata: member.subscription }],
      assignment: member.assignment,
      isNew: false,
      join: undefined,
      sync: undefined,
    },
  ]);
  const statics = members.flatMap((m): [string, string][] =>
    m.groupInstanceId === null ? [] : [[m.groupInstanceId, m.memberId]],
  );
  return {
    ...emptyClassicGroup(groupId, stored.currentStateTimestamp),
    state: members.length === 0 ? "Empty" : "Stable",
    generationId: stored.generation,
    protocolType: protocolType === "" ? null : protocolType,
    protocolName: protocol,
    leaderId: stored.leader ?? members[0]?.memberId ?? null,
    members: PersistentMap.of(known),
    staticMembers: PersistentMap.of(statics),
    protocolCounts: PersistentMap.of(members.length === 0 ? [] : [[protocol ?? "", members.length]]),
    subscribedTopics: isConsumer ? subscribedTopics(members.map((member) => member.subscription)) : null,
  };
}
