/**
 * Which process has which task now, in which role.
 *
 * Immutable. A task counts as had until the member that has it is replayed without it, so that no two processes run it at once, and
 * no process has it in two roles.
 */
import { PersistentMap } from "../../state-machine/persistent-map.ts";
import type { StreamsMember } from "./streams-member.ts";
import { type OwnedTasks, partitionsIn } from "./tasks.ts";

const NOBODY: readonly string[] = [];

export class TaskOwners {
  static readonly NONE = new TaskOwners(PersistentMap.empty(), PersistentMap.empty(), PersistentMap.empty());
  private readonly active: PersistentMap<string>;
  /** Processes by task; one process may stand twice. */
  private readonly standby: PersistentMap<readonly string[]>;
  private readonly warmup: PersistentMap<readonly string[]>;

  private constructor(
    active: PersistentMap<string>,
    standby: PersistentMap<readonly string[]>,
    warmup: PersistentMap<readonly string[]>,
  ) {
    this.active = active;
    this.standby = standby;
    this.warmup = warmup;
  }

  /** The process that runs the task; undefined when none does. */
  activeProcess(subtopologyId: string, partition: number): string | undefined {
    return this.active.get(taskKey(subtopologyId, partition));
  }

  /** Whether this process keeps a copy of the task's state, as a standby or to warm up. */
  hasCopy(processId: string, subtopologyId: string, partition: number): boolean {
    const key = taskKey(subtopologyId, partition);
    const { standby, warmup } = this;
    return (standby.get(key) ?? NOBODY).includes(processId) || (warmup.get(key) ?? NOBODY).includes(processId);
  }

  /** After a member became another, came or went. */
  replaced(before: StreamsMember | undefined, now: StreamsMember | undefined): TaskOwners {
    const sameTasks = before?.assigned === now?.assigned && before?.pendingRevocation === now?.pendingRevocation;
    if (sameTasks && before?.processId === now?.processId) return this;
    let { active, standby, warmup } = this;
    for (const tasks of before === undefined ? [] : [before.assigned, before.pendingRevocation]) {
      const { processId } = before as StreamsMember;
      // It may be another's since.
      for (const key of keysOf(tasks.active)) if (active.get(key) === processId) active = active.without(key);
      for (const key of keysOf(tasks.standby)) standby = without(standby, key, processId);
      for (const key of keysOf(tasks.warmup)) warmup = without(warmup, key, processId);
    }
    for (const tasks of now === undefined ? [] : [now.assigned, now.pendingRevocation]) {
      const { processId } = now as StreamsMember;
      for (const key of keysOf(tasks.active)) active = active.with(key, processId);
      for (const key of keysOf(tasks.standby)) standby = standby.with(key, [...(standby.get(key) ?? []), processId]);
      for (const key of keysOf(tasks.warmup)) warmup = warmup.with(key, [...(warmup.get(key) ?? []), processId]);
    }
    return new TaskOwners(active, standby, warmup);
  }
}

function without(
  owners: PersistentMap<readonly string[]>,
  key: string,
  processId: string,
): PersistentMap<readonly string[]> {
  const processes = owners.get(key) ?? NOBODY;
  const at = processes.indexOf(processId);
  if (at === -1) return owners;
  return processes.length === 1 ? owners.without(key) : owners.with(key, processes.toSpliced(at, 1));
}

/** The partition comes last, so that no two tasks share a key. */
function taskKey(subtopologyId: string, partition: number): string {
  return `${subtopologyId}_${partition}`;
}

function* keysOf(tasks: OwnedTasks["active"] | OwnedTasks["standby"]): IterableIterator<string> {
  for (const [subtopologyId, owned] of tasks) {
    for (const partition of partitionsIn(owned)) yield taskKey(subtopologyId, partition);
  }
}
