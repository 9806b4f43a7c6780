import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { threadId } from "node:worker_threads";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf } from "../../protocol/kafka-error.ts";
import type { ComputeTask } from "../../storage/compute.ts";
import { NodeCompute, type NodeComputeOptions } from "../../storage/node-compute.ts";
import { testTasks } from "./compute-test-tasks.ts";

const directory = mkdtempSync(join(tmpdir(), "odradek-compute-"));
const workerFile = pathToFileURL(join(directory, "compute-worker.mjs"));
const open: NodeCompute[] = [];

// As the package is built: a worker's entry is JavaScript on every runtime.
beforeAll(async () => {
  const entry = fileURLToPath(new URL("./compute-test-worker.ts", import.meta.url));
  await build({
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: fileURLToPath(workerFile),
  });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
afterEach(async () => {
  for (const compute of open.splice(0)) await compute.close();
});

function newCompute(options: NodeComputeOptions = {}): NodeCompute {
  const compute = new NodeCompute({ workerFile, tasks: testTasks, ...options });
  open.push(compute);
  return compute;
}

function task(kind: string, input?: unknown): ComputeTask<unknown> {
  const run = testTasks.get(kind) as (input: unknown) => unknown;
  return { kind, input, run: () => run(input) };
}

test("tasks run in another thread, their buffers arrive as buffers of their own", async () => {
  const compute = newCompute();
  expect(await compute.run(task("thread"))).not.toBe(threadId);
  expect(compute.threaded).toBe(true);
  const frame = Buffer.alloc(1_000_000, "x");
  frame.write("abc", 500);
  const view = frame.subarray(500, 503);
  const result = (await compute.run(task("reverse", { parts: [view, Buffer.alloc(0)], note: "n" }))) as {
    parts: Buffer[];
  };
  expect(result).toEqual({ parts: [Buffer.from("cba"), Buffer.alloc(0)], note: "n", areBuffers: true });
  expect(Buffer.isBuffer(result.parts[0])).toBe(true);
  expect(view.toString()).toBe("abc");
});

test("a task's refusal keeps its code, and the thread goes on", async () => {
  const compute = newCompute({ maxWorkers: 1 });
  const error = await compute.run(task("refuse")).catch((caught: unknown) => caught);
  expect(errorCodeOf(error)).toBe(ErrorCode.CORRUPT_MESSAGE);
  expect((error as Error).message).toBe("a bad batch");
  expect(await compute.run(task("spin", 1000))).toBe(499_500);
});

test("a thread that dies fails its task only; the next one gets a new thread", async () => {
  const compute = newCompute({ maxWorkers: 1 });
  const results = await Promise.allSettled([
    compute.run(task("thread")),
    compute.run(task("die")),
    compute.run(task("spin", 10)),
  ]);
  expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

test("the queue is bounded, and closing rejects what waits", async () => {
  const compute = newCompute({ maxWorkers: 1, maxQueued: 2 });
  const results = Promise.allSettled([1, 2, 3, 4].map(() => compute.run(task("spin", 10))));
  await compute.close();
  const reasons = (await results).map((result) => (result.status === "rejected" ? String(result.reason) : "done"));
  expect(reasons).toEqual([
    "ComputeRefused: the compute is closed",
    "ComputeRefused: the compute is closed",
    "ComputeRefused: the compute is closed",
    "ComputeRefused: too much work is waiting",
  ]);
  await expect(compute.run(task("spin", 1))).rejects.toThrow("closed");
  expect(compute.threadCount).toBe(0);
});

test("where a thread cannot start, tasks run here, each in a turn of its own", async () => {
  const compute = newCompute({ workerFile: new URL("./no-such-worker.ts", import.meta.url), maxWorkers: 2 });
  const ran: unknown[] = [];
  const results = [compute.run(task("thread")), compute.run(task("thread")), compute.run(task("thread"))];
  for (const result of results) void result.then((id) => ran.push(id));
  expect(ran).toEqual([]);
  expect(await Promise.all(results)).toEqual([threadId, threadId, threadId]);
  expect(compute.threaded).toBe(false);
});

test("a kind the worker does not know runs here", async () => {
  const compute = newCompute();
  expect(await compute.run({ kind: "unknown", input: 1, run: () => threadId })).toBe(threadId);
  expect(compute.threadCount).toBe(0);
});
