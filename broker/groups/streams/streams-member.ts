/**
 * A member of a streams group (KIP-1071), which is a thread of the application: what it said of itself, and how far it has come
 * with its tasks. Immutable.
 */
import { NO_OWNED_TASKS, type OwnedTasks } from "./tasks.ts";

/** As records hold it. */
export const MemberState = {
  /** Has what it is to have. */
  STABLE: 1,
  /** Stays behind the target until it has given up what is pending revocation. */
  UNREVOKED_TASKS: 2,
  /** In the epoch of the target, waiting for tasks that others have not given up. */
  UNRELEASED_TASKS: 3,
  /** Written by a newer release. */
  UNKNOWN: 127,
} as const;
export type MemberState = (typeof MemberState)[keyof typeof MemberState];

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface StreamsMember {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  /** Always null: streams groups have no static members yet. */
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  /** Of the topology it runs. */
  readonly topologyEpoch: number;
  /** Of the instance its thread is in: one state directory, one copy of a task. */
  readonly processId: string;
  /** Where it answers interactive queries. */
  readonly userEndpoint: Endpoint | null;
  /** Sorted by key. */
  readonly clientTags: readonly { readonly key: string; readonly value: string }[];
  readonly assigned: OwnedTasks;
  readonly pendingRevocation: OwnedTasks;
}

export function newStreamsMember(memberId: string): StreamsMember {
  return {
    memberId,
    memberEpoch: 0,
    previousMemberEpoch: 0,
    state: MemberState.STABLE,
    instanceId: null,
    rackId: null,
    clientId: "",
    clientHost: "",
    rebalanceTimeoutMs: -1,
    topologyEpoch: -1,
    processId: "",
    userEndpoint: null,
    clientTags: [],
    assigned: NO_OWNED_TASKS,
    pendingRevocation: NO_OWNED_TASKS,
  };
}

/** Whether nothing is left to do for it. */
export function isReconciledTo(member: StreamsMember, assignmentEpoch: number): boolean {
  return member.state === MemberState.STABLE && member.memberEpoch === assignmentEpoch;
}

/** Sorted by key, the last of each. */
export function tagsOf(said: StreamsMember["clientTags"]): StreamsMember["clientTags"] {
  const byKey = new Map(said.map(({ key, value }) => [key, value]));
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => ({ key, value }));
}

/** Whether both say the same of themselves; how far they have come does not count. */
export function saysTheSame(a: StreamsMember, b: StreamsMember): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.topologyEpoch === b.topologyEpoch &&
    a.processId === b.processId &&
    a.userEndpoint?.host === b.userEndpoint?.host &&
    a.userEndpoint?.port === b.userEndpoint?.port &&
    a.clientTags.length === b.clientTags.length &&
    a.clientTags.every(({ key, value }, i) => key === b.clientTags[i]?.key && value === b.clientTags[i]?.value)
  );
}
