/** A node that stops in good order and does not get to the end of it. */
import { expect, test } from "vitest";
import { startCluster } from "../../cluster/start-cluster.ts";

test("who waits for a node to stop is told when it is killed meanwhile, and it can be started again", async () => {
  await using cluster = await startCluster({ nodes: 1 });
  await cluster.createTopic("t", { partitions: 3 });
  const node = cluster.node(1);
  for (let turns = 0; turns < 6; turns++) {
    const stopping = node.stop();
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    await node.kill();
    await stopping;
    expect(node.state).toBe("stopped");
    await node.restart();
  }
});

test("a node whose disk refuses while it stops has failed, and can be started again", async () => {
  await using cluster = await startCluster({ nodes: 1 });
  await cluster.createTopic("t", { partitions: 1 });
  const node = cluster.node(1);
  const fault = cluster.faults.add({ disk: "error", node: 1, operation: "sync" });
  await node.stop().catch(() => {});
  expect(node.state).toBe("failed");
  fault.remove();
  await node.restart();
  expect(node.state).toBe("running");
});
