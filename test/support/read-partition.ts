/**
 * A partition as a consumer reads it, at either isolation level: records, and how far the log goes.
 */
import { ErrorCode, errorName } from "../../protocol/error-codes.ts";
import { Fetch } from "../../protocol/messages/fetch.ts";
import { RecordBatch } from "../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";
import type { WireAsker } from "./wire-asker.ts";

export interface ReadRecord {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string;
}

export interface ReadPartition {
  readonly records: readonly ReadRecord[];
  readonly highWatermark: number;
  readonly lastStableOffset: number;
}

export const READ_UNCOMMITTED = 0;
export const READ_COMMITTED = 1;
const MAX_BYTES = 1 << 20;

/** Reads a partition from its beginning to what is its end when the reader comes there. @throws Error when the broker refuses. */
export async function readPartition(
  asker: WireAsker,
  topic: string,
  partition: number,
  isolationLevel: 0 | 1 = READ_COMMITTED,
): Promise<ReadPartition> {
  const records: ReadRecord[] = [];
  for (let fetchOffset = 0; ; ) {
    const partitions = [{ partition, fetchOffset, partitionMaxBytes: MAX_BYTES }];
    const answer = await asker.ask(Fetch, 11, {
      ...{ maxWaitMs: 0, minBytes: 0, maxBytes: MAX_BYTES, sessionId: 0, sessionEpoch: -1, forgottenTopicsData: [] },
      ...{ isolationLevel, topics: [{ topic, partitions }] },
    });
    const found = answer.responses[0]?.partitions[0];
    if (found === undefined || found.errorCode !== ErrorCode.NONE) {
      throw new Error(`${topic}-${partition} cannot be read: ${errorName(found?.errorCode ?? -1)}`);
    }
    const bytes = found.records ?? Buffer.alloc(0);
    const { highWatermark, lastStableOffset } = found;
    const [readable, nextOffset] = readableRecords(bytes, found.abortedTransactions ?? [], fetchOffset);
    if (nextOffset === fetchOffset) return { records, highWatermark, lastStableOffset };
    records.push(...readable);
    fetchOffset = nextOffset;
  }
}

/** What is left of a fetch when a consumer drops what aborted transactions wrote, by the rules that clients have; and where to go on. */
export function readableRecords(
  bytes: Buffer,
  abortedTransactions: readonly { readonly producerId: number; readonly firstOffset: number }[],
  fetchOffset = 0,
): [records: ReadRecord[], nextOffset: number] {
  const records: ReadRecord[] = [];
  const aborted = new Set<number>();
  const coming = [...abortedTransactions].sort((a, b) => a.firstOffset - b.firstOffset);
  let nextOffset = fetchOffset;
  for (let at = 0; at < bytes.length; ) {
    const batch = new RecordBatch(bytes, at);
    at += batch.sizeBytes;
    // The last one may be cut.
    if (at > bytes.length) break;
    nextOffset = batch.nextOffset;
    for (let next = coming[0]; next !== undefined && next.firstOffset <= batch.lastOffset; next = coming[0]) {
      aborted.add(next.producerId);
      coming.shift();
    }
    if (batch.isControl) {
      aborted.delete(batch.producerId);
      continue;
    }
    if (batch.isTransactional && aborted.has(batch.producerId)) continue;
    for (const { offset, key, value } of new RecordIterator(batch, batch.records)) {
      if (offset >= fetchOffset) records.push({ offset, key: key === null ? null : String(key), value: String(value) });
    }
  }
  return [records, nextOffset];
}
