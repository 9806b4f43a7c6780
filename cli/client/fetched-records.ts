/**
 * The records of a fetch: batches decompressed, markers left out, and aborted transactions where only committed ones are wanted.
 */

import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import { decompressRecords } from "../../protocol/records/compression.ts";
import { ControlRecordType, controlRecordType } from "../../protocol/records/control-record.ts";
import type { RecordHeader } from "../../protocol/records/record.ts";
import { CURRENT_MAGIC, type RecordBatch } from "../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";
import { CommandError } from "../command-error.ts";
import type { TopicPartition } from "./offset-lookup.ts";

export interface FetchedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** Of one batch; more than a broker can have taken in. */
const MAX_DECOMPRESSED_BYTES = 512 * 1024 * 1024;

export interface ReadRecords {
  readonly records: FetchedRecord[];
  /** Where to read on. */
  readonly nextOffset: number;
}

/**
 * @param aborted of these batches, when only what was committed is wanted; else null.
 * @throws CommandError a batch of a format older than Kafka 0.11.
 */
export function readRecords(
  { topic, partition }: TopicPartition,
  bytes: Buffer,
  fromOffset: number,
  aborted: readonly AbortedTransaction[] | null,
): ReadRecords {
  const records: FetchedRecord[] = [];
  const transactions = new AbortedTransactions(aborted ?? []);
  let nextOffset = fromOffset;
  for (const batch of new BatchIterator(bytes)) {
    if (batch.magic !== CURRENT_MAGIC) {
      throw new CommandError(`${topic}-${partition} has records of Kafka 0.10 or older at offset ${batch.baseOffset}`);
    }
    const isWanted = transactions.isWanted(batch);
    if (batch.isControl || !isWanted) {
      nextOffset = Math.max(nextOffset, batch.nextOffset);
      continue;
    }
    for (const record of new RecordIterator(batch, decompressRecords(batch, MAX_DECOMPRESSED_BYTES))) {
      if (record.offset < fromOffset) continue;
      const { offset, timestamp, key, value, headers } = record;
      records.push({
        topic,
        partition,
        offset,
        timestamp,
        key: own(key),
        value: own(value),
        headers: headers.map(ownHeader),
      });
    }
    nextOffset = Math.max(nextOffset, batch.nextOffset);
  }
  return { records, nextOffset };
}

/** Which transactional batches are of transactions that were aborted, read in the order of the log. */
class AbortedTransactions {
  private readonly ahead: AbortedTransaction[];
  private readonly open = new Set<number>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.ahead = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  isWanted(batch: RecordBatch): boolean {
    if (!batch.isTransactional) return true;
    for (let next = this.ahead[0]; next !== undefined && next.firstOffset <= batch.lastOffset; next = this.ahead[0]) {
      this.ahead.shift();
      this.open.add(next.producerId);
    }
    if (batch.isControl) {
      if (isAbort(batch)) this.open.delete(batch.producerId);
      return false;
    }
    return !this.open.has(batch.producerId);
  }
}

function isAbort(batch: RecordBatch): boolean {
  for (const { key } of new RecordIterator(batch, batch.records)) {
    return controlRecordType(key) === ControlRecordType.ABORT;
  }
  return false;
}

/** The fetch's memory is another's as soon as its answer is released. */
function own(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes);
}

function ownHeader({ key, value }: RecordHeader): RecordHeader {
  return { key, value: own(value) };
}
