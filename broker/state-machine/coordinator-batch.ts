/**
 * Coordinator records in record batches: written as Apache Kafka's coordinators write them, and read back.
 *
 * Owns: one batch per decision (or several, where the decision allows), all of one time; no sequences are counted, as coordinators
 * are not idempotent producers. Leaves offsets and leader epoch to the log.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { Codec } from "../../protocol/records/codec.ts";
import { buildEndTransactionBatch } from "../../protocol/records/control-record.ts";
import { RecordBatchBuilder } from "../../protocol/records/record-batch-builder.ts";
import { type CoordinatorRecord, encodeRecord } from "./coordinator-record.ts";
import type { TransactionalProducer } from "./decision.ts";
import type { TransactionEnd } from "./shard.ts";

export interface CoordinatorBatch {
  readonly bytes: Buffer;
  /** In the order of their offsets. */
  readonly records: readonly CoordinatorRecord[];
}

/** What a record takes beside its key and value, at most. */
const RECORD_OVERHEAD_BYTES = 32;

export interface BatchStyle {
  /** 0 when left out; in a transaction always 0. */
  readonly baseSequence?: number;
  readonly compression?: Codec;
}

export interface RecordsToWrite {
  readonly records?: readonly CoordinatorRecord[];
  readonly splittable?: boolean;
  readonly transaction?: TransactionalProducer;
}

/**
 * @param style how the coordinator that Kafka has for this topic writes its batches.
 * @throws KafkaError MESSAGE_TOO_LARGE when the log could not take a batch; nothing has been written then.
 */
export function batchesOf(
  write: RecordsToWrite,
  timestampMs: number,
  maxBatchBytes: number,
  style: BatchStyle = {},
): CoordinatorBatch[] {
  const batches: CoordinatorBatch[] = [];
  let builder = newBuilder(write.transaction, style);
  let records: CoordinatorRecord[] = [];
  const finish = (): void => {
    const bytes = builder.build();
    if (bytes.length > maxBatchBytes) throw new KafkaError(ErrorCode.MESSAGE_TOO_LARGE);
    batches.push({ bytes, records });
  };
  for (const record of write.records ?? []) {
    const { key, value } = encodeRecord(record);
    const sizeBytes = key.length + (value?.length ?? 0) + RECORD_OVERHEAD_BYTES;
    if (write.splittable === true && records.length > 0 && builder.sizeBytes + sizeBytes > maxBatchBytes) {
      finish();
      builder = newBuilder(write.transaction, style);
      records = [];
    }
    builder.append({ timestamp: timestampMs, key, value });
    records.push(record);
  }
  if (records.length > 0) finish();
  return batches;
}

function newBuilder(
  transaction: TransactionalProducer | undefined,
  { baseSequence = 0, compression = Codec.NONE }: BatchStyle,
): RecordBatchBuilder {
  if (transaction === undefined) return new RecordBatchBuilder({ baseSequence, compression });
  const { producerId, producerEpoch } = transaction;
  return new RecordBatchBuilder({ producerId, producerEpoch, baseSequence: 0, isTransactional: true, compression });
}

export function endMarkerBatch(end: TransactionEnd, timestampMs: number): Buffer {
  const { committed, producerId, producerEpoch, coordinatorEpoch } = end;
  return buildEndTransactionBatch({ committed, producerId, producerEpoch, coordinatorEpoch, timestampMs });
}
