/** Batches to a partition of a cluster whose leaders come and go: sent again until the leader has them on enough replicas. */
import type { Cluster } from "../../cluster/start-cluster.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { WireClient } from "./wire-client.ts";

const RETRY_MS = 50;
const TIMEOUT_MS = 5000;

/** What was sent twice may be there twice. */
export async function produceTo(cluster: Cluster, topic: string, partition: number, records: Buffer): Promise<void> {
  const topicData = [{ name: topic, partitionData: [{ index: partition, records }] }];
  for (;;) {
    let client: WireClient | undefined;
    try {
      client = await WireClient.connect(cluster.node(cluster.leaderOf(topic, partition)).address);
      const { responses } = await client.request(Produce, 9, { acks: -1, timeoutMs: TIMEOUT_MS, topicData });
      if (responses[0]?.partitionResponses[0]?.errorCode === 0) return;
    } catch {
      // The leader is on its way.
    } finally {
      client?.close();
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
