/**
 * The other side of NodeCompute: answers the tasks that arrive in a worker thread, one at a time.
 */
import { parentPort } from "node:worker_threads";
import type { ComputeFunction } from "./compute-tasks.ts";
import { pack, packError, type ResultMessage, type TaskMessage, unpack } from "./node-compute-message.ts";

/** To be called once, at the top of a worker's entry. */
export function serveCompute(tasks: ReadonlyMap<string, ComputeFunction>): void {
  if (parentPort === null) throw new Error("tasks are served in worker threads only");
  const port = parentPort;
  port.on("message", ({ kind, input }: TaskMessage) => {
    const transfer: ArrayBuffer[] = [];
    let answer: ResultMessage;
    try {
      const run = tasks.get(kind);
      if (run === undefined) throw new Error(`no such task: ${kind}`);
      answer = { type: "done", result: pack(run(unpack(input) as never), transfer) };
    } catch (error) {
      transfer.length = 0;
      answer = packError(error);
    }
    port.postMessage(answer, transfer);
  });
  port.postMessage({ type: "ready" } satisfies ResultMessage);
}
