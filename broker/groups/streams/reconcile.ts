/**
 * What a member of a streams group has next, on its way from what it has to what it is to have.
 *
 * First it gives up what is no longer its own; then it enters the epoch of the target and gets what is free, the rest as others give
 * it up. A task that is to run is free when no process runs it and its own process keeps no copy of it; a copy is free when its
 * process has the task in no role.
 * Invariant: no task runs twice, and no process has a task in two roles (R203).
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { OwnedPartitions } from "../consumer/assignment.ts";
import { ascending } from "../consumer/assignment.ts";
import { MemberState, type StreamsMember } from "./streams-member.ts";
import type { TaskOwners } from "./task-owners.ts";
import {
  hasNone,
  NO_OWNED_TASKS,
  type OwnedTasks,
  partitionsIn,
  sharesAny,
  type TaskSet,
  type Tasks,
} from "./tasks.ts";

export interface Reconciliation {
  readonly owners: TaskOwners;
  readonly assignmentEpoch: number;
  readonly target: Tasks;
  /** What the member said it has; undefined: as before. */
  readonly owned: Tasks | undefined;
}

/**
 * The member after the next step; itself when there is none.
 * @throws KafkaError FENCED_MEMBER_EPOCH when its state is of a newer release: it has to begin anew.
 */
export function reconciled(member: StreamsMember, by: Reconciliation): StreamsMember {
  const { owned } = by;
  switch (member.state) {
    case MemberState.STABLE:
      return member.memberEpoch === by.assignmentEpoch ? member : advanced(member, by, member.memberEpoch);
    case MemberState.UNREVOKED_TASKS: {
      const has = owned === undefined || sharesAny(owned, member.pendingRevocation);
      return has ? member : advanced(member, by, member.memberEpoch + 1);
    }
    case MemberState.UNRELEASED_TASKS:
      return advanced(member, by, member.memberEpoch);
    case MemberState.UNKNOWN:
      if (owned !== undefined && owned.active.size + owned.standby.size + owned.warmup.size === 0) {
        return advanced(member, by, by.assignmentEpoch);
      }
      throw new KafkaError(
        ErrorCode.FENCED_MEMBER_EPOCH,
        "The streams group member is in a unknown state. The member must abandon all its tasks and rejoin.",
      );
  }
}

/** Compares what it has with the target. @param memberEpoch the epoch in which it gives up what it must. */
function advanced(member: StreamsMember, by: Reconciliation, memberEpoch: number): StreamsMember {
  const { owners, target, owned } = by;
  const { processId, assigned } = member;
  const isCopied = (subtopologyId: string, partition: number): boolean =>
    owners.hasCopy(processId, subtopologyId, partition);
  const isHere = (subtopologyId: string, partition: number): boolean =>
    owners.activeProcess(subtopologyId, partition) === processId || isCopied(subtopologyId, partition);
  const active = difference(
    assigned.active,
    target.active,
    (id, partition) => owners.activeProcess(id, partition) !== undefined || isCopied(id, partition),
  );
  const standby = difference(assigned.standby, target.standby, isHere);
  const warmup = difference(assigned.warmup, target.warmup, isHere);
  const revoked: OwnedTasks = {
    active: epochsOf(assigned.active, active.revoked),
    standby: standby.revoked,
    warmup: warmup.revoked,
  };
  const kept: OwnedTasks = {
    active: epochsOf(assigned.active, active.kept),
    standby: standby.kept,
    warmup: warmup.kept,
  };
  const moved = { ...member, previousMemberEpoch: member.memberEpoch };
  if (!hasNone(revoked) && (owned === undefined || sharesAny(owned, revoked))) {
    const state = MemberState.UNREVOKED_TASKS;
    return { ...moved, memberEpoch, state, assigned: kept, pendingRevocation: revoked };
  }
  const waits = active.waits || standby.waits || warmup.waits;
  return {
    ...moved,
    memberEpoch: by.assignmentEpoch,
    state: waits ? MemberState.UNRELEASED_TASKS : MemberState.STABLE,
    assigned: {
      active: withNew(kept.active, active.free, by.assignmentEpoch),
      standby: together(kept.standby, standby.free),
      warmup: together(kept.warmup, warmup.free),
    },
    pendingRevocation: NO_OWNED_TASKS,
  };
}

interface Difference {
  readonly kept: TaskSet;
  readonly revoked: TaskSet;
  /** To be had at once. */
  readonly free: TaskSet;
  /** There is more to be had, later. */
  readonly waits: boolean;
}

/** Between what somebody has in one role, and is to have. @param isTaken others have the task still. */
function difference(
  current: OwnedPartitions | TaskSet,
  target: TaskSet,
  isTaken: (subtopologyId: string, partition: number) => boolean,
): Difference {
  const kept = new Map<string, readonly number[]>();
  const revoked = new Map<string, readonly number[]>();
  const free = new Map<string, readonly number[]>();
  let waits = false;
  const put = (tasks: Map<string, readonly number[]>, id: string, partitions: readonly number[]): void => {
    if (partitions.length > 0) tasks.set(id, partitions);
  };
  for (const id of new Set([...target.keys(), ...current.keys()])) {
    const has = new Set(partitionsIn(current.get(id) ?? []));
    const wanted = new Set(target.get(id));
    const missing = [...wanted].filter((partition) => !has.has(partition));
    const available = missing.filter((partition) => !isTaken(id, partition));
    waits ||= available.length < missing.length;
    put(kept, id, ascending([...has].filter((partition) => wanted.has(partition))));
    put(revoked, id, ascending([...has].filter((partition) => !wanted.has(partition))));
    put(free, id, available);
  }
  return { kept, revoked, free, waits };
}

/** Those of the tasks, with since when they are had. */
function epochsOf(owned: OwnedPartitions, tasks: TaskSet): OwnedPartitions {
  return new Map(
    [...tasks].map(([id, partitions]) => [
      id,
      new Map(partitions.map((partition) => [partition, owned.get(id)?.get(partition) as number])),
    ]),
  );
}

function withNew(owned: OwnedPartitions, tasks: TaskSet, epoch: number): OwnedPartitions {
  if (tasks.size === 0) return owned;
  const all = new Map(owned);
  for (const [id, partitions] of tasks) {
    const since = partitions.map((partition): [number, number] => [partition, epoch]);
    all.set(id, new Map([...(all.get(id) ?? []), ...since]));
  }
  return all;
}

function together(a: TaskSet, b: TaskSet): TaskSet {
  if (b.size === 0) return a;
  const all = new Map(a);
  for (const [id, partitions] of b) all.set(id, ascending([...(all.get(id) ?? []), ...partitions]));
  return all;
}
