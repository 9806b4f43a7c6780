/**
 * One process while tasks are given out: its members, and what each has been given so far.
 *
 * Invariant: a process is given a task once, in one role, unless its caller does not ask `hasTask`.
 */
import { grownTableOrder, stringHash } from "../../consumer/assignors/visiting-order.ts";
import { PriorityQueue } from "./priority-queue.ts";
import type { TaskId } from "./task-id.ts";

interface MemberLoad {
  readonly memberId: string;
  taskCount: number;
}

export class ProcessLoad {
  readonly processId: string;
  readonly active = new Map<string, TaskId[]>();
  readonly standby = new Map<string, TaskId[]>();
  private readonly taskCounts = new Map<string, number>();
  private readonly tasks = new Set<string>();
  private taskCount = 0;
  private membersByLoad: PriorityQueue<MemberLoad> | undefined;

  constructor(processId: string) {
    this.processId = processId;
  }

  addMember(memberId: string): void {
    this.taskCounts.set(memberId, 0);
  }

  /** Tasks for each of its members. */
  get load(): number {
    return this.taskCount / this.taskCounts.size;
  }

  hasTask({ key }: TaskId): boolean {
    return this.tasks.has(key);
  }

  taskCountOf(memberId: string): number {
    return this.taskCounts.get(memberId) ?? 0;
  }

  /** Returns how many the member has now. */
  give(memberId: string, task: TaskId, role: "active" | "standby"): number {
    this.membersByLoad = undefined;
    return this.note(memberId, task, role);
  }

  /** Returns how many the member has now that got it. */
  giveToLeastLoaded(task: TaskId, role: "active" | "standby"): number {
    this.membersByLoad ??= new PriorityQueue(this.memberLoads(), ({ taskCount }) => taskCount);
    const member = this.membersByLoad.poll() as MemberLoad;
    member.taskCount = this.note(member.memberId, task, role);
    this.membersByLoad.add(member);
    return member.taskCount;
  }

  private memberLoads(): MemberLoad[] {
    const loads = [...this.taskCounts].map(([memberId, taskCount]) => ({ memberId, taskCount }));
    return grownTableOrder(loads, ({ memberId }) => stringHash(memberId));
  }

  private note(memberId: string, task: TaskId, role: "active" | "standby"): number {
    const given = this[role];
    const tasks = given.get(memberId);
    if (tasks === undefined) given.set(memberId, [task]);
    else tasks.push(task);
    this.tasks.add(task.key);
    this.taskCount++;
    const count = this.taskCountOf(memberId) + 1;
    this.taskCounts.set(memberId, count);
    return count;
  }
}
