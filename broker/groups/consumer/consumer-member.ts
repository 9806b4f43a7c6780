/**
 * A member of a consumer group (KIP-848): what it said of itself, and how far it has come with its assignment.
 *
 * Owns: what a member is. Immutable. Members that speak the classic protocol (`classic`) are members like the others.
 */
import { NOTHING_OWNED, type OwnedPartitions } from "./assignment.ts";

/** As records hold it. */
export const MemberState = {
  /** Has what it is to have. */
  STABLE: 0,
  /** Stays in its epoch until it has given up what is pending revocation. */
  UNREVOKED_PARTITIONS: 1,
  /** In the epoch of the target, waiting for partitions that others have not given up. */
  UNRELEASED_PARTITIONS: 2,
  /** Written by a newer release. */
  UNKNOWN: 127,
} as const;
export type MemberState = (typeof MemberState)[keyof typeof MemberState];

/** Epochs with a meaning of their own, in requests and records. */
export const JOIN_EPOCH = 0;
export const LEAVE_EPOCH = -1;
/** A static member goes, and its instance comes back: nobody else gets its partitions meanwhile. */
export const LEAVE_FOR_A_WHILE_EPOCH = -2;

/** What a member told of itself in the classic protocol. */
export interface ClassicMemberMetadata {
  readonly sessionTimeoutMs: number;
  readonly supportedProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
}

export interface ConsumerMember {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  /** Null for a dynamic member. */
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  /** Sorted, each once. */
  readonly subscribedTopicNames: readonly string[];
  /** Null or "": none. */
  readonly subscribedTopicRegex: string | null;
  /** Null: any. */
  readonly serverAssignor: string | null;
  /** Null: it speaks the consumer protocol. */
  readonly classic: ClassicMemberMetadata | null;
  readonly assigned: OwnedPartitions;
  readonly pendingRevocation: OwnedPartitions;
}

export const NO_TOPICS: readonly string[] = [];

export function newConsumerMember(memberId: string): ConsumerMember {
  return {
    memberId,
    memberEpoch: 0,
    previousMemberEpoch: -1,
    state: MemberState.STABLE,
    instanceId: null,
    rackId: null,
    clientId: "",
    clientHost: "",
    rebalanceTimeoutMs: -1,
    subscribedTopicNames: NO_TOPICS,
    subscribedTopicRegex: "",
    serverAssignor: null,
    classic: null,
    assigned: NOTHING_OWNED,
    pendingRevocation: NOTHING_OWNED,
  };
}

/** The regular expression it reads by, if any. */
export function regexOf(member: ConsumerMember | undefined): string | undefined {
  const regex = member?.subscribedTopicRegex;
  return regex === undefined || regex === null || regex === "" ? undefined : regex;
}

/** Moves on, remembering where it was: a response that was lost is found out by that. */
export function inEpoch(member: ConsumerMember, memberEpoch: number): ConsumerMember {
  return { ...member, memberEpoch, previousMemberEpoch: member.memberEpoch };
}

/** Whether nothing is left to do for it. */
export function isReconciledTo(member: ConsumerMember, assignmentEpoch: number): boolean {
  return member.state === MemberState.STABLE && member.memberEpoch === assignmentEpoch;
}

export function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, index) => name === b[index]));
}

/** Sorted, each once; the known list itself when it says the same. */
export function namesOf(said: readonly string[], known: readonly string[]): readonly string[] {
  const names = [...new Set(said)].sort();
  return sameNames(names, known) ? known : names;
}

function sameClassic(a: ClassicMemberMetadata | null, b: ClassicMemberMetadata | null): boolean {
  if (a === null || b === null || a === b) return a === b;
  return (
    a.sessionTimeoutMs === b.sessionTimeoutMs &&
    a.supportedProtocols.length === b.supportedProtocols.length &&
    a.supportedProtocols.every(({ name, metadata }, index) => {
      const other = b.supportedProtocols[index];
      return other?.name === name && metadata.equals(other.metadata);
    })
  );
}

/** Whether both say the same of themselves; how far they have come does not count. */
export function saysTheSame(a: ConsumerMember, b: ConsumerMember): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    sameNames(a.subscribedTopicNames, b.subscribedTopicNames) &&
    a.subscribedTopicRegex === b.subscribedTopicRegex &&
    a.serverAssignor === b.serverAssignor &&
    sameClassic(a.classic, b.classic)
  );
}
