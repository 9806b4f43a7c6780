/**
 * The same cluster, empty: same nodes, same ports, nothing that clients have made, nothing wrong on purpose.
 */
import { decideErasure } from "./controller/erase.ts";
import type { ManagedNode } from "./managed-node.ts";
import type { RunningCluster } from "./running-cluster.ts";
import type { WaitUntil } from "./wait-until.ts";

/** Resolves when every node serves and holds nothing. Nodes that are down are started, those that stand still go on. */
export async function resetCluster(running: RunningCluster<ManagedNode>, waitUntil: WaitUntil): Promise<void> {
  running.faults?.heal();
  const { controller } = running;
  await controller?.resume();
  if (controller?.isRunning === false) await controller.start();
  await Promise.all(
    running.nodes.map(async (node) => {
      await node.resume();
      if (node.state === "stopped" || node.state === "failed") await node.start();
    }),
  );
  await erase(running);
  await waitUntil.holds(() => isEmpty(running), {}, "the cluster is empty");
}

function erase(running: RunningCluster<ManagedNode>): Promise<void> {
  const active = running.activeController;
  if (active === undefined) throw new Error("no controller runs");
  return new Promise((resolve, reject) => {
    active.write(decideErasure).onComplete(
      () => resolve(),
      (error) => reject(error),
    );
  });
}

function isEmpty({ image, nodes }: RunningCluster<ManagedNode>): boolean {
  if (image.topics.size > 0) return false;
  return nodes.every(({ appliedOffset, partitionCount }) => appliedOffset >= image.offset && partitionCount === 0);
}
