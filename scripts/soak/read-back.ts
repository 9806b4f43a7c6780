/** Reads a topic from its start to its end, over the wire and with no client's opinion in between. */

import { Fetch } from "../../protocol/messages/fetch.ts";
import { ListOffsets } from "../../protocol/messages/list-offsets.ts";
import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import { decompressRecords } from "../../protocol/records/compression.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";
import { WireClient } from "../../test/support/wire-client.ts";
import type { StoredRecord } from "./ledger.ts";

const LATEST = -1;
const MAX_BYTES = 4 << 20;

/** @param addresses of the leader of each partition. @throws Error when a leader does not answer as one. */
export async function readBack(topic: string, addresses: readonly string[]): Promise<StoredRecord[][]> {
  const partitions: StoredRecord[][] = [];
  for (const [partition, address] of addresses.entries()) {
    const client = await WireClient.connect(address);
    try {
      partitions.push(await readPartition(client, topic, partition));
    } finally {
      client.close();
    }
  }
  return partitions;
}

async function readPartition(client: WireClient, topic: string, partition: number): Promise<StoredRecord[]> {
  const bounds = await client.request(ListOffsets, 4, {
    replicaId: -1,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: LATEST }] }],
  });
  const latest = bounds.topics[0]?.partitions[0];
  if (latest === undefined || latest.errorCode !== 0) throw new Error(`${topic}-${partition}: ${latest?.errorCode}`);
  const records: StoredRecord[] = [];
  for (let offset = 0; offset < latest.offset; ) {
    const answer = await client.request(Fetch, 11, {
      ...{ maxWaitMs: 100, minBytes: 1, maxBytes: MAX_BYTES, forgottenTopicsData: [] },
      topics: [{ topic, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: MAX_BYTES }] }],
    });
    const data = answer.responses[0]?.partitions[0];
    if (data === undefined || data.errorCode !== 0) throw new Error(`${topic}-${partition}: ${data?.errorCode}`);
    offset = takeBatches(data.records ?? Buffer.alloc(0), offset, records);
  }
  return records;
}

/** Returns the offset behind the last batch. */
function takeBatches(buffer: Buffer, from: number, into: StoredRecord[]): number {
  let next = from;
  for (const batch of new BatchIterator(buffer)) {
    next = batch.lastOffset + 1;
    const records = new RecordIterator(batch, decompressRecords(batch, MAX_BYTES));
    for (let record = records.next(); record !== undefined; record = records.next()) {
      const { offset, key, value } = record;
      if (offset >= from) into.push({ offset, key: String(key), sequence: Number(value) });
    }
  }
  return next;
}
