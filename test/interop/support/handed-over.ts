/**
 * Groups that change hands with the directory they lie in: asked of whichever node has it now.
 */
import { expect } from "vitest";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import { CreateTopics } from "../../../protocol/messages/topics.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import type { RunningNode } from "./node-over-directory.ts";

export const PATIENCE_MS = 30_000;

/** Asks until nothing is loading any more. */
export async function untilDone<A extends { errorCode: number }>(ask: () => Promise<A>): Promise<A> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (![14, 15, 16].includes(answer.errorCode)) return answer;
    if (performance.now() > deadline) throw new Error(`error ${answer.errorCode} and no end`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function createTopic(asker: WireAsker, name: string, numPartitions: number): Promise<void> {
  const topics = [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }];
  const made = await asker.ask(CreateTopics, 7, { topics, timeoutMs: PATIENCE_MS, validateOnly: false });
  expect(made.topics[0]?.errorCode).toBe(0);
}

/** Runs a node until `use` is done, once it coordinates the groups. */
export async function withNode<R>(
  running: Promise<RunningNode>,
  signal: "SIGTERM" | "SIGKILL",
  groupIds: readonly string[],
  use: (asker: WireAsker) => Promise<R>,
) {
  const node = await running;
  try {
    using asker = await WireAsker.open(node.address);
    const request = { keyType: 0, coordinatorKeys: [...groupIds] };
    for (const index of groupIds.keys()) {
      await untilDone(
        async () => (await asker.ask(FindCoordinator, 4, request)).coordinators[index] as { errorCode: number },
      );
    }
    return await use(asker);
  } finally {
    await node.end(signal);
  }
}
