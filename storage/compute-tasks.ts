/**
 * The table of work that may run in another thread: each kind of ComputeTask and the function that does it.
 *
 * A function here is pure, takes data and gives data (buffers, arrays, plain objects, Maps), and is what the task's own
 * `run` calls. A kind that is missing here runs on the loop.
 */
export type ComputeFunction = (input: never) => unknown;

export const computeTasks: ReadonlyMap<string, ComputeFunction> = new Map<string, ComputeFunction>([]);
