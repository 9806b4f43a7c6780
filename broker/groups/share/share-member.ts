/**
 * A member of a share group (KIP-932): what it said of itself, and what it is to read. Immutable.
 */
import { type Assignment, NO_PARTITIONS } from "../consumer/assignment.ts";
import { NO_TOPICS, sameNames } from "../consumer/consumer-member.ts";

/** The only state a member is in: nothing is taken from others first. As records hold it. */
export const STABLE = 0;

export interface ShareMember {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Sorted, each once. */
  readonly subscribedTopicNames: readonly string[];
  readonly assigned: Assignment;
}

export function newShareMember(memberId: string): ShareMember {
  return {
    memberId,
    memberEpoch: 0,
    previousMemberEpoch: -1,
    rackId: null,
    clientId: "",
    clientHost: "",
    subscribedTopicNames: NO_TOPICS,
    assigned: NO_PARTITIONS,
  };
}

/** Whether both say the same of themselves; how far they have come does not count. */
export function saysTheSame(a: ShareMember, b: ShareMember): boolean {
  return (
    a.rackId === b.rackId &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    sameNames(a.subscribedTopicNames, b.subscribedTopicNames)
  );
}
