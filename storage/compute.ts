/**
 * Work off the event loop: decompression, recompression, compaction and regular expressions on large inputs.
 *
 * A task is data (it crosses to a worker thread); a late result is checked against leader epoch and incarnation by whoever
 * asked for it.
 */
export interface ComputeTask<T> {
  /** Names a function in the worker's table. */
  readonly kind: string;
  readonly input: unknown;
  /** Runs the same work here: in simulation, and where worker threads are not to be had. */
  run(): T;
}

/** The task was not begun: too much work waits, or there will be no more. */
export class ComputeRefused extends Error {
  override readonly name = "ComputeRefused";
}

export interface Compute {
  /** @throws what the task throws; ComputeRefused when the queue is full or the compute is closed. */
  run<T>(task: ComputeTask<T>): Promise<T>;
  close(): Promise<void>;
}
