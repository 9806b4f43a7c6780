/** Names that are no UTF-8, so long that they cannot be written down again. */
import { expect, test } from "vitest";
import { startCluster } from "../../cluster/start-cluster.ts";
import { Reader } from "../../protocol/bytes/reader.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { FindCoordinator } from "../../protocol/messages/find-coordinator.ts";
import { Produce } from "../../protocol/messages/produce.ts";
import { CreateTopics } from "../../protocol/messages/topics.ts";
import { decode } from "../../protocol/schema/codec.ts";
import { request, WireClient } from "../broker/network/wire-client.ts";
import { batchOf } from "../support/batches.ts";
import { RawClient } from "../support/raw-client.ts";

/** Each byte of it becomes a replacement character of three bytes. */
const PLACE = "#".repeat(20_000);

async function produceTo(address: string, index: number, transactionalId: string): Promise<number | undefined> {
  const [host, port] = address.split(":");
  using client = await WireClient.open({ host: host as string, port: Number(port) });
  const batch = batchOf(["x"], { producerId: 7, producerEpoch: 0, baseSequence: 0, isTransactional: true });
  const topicData = [{ name: "t", partitionData: [{ index, records: [batch] }] }];
  const frame = Buffer.from(request(Produce, 9, { transactionalId, acks: -1, timeoutMs: 1000, topicData }));
  const at = frame.indexOf(PLACE);
  if (at >= 0) frame.fill(0xff, at, at + PLACE.length);
  client.send(frame);
  const answer = await client.frame();
  if (answer === undefined) return undefined;
  const { responses } = decode(Produce.response, 9, new Reader(answer, 5)); // behind the header
  return responses[0]?.partitionResponses[0]?.errorCode;
}

test("a transactional id that no coordinator can be asked about is nobody's, and others are asked about as before", async () => {
  await using cluster = await startCluster({ nodes: 3 });
  const addresses = cluster.bootstrapServers.split(",");
  using raw = await RawClient.open(addresses[0] as string);
  const assignments = [1, 2, 3].map((id, partitionIndex) => ({ partitionIndex, brokerIds: [id] }));
  const topics = [{ name: "t", numPartitions: -1, replicationFactor: -1, assignments, configs: [] }];
  await raw.asker.ask(CreateTopics, 7, { topics, timeoutMs: 10_000 });
  const coordinator = async () => (await raw.asker.ask(FindCoordinator, 3, { keyType: 1, key: "x" })).errorCode;
  await expect.poll(coordinator).toBe(ErrorCode.NONE);
  for (const transactionalId of [PLACE, "honest"]) {
    for (const [index, address] of addresses.entries()) {
      const code = () => produceTo(address, index, transactionalId);
      await expect.poll(code, { timeout: 10_000 }).toBe(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
    }
  }
});
