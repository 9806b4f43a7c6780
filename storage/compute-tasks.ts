/**
 * The table of work that may run in another thread: each kind of ComputeTask and the function that does it.
 *
 * A function here is pure, takes data and gives data (buffers, arrays, plain objects, Maps), and is what the task's own
 * `run` calls. A kind that is missing here runs on the loop.
 */
import { REWRITE_BATCH, rewriteBatch } from "./log/batch-rewrite.ts";
import { DECOMPRESS, runDecompress } from "./log/decompress-task.ts";
import { EXAMINE_RECORDS, runExamine } from "./log/record-rules.ts";

export type ComputeFunction = (input: never) => unknown;

export const computeTasks: ReadonlyMap<string, ComputeFunction> = new Map<string, ComputeFunction>([
  [DECOMPRESS, runDecompress],
  [EXAMINE_RECORDS, runExamine],
  [REWRITE_BATCH, rewriteBatch],
]);
