/**
 * One task, and the orders in which assignors look at tasks.
 */
export interface TaskId {
  readonly subtopologyId: string;
  readonly partition: number;
  /** Unique among tasks. */
  readonly key: string;
}

export function taskId(subtopologyId: string, partition: number): TaskId {
  return { subtopologyId, partition, key: `${subtopologyId}_${partition}` };
}

export function bySubtopology(a: TaskId, b: TaskId): number {
  if (a.subtopologyId !== b.subtopologyId) return a.subtopologyId < b.subtopologyId ? -1 : 1;
  return a.partition - b.partition;
}

/** Tasks of one partition stand together, so that neighbours are of different subtopologies. */
export function byPartition(a: TaskId, b: TaskId): number {
  return a.partition - b.partition || bySubtopology(a, b);
}
