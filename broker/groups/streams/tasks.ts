/**
 * Tasks of a streams application: those a member is to have, and those it has, by role.
 *
 * A task is a subtopology and a partition of its input. Sets of tasks are partitions by subtopology id, as assignments of
 * consumers are partitions by topic id; active tasks that somebody has carry the epoch in which it got them.
 * Values are never changed in place.
 */
import {
  type Assignment,
  ascending,
  NO_PARTITIONS,
  NOTHING_OWNED,
  type OwnedPartitions,
  sameAssignment,
  sameOwned,
  withoutEpochs,
} from "../consumer/assignment.ts";

/** Partitions by subtopology id, ascending; no subtopology without one. */
export type TaskSet = Assignment;

export interface Tasks {
  readonly active: TaskSet;
  readonly standby: TaskSet;
  readonly warmup: TaskSet;
}

export interface OwnedTasks {
  readonly active: OwnedPartitions;
  readonly standby: TaskSet;
  readonly warmup: TaskSet;
}

/** What comes on the wire, and what records hold. */
export interface TaskIds {
  readonly subtopologyId: string;
  readonly partitions: readonly number[];
}

export const NO_TASKS: Tasks = { active: NO_PARTITIONS, standby: NO_PARTITIONS, warmup: NO_PARTITIONS };
export const NO_OWNED_TASKS: OwnedTasks = { active: NOTHING_OWNED, standby: NO_PARTITIONS, warmup: NO_PARTITIONS };

export function sameTasks(a: Tasks, b: Tasks): boolean {
  return (
    a === b ||
    (sameAssignment(a.active, b.active) && sameAssignment(a.standby, b.standby) && sameAssignment(a.warmup, b.warmup))
  );
}

/** Epochs count. */
export function sameOwnedTasks(a: OwnedTasks, b: OwnedTasks): boolean {
  return (
    a === b ||
    (sameOwned(a.active, b.active) && sameAssignment(a.standby, b.standby) && sameAssignment(a.warmup, b.warmup))
  );
}

export function hasNone({ active, standby, warmup }: OwnedTasks): boolean {
  return active.size === 0 && standby.size === 0 && warmup.size === 0;
}

export function taskSetOf(ids: readonly TaskIds[]): TaskSet {
  const tasks = new Map<string, Set<number>>();
  for (const { subtopologyId, partitions } of ids) {
    const known = tasks.get(subtopologyId) ?? new Set();
    for (const partition of partitions) known.add(partition);
    if (known.size > 0) tasks.set(subtopologyId, known);
  }
  return new Map([...tasks].map(([subtopologyId, partitions]) => [subtopologyId, ascending(partitions)]));
}

/** In the order of subtopology ids. */
export function taskIdsOf(tasks: TaskSet): { subtopologyId: string; partitions: number[] }[] {
  return bySubtopology(tasks).map(([subtopologyId, partitions]) => ({ subtopologyId, partitions: [...partitions] }));
}

export function bySubtopology<V>(tasks: ReadonlyMap<string, V>): [string, V][] {
  return [...tasks].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What somebody has, without since when. */
export function tasksIn({ active, standby, warmup }: OwnedTasks): Tasks {
  return { active: withoutEpochs(active), standby, warmup };
}

/** What somebody has of one subtopology, with or without since when. */
export function partitionsIn(owned: readonly number[] | ReadonlyMap<number, number>): Iterable<number> {
  return owned instanceof Map ? owned.keys() : (owned as readonly number[]);
}

/** Whether all of them are in the set. */
export function containsAll(tasks: OwnedTasks["active"] | TaskSet, asked: readonly TaskIds[]): boolean {
  return asked.every(({ subtopologyId, partitions }) => {
    const owned = tasks.get(subtopologyId);
    if (owned === undefined) return false;
    const own = new Set(partitionsIn(owned));
    return partitions.every((partition) => own.has(partition));
  });
}

/** Whether any task of one role is among those of the same role. */
export function sharesAny(a: Tasks, b: OwnedTasks): boolean {
  return (
    intersects(a.active, withoutEpochs(b.active)) || intersects(a.standby, b.standby) || intersects(a.warmup, b.warmup)
  );
}

function intersects(a: TaskSet, b: TaskSet): boolean {
  for (const [subtopologyId, partitions] of a) {
    const others = b.get(subtopologyId);
    if (others !== undefined && partitions.some((partition) => others.includes(partition))) return true;
  }
  return false;
}
