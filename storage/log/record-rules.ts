/**
 * What a topic allows of the records of a batch: keys, timestamps, compression.
 *
 * Owns: Kafka's rules and their order, over data only, so that it may run in another thread. Leaves to BatchPreparation: the rules
 * for the batch as a whole, and where this runs.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { Codec } from "../../protocol/records/codec.ts";
import { decompressRecords } from "../../protocol/records/compression.ts";
import { CompressionError } from "../../protocol/records/compression-error.ts";
import { InvalidRecordError } from "../../protocol/records/invalid-record-error.ts";
import { NO_TIMESTAMP, RecordBatch, type TimestampType } from "../../protocol/records/record-batch.ts";
import { RecordBatchBuilder } from "../../protocol/records/record-batch-builder.ts";
import { checkRecords, type RecordSummary } from "../../protocol/records/record-check.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";
import type { RecordError } from "../partition-log.ts";

/**
 * Differs from Kafka: the answer to a Produce names at most 1,000 offending records of a batch; Kafka names every one, in an answer
 * that may be larger than the request.
 */
const MAX_RECORD_ERRORS = 1000;
const SHOWN_ERRORS = 3;
/** What a limit of the largest int64 is, where the configs hold a number. */
const MAX_INT64 = 0x7fffffffffffffffn;

export interface RecordRules {
  /** "topic-partition", for messages. */
  readonly name: string;
  readonly isCompacted: boolean;
  readonly timestampType: TimestampType;
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** Undefined leaves the batch as it is. */
  readonly targetCodec: Codec | undefined;
  readonly compressionLevel: number | undefined;
  /** Wall-clock time: what timestamps are held against, and the time of a LogAppendTime topic's records. */
  readonly nowMs: number;
  readonly maxDecompressedBytes: number;
}

export type Examination =
  /** `maxTimestamp` is that of the records, at least -1. */
  | { readonly outcome: "accepted"; readonly maxTimestamp: number }
  /** In the topic's codec now, complete but for offset and leader epoch. */
  | { readonly outcome: "converted"; readonly batch: Buffer; readonly maxTimestamp: number }
  | {
      readonly outcome: "rejected";
      readonly errorCode: ErrorCode;
      readonly message: string;
      readonly recordErrors: RecordError[];
    }
  /** It takes more than maxDecompressedBytes. */
  | { readonly outcome: "tooLarge" };

/** Examines the records of a batch whose header and CRC are fine, and converts them where the topic says so. */
export function examineRecords(batch: RecordBatch, rules: RecordRules): Examination {
  try {
    const isCompressed = batch.compression !== 0;
    const payload = decompressRecords(batch, rules.maxDecompressedBytes);
    const summary = checkRecords(payload, batch.recordCount, batch.baseTimestamp);
    // Kafka fails to read such a batch (-1).
    if (isCompressed && !summary.sequentialOffsets)
      return invalid("offsets in a compressed batch are not 0, 1, 2, ...");
    const claimsAppendTime = batch.timestampType === "LogAppendTime";
    const maxTimestamp = claimsAppendTime ? batch.maxTimestamp : Math.max(NO_TIMESTAMP, summary.maxTimestamp);
    if (mayOffend(summary, claimsAppendTime, rules)) {
      const rejected = rejectOffending(batch, payload, rules);
      if (rejected !== undefined) return rejected;
    }
    return rules.targetCodec === undefined
      ? { outcome: "accepted", maxTimestamp }
      : { outcome: "converted", batch: convert(batch, payload, rules), maxTimestamp };
  } catch (error) {
    if (error instanceof InvalidRecordError) return invalid(error.message);
    if (!(error instanceof CompressionError)) throw error;
    // Differs from Kafka: a batch that cannot be decompressed is answered INVALID_RECORD, where Kafka answers UNKNOWN_SERVER_ERROR.
    return error.reason === "tooLarge" ? { outcome: "tooLarge" } : invalid(error.message);
  }
}

function invalid(message: string): Examination {
  return { outcome: "rejected", errorCode: ErrorCode.INVALID_RECORD, message, recordErrors: [] };
}

/** Whether a closer look is due; records without a timestamp (-1) may be fine all the same. */
function mayOffend(summary: RecordSummary, claimsAppendTime: boolean, rules: RecordRules): boolean {
  return (
    claimsAppendTime ||
    (rules.isCompacted && summary.firstNullKey >= 0) ||
    (rules.timestampType === "CreateTime" &&
      (summary.minTimestamp < rules.nowMs - rules.timestampBeforeMaxMs ||
        summary.maxTimestamp > rules.nowMs + rules.timestampAfterMaxMs))
  );
}

function rejectOffending(batch: RecordBatch, payload: Buffer, rules: RecordRules): Examination | undefined {
  const claimsAppendTime = batch.timestampType === "LogAppendTime";
  const recordErrors: RecordError[] = [];
  let count = 0;
  let hasInvalidTimestamp = false;
  const records = new RecordIterator(batch, payload);
  for (let index = 0; ; index++) {
    const record = records.next();
    if (record === undefined) break;
    let message: string | undefined;
    if (rules.isCompacted && !record.hasKey) {
      message = `Compacted topic cannot accept message without key in topic partition ${rules.name}`;
    } else {
      message = timestampError(record.timestamp, record.offset, claimsAppendTime, rules);
      hasInvalidTimestamp ||= message !== undefined;
    }
    if (message === undefined) continue;
    count++;
    if (recordErrors.length < MAX_RECORD_ERRORS) recordErrors.push({ batchIndex: index, message });
  }
  if (count === 0) return undefined;
  if (hasInvalidTimestamp) {
    const message = "One or more records have been rejected due to invalid timestamp";
    return { outcome: "rejected", errorCode: ErrorCode.INVALID_TIMESTAMP, message, recordErrors };
  }
  const shown = recordErrors.slice(0, SHOWN_ERRORS).map((error) => `${error.batchIndex}: ${error.message}`);
  const message = `One or more records have been rejected due to ${count} record errors in total, and only showing the first three errors at most: [${shown.join(", ")}]`;
  return { outcome: "rejected", errorCode: ErrorCode.INVALID_RECORD, message, recordErrors };
}

function timestampError(
  timestamp: number,
  offset: number,
  claimsAppendTime: boolean,
  { timestampType, nowMs, timestampBeforeMaxMs, timestampAfterMaxMs }: RecordRules,
): string | undefined {
  if (timestampType === "CreateTime" && timestamp !== NO_TIMESTAMP) {
    if (nowMs - timestamp <= timestampBeforeMaxMs && timestamp - nowMs <= timestampAfterMaxMs) return undefined;
    const from = BigInt(nowMs) - toInt64(timestampBeforeMaxMs);
    const to = BigInt(nowMs) + toInt64(timestampAfterMaxMs);
    return `Timestamp ${timestamp} of message with offset ${offset} is out of range. The timestamp should be within [${from}, ${to}]`;
  }
  return claimsAppendTime ? "Invalid timestamp type: a producer should not set LogAppendTime." : undefined;
}

function toInt64(limit: number): bigint {
  return limit >= Number.MAX_SAFE_INTEGER ? MAX_INT64 : BigInt(limit);
}

function convert(batch: RecordBatch, payload: Buffer, rules: RecordRules): Buffer {
  const { producerId, producerEpoch, baseSequence, isTransactional } = batch;
  const builder = new RecordBatchBuilder({
    producerId,
    producerEpoch,
    baseSequence,
    isTransactional,
    ...(rules.targetCodec === undefined ? {} : { compression: rules.targetCodec }),
    ...(rules.compressionLevel === undefined ? {} : { compressionLevel: rules.compressionLevel }),
    ...(rules.timestampType === "LogAppendTime" ? { logAppendTimeMs: rules.nowMs } : {}),
  });
  const records = new RecordIterator(batch, payload);
  for (let record = records.next(); record !== undefined; record = records.next()) {
    const { timestamp, key, value, encodedHeaders } = record;
    builder.append({ timestamp, key, value, encodedHeaders });
  }
  return builder.build();
}

export const EXAMINE_RECORDS = "examine-records";

export interface ExamineInput {
  /** One whole batch. */
  readonly records: Buffer;
  readonly rules: RecordRules;
}

export function runExamine({ records, rules }: ExamineInput): Examination {
  return examineRecords(new RecordBatch(records), rules);
}
