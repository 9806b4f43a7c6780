/**
 * The sticky task assignor: tasks stay where they were as far as the load allows, what is left goes to whoever has least; then
 * standby tasks likewise, on other processes than the task and each other.
 *
 * Gives each member what Apache Kafka 4.3.1 would, in the same order, so that a group does not move when its coordinator does.
 * As there, client tags and racks do not matter, and no task is warmed up.
 */

import { grownTableOrder, sizedTableOrder, stringHash } from "../../consumer/assignors/visiting-order.ts";
import type { TaskSet, Tasks } from "../tasks.ts";
import { NO_TASKS, taskSetOf } from "../tasks.ts";
import { PriorityQueue } from "./priority-queue.ts";
import { ProcessLoad } from "./process-load.ts";
import { byPartition, bySubtopology, type TaskId, taskId } from "./task-id.ts";

export interface AssignorMember {
  readonly memberId: string;
  readonly processId: string;
  /** What it was to have until now. */
  readonly target: Tasks;
}

export interface AssignorSubtopology {
  readonly subtopologyId: string;
  readonly taskCount: number;
  readonly isStateful: boolean;
}

/** Tasks by member id. @param subtopologies in the order of their ids. */
export function assignTasks(
  members: readonly AssignorMember[],
  subtopologies: readonly AssignorSubtopology[],
  standbyReplicaCount: number,
): ReadonlyMap<string, Tasks> {
  return new Assignment(members, subtopologies, standbyReplicaCount).assign();
}

interface Owner {
  readonly memberId: string;
  readonly process: ProcessLoad;
}

/** How many tasks a member may have while there are members with room: it shrinks and grows as members fill up. */
class Quota {
  perMember: number;
  private tasks: number;
  private members: number;

  constructor(tasks: number, members: number) {
    this.tasks = tasks;
    this.members = members;
    this.perMember = Math.ceil(tasks / members);
  }

  /** A member has so many now. */
  reached(count: number): void {
    if (count !== this.perMember) return;
    this.members--;
    this.tasks -= count;
    this.perMember = this.members === 0 ? 0 : Math.ceil(this.tasks / this.members);
  }
}

class Assignment {
  private readonly members: readonly AssignorMember[];
  private readonly subtopologies: readonly AssignorSubtopology[];
  private readonly standbyReplicaCount: number;
  private readonly processes = new Map<string, ProcessLoad>();
  private readonly activeQuota: Quota;
  private readonly quota: Quota;
  private readonly wasActive = new Map<string, Owner>();
  private readonly wereStandby = new Map<string, Owner[]>();

  constructor(
    members: readonly AssignorMember[],
    subtopologies: readonly AssignorSubtopology[],
    standbyReplicaCount: number,
  ) {
    this.members = grownTableOrder(members, ({ memberId }) => stringHash(memberId));
    this.subtopologies = subtopologies;
    this.standbyReplicaCount = standbyReplicaCount;
    let [activeCount, standbyCount] = [0, 0];
    for (const { taskCount, isStateful } of subtopologies) {
      activeCount += taskCount;
      if (isStateful) standbyCount += taskCount * standbyReplicaCount;
    }
    this.activeQuota = new Quota(activeCount, members.length);
    this.quota = new Quota(activeCount + standbyCount, members.length);
    for (const member of this.members) this.remember(member);
  }

  private remember({ memberId, processId, target }: AssignorMember): void {
    const process = this.processes.get(processId) ?? new ProcessLoad(processId);
    this.processes.set(processId, process);
    process.addMember(memberId);
    const owner = { memberId, process };
    for (const { key } of tasksOf(target.active)) this.wasActive.set(key, owner);
    for (const { key } of tasksOf(target.standby)) {
      const owners = this.wereStandby.get(key);
      if (owners === undefined) this.wereStandby.set(key, [owner]);
      else owners.push(owner);
    }
  }

  assign(): ReadonlyMap<string, Tasks> {
    if (this.members.length === 0) return new Map();
    this.assignActive();
    if (this.standbyReplicaCount > 0) this.assignStandby();
    return new Map(
      this.members.map(({ memberId, processId }) => {
        const process = this.processes.get(processId) as ProcessLoad;
        return [
          memberId,
          { ...NO_TASKS, active: setOf(process.active, memberId), standby: setOf(process.standby, memberId) },
        ];
      }),
    );
  }

  private tasks(which: (subtopology: AssignorSubtopology) => boolean): TaskId[] {
    return this.subtopologies
      .filter(which)
      .flatMap(({ subtopologyId, taskCount }) =>
        Array.from({ length: taskCount }, (_, partition) => taskId(subtopologyId, partition)),
      );
  }

  private queue(): PriorityQueue<ProcessLoad> {
    const inOrder = sizedTableOrder(
      [...this.processes.values()],
      ({ processId }) => stringHash(processId),
      this.members.length,
    );
    return new PriorityQueue(inOrder, ({ load }) => load);
  }

  private assignActive(): void {
    let left = this.tasks(() => true).sort(byPartition);
    left = left.filter((task) => !this.giveActive(task, this.wasActive.get(task.key)));
    left = left.filter((task) => !this.giveActive(task, leastLoaded(this.wereStandby.get(task.key))));
    const queue = this.queue();
    for (const task of left.sort(bySubtopology)) {
      const process = queue.poll() as ProcessLoad;
      this.activeGiven(process.giveToLeastLoaded(task, "active"));
      queue.add(process);
    }
  }

  /** To whoever it was with, if that has room; whether it has. */
  private giveActive(task: TaskId, owner: Owner | undefined): boolean {
    if (owner === undefined || owner.process.taskCountOf(owner.memberId) >= this.activeQuota.perMember) return false;
    this.activeGiven(owner.process.give(owner.memberId, task, "active"));
    return true;
  }

  private activeGiven(count: number): void {
    this.activeQuota.reached(count);
    this.quota.reached(count);
  }

  private assignStandby(): void {
    const tasks = this.tasks(({ isStateful }) => isStateful).sort((a, b) => byPartition(b, a));
    const left = tasks.map((task) => ({ task, replicas: this.standbyReplicaCount - this.giveToPrevious(task) }));
    const queue = this.queue();
    for (const { task, replicas } of left.sort((a, b) => bySubtopology(b.task, a.task))) {
      for (let i = 0; i < replicas && this.giveStandbyToLeastLoaded(queue, task); i++);
    }
  }

  /** To whoever ran it, and to whoever stood by; how many got it. */
  private giveToPrevious(task: TaskId): number {
    let given = 0;
    while (given < this.standbyReplicaCount) {
      const active = this.wasActive.get(task.key);
      const owner =
        active !== undefined && !active.process.hasTask(task) && this.hasRoom(active)
          ? active
          : leastLoaded(this.wereStandby.get(task.key), task);
      if (owner === undefined || !this.hasRoom(owner)) break;
      this.quota.reached(owner.process.give(owner.memberId, task, "standby"));
      given++;
    }
    return given;
  }

  private hasRoom({ process, memberId }: Owner): boolean {
    return process.taskCountOf(memberId) < this.quota.perMember;
  }

  /** Whether a process was found that has the task in no role; without one there are too few processes. */
  private giveStandbyToLeastLoaded(queue: PriorityQueue<ProcessLoad>, task: TaskId): boolean {
    const passed: ProcessLoad[] = [];
    let process = queue.poll();
    while (process?.hasTask(task) === true) {
      passed.push(process);
      process = queue.poll();
    }
    if (process !== undefined) {
      this.quota.reached(process.giveToLeastLoaded(task, "standby"));
      queue.add(process);
    }
    for (const each of passed.reverse()) queue.add(each);
    return process !== undefined;
  }
}

/**
 * Of those that stood by for a task, the first unless another has less to do in both its process and its own thread.
 * @param task to be on no process twice; it is the first one's process that decides whether anybody is told, as in Kafka.
 */
function leastLoaded(owners: readonly Owner[] | undefined, task?: TaskId): Owner | undefined {
  const [first, ...others] = owners ?? [];
  if (first === undefined) return undefined;
  let candidate = first;
  let processLoad = first.process.load;
  let memberLoad = first.process.taskCountOf(first.memberId);
  for (const owner of others) {
    const load = owner.process.load;
    const own = owner.process.taskCountOf(owner.memberId);
    if (load >= processLoad || own >= memberLoad || (task !== undefined && owner.process.hasTask(task))) continue;
    [candidate, processLoad, memberLoad] = [owner, load, own];
  }
  return task !== undefined && first.process.hasTask(task) ? undefined : candidate;
}

function* tasksOf(tasks: TaskSet): IterableIterator<TaskId> {
  for (const [subtopologyId, partitions] of tasks) {
    for (const partition of partitions) yield taskId(subtopologyId, partition);
  }
}

function setOf(given: ReadonlyMap<string, readonly TaskId[]>, memberId: string): TaskSet {
  const tasks = given.get(memberId) ?? [];
  return taskSetOf(tasks.map(({ subtopologyId, partition }) => ({ subtopologyId, partitions: [partition] })));
}
