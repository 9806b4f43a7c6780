/** Tasks for the test of NodeCompute: what a table holds, made to show what crosses between threads. */
import { threadId } from "node:worker_threads";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { ComputeFunction } from "../../storage/compute-tasks.ts";

export const testTasks: ReadonlyMap<string, ComputeFunction> = new Map<string, ComputeFunction>([
  ["thread", () => threadId],
  [
    "reverse",
    (input: { parts: Buffer[]; note: string }) => {
      const parts = input.parts.map((part) =>
        Buffer.from(part.toString("latin1").split("").reverse().join(""), "latin1"),
      );
      return { parts, note: input.note, areBuffers: input.parts.every((part) => Buffer.isBuffer(part)) };
    },
  ],
  [
    "refuse",
    () => {
      throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, "a bad batch");
    },
  ],
  ["die", () => process.exit(3)],
  [
    "spin",
    (turns: number) => {
      let sum = 0;
      for (let i = 0; i < turns; i++) sum = (sum + i) | 0;
      return sum;
    },
  ],
]);
