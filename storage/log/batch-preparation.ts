/**
 * Looks at what a client or a coordinator wants to append, before the log's own state counts.
 *
 * Owns: Kafka's checks of the batch as a whole in Kafka's order, and where its records are examined: on the loop when they are few
 * or lie open, in another thread when many have to be decompressed or compressed. Leaves to RecordRules: the records; to LogWriter:
 * offsets, sequences, transactions.
 * What coordinators and the quorum's leader append was built in this process: it is measured, not examined.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { BatchIterator } from "../../protocol/records/batch-iterator.ts";
import { Codec, codecOfName, isCodec } from "../../protocol/records/codec.ts";
import { CURRENT_MAGIC, RecordBatch } from "../../protocol/records/record-batch.ts";
import { ComputeRefused, type ComputeTask } from "../compute.ts";
import type { CompressionType, LogConfig } from "../log-config.ts";
import type { PreparedAppend, PrepareOptions } from "../partition-log.ts";
import { RejectedRecords } from "../rejected-records.ts";
import type { SharedBuffer } from "../shared-buffer.ts";
import { MAX_INLINE_BYTES } from "./decompress-task.ts";
import type { LogSurroundings } from "./log-surroundings.ts";
import { EXAMINE_RECORDS, type Examination, examineRecords, type RecordRules, runExamine } from "./record-rules.ts";
import { UnpooledBuffer } from "./unpooled-buffer.ts";

/** Produce requests below it come from clients that cannot read zstd. */
const ZSTD_REQUEST_VERSION = 7;

export class BatchPreparation {
  private readonly around: LogSurroundings;
  private readonly name: string;

  /** @param name "topic-partition", for messages. */
  constructor(around: LogSurroundings, name: string) {
    this.around = around;
    this.name = name;
  }

  /** @throws KafkaError, RejectedRecords */
  prepare(
    records: Buffer,
    owner: SharedBuffer | undefined,
    options: PrepareOptions,
    config: LogConfig,
  ): PreparedAppend | Promise<PreparedAppend> {
    const { origin } = options;
    if (origin === "raftLeader") return asTheyAre(records, owner, countRecords(records));
    const batch = theOnlyBatch(records, options);
    const isClient = origin === "client";
    if (isClient && batch.baseOffset !== 0) {
      throw invalid(`The baseOffset of the record batch should be 0, but it is ${batch.baseOffset}`);
    }
    checkSize(batch.sizeBytes, config);
    if (isClient && !batch.checkCrc())
      throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, "Record is corrupt: its CRC is wrong");
    if (isClient) checkClientBatch(batch);
    const rules = this.rulesFor(batch, config);
    const bytes = records.length === batch.sizeBytes ? records : records.subarray(0, batch.sizeBytes);
    if (!isClient && rules.targetCodec === undefined) {
      return finish(bytes, owner, options, rules, { outcome: "accepted", maxTimestamp: batch.maxTimestamp }, config);
    }
    const isOpen = batch.compression === Codec.NONE && rules.targetCodec === undefined;
    if (isOpen || bytes.length <= MAX_INLINE_BYTES) {
      const maxDecompressedBytes = isOpen ? rules.maxDecompressedBytes : MAX_INLINE_BYTES;
      const examination = examineRecords(batch, isOpen ? rules : { ...rules, maxDecompressedBytes });
      if (examination.outcome !== "tooLarge") return finish(bytes, owner, options, rules, examination, config);
    }
    return this.prepareElsewhere(bytes, options, rules, config);
  }

  /** The buffer that came may be used again before the answer is there, so the batch gets memory of its own. */
  private async prepareElsewhere(
    bytes: Buffer,
    options: PrepareOptions,
    rules: RecordRules,
    config: LogConfig,
  ): Promise<PreparedAppend> {
    const records = Buffer.allocUnsafeSlow(bytes.length);
    bytes.copy(records);
    const input = { records, rules };
    const run = () => runExamine(input);
    const examination = await this.examineElsewhere({ kind: EXAMINE_RECORDS, input, run });
    return finish(records, new UnpooledBuffer(records), options, rules, examination, config);
  }

  private async examineElsewhere(task: ComputeTask<Examination>): Promise<Examination> {
    try {
      return await this.around.compute.run(task);
    } catch (error) {
      // Nothing was written: the producer may try again.
      if (error instanceof ComputeRefused) throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT, error.message);
      throw error;
    }
  }

  private rulesFor(batch: RecordBatch, config: LogConfig): RecordRules {
    const targetCodec = targetCodecOf(config.compressionType, batch);
    return {
      name: this.name,
      isCompacted: config.cleanupCompact,
      timestampType: config.messageTimestampType,
      timestampBeforeMaxMs: config.messageTimestampBeforeMaxMs,
      timestampAfterMaxMs: config.messageTimestampAfterMaxMs,
      targetCodec,
      compressionLevel: levelOf(targetCodec, config),
      nowMs: this.around.clock.wallMs(),
      maxDecompressedBytes: this.around.maxDecompressedBytes,
    };
  }
}

/** Kafka's checks of a produce request's records (one batch, of today's format), with its codes. */
function theOnlyBatch(records: Buffer, { origin, requestVersion }: PrepareOptions): RecordBatch {
  const walk = new BatchIterator(records);
  const batch = walk.next();
  if (batch === undefined) {
    if (walk.stoppedBy === "end" || walk.stoppedBy === "truncated") throw invalid("there is no whole record batch");
    throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, `no record batch: ${walk.stoppedBy}`);
  }
  if (batch.magic !== CURRENT_MAGIC) throw invalid("only record batches with magic version 2 are allowed");
  const codec = batch.compression;
  if (codec === Codec.ZSTD && requestVersion !== undefined && requestVersion < ZSTD_REQUEST_VERSION) {
    throw new KafkaError(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE);
  }
  // Differs from Kafka: a Produce with a compression codec that does not exist is answered INVALID_RECORD, where Kafka answers
  // UNKNOWN_SERVER_ERROR.
  if (!isCodec(codec)) throw invalid(`there is no compression codec ${codec}`);
  if (origin === "client" && walk.next() !== undefined) throw invalid("exactly one record batch is allowed");
  if (walk.stoppedBy === "invalidLength" || walk.stoppedBy === "unknownMagic") {
    throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, `bytes behind the record batch: ${walk.stoppedBy}`);
  }
  return batch;
}

function checkSize(sizeBytes: number, { maxMessageBytes }: LogConfig): void {
  if (sizeBytes <= maxMessageBytes) return;
  throw new KafkaError(
    ErrorCode.MESSAGE_TOO_LARGE,
    `The record batch size is ${sizeBytes} bytes which exceeds the maximum configured value of ${maxMessageBytes}.`,
  );
}

function checkClientBatch(batch: RecordBatch): void {
  const { lastOffsetDelta, recordCount } = batch;
  if (lastOffsetDelta < 0 || recordCount <= 0 || lastOffsetDelta + 1 !== recordCount) {
    throw invalid(`Inconsistent batch: last offset delta ${lastOffsetDelta}, ${recordCount} records`);
  }
  if (batch.isControl) throw invalid("Clients are not allowed to write control records");
  if (batch.producerId >= 0 && batch.baseSequence < 0) {
    throw invalid(`Invalid sequence number ${batch.baseSequence} in record batch with producerId ${batch.producerId}`);
  }
}

/** Undefined when the batch is in the topic's codec already; control batches are never compressed. */
function targetCodecOf(type: CompressionType, batch: RecordBatch): Codec | undefined {
  if (type === "producer" || batch.isControl) return undefined;
  const target = type === "uncompressed" ? Codec.NONE : codecOfName(type);
  return target === batch.compression ? undefined : target;
}

function levelOf(codec: Codec | undefined, config: LogConfig): number | undefined {
  if (codec === Codec.GZIP) return config.compressionGzipLevel;
  if (codec === Codec.LZ4) return config.compressionLz4Level;
  return codec === Codec.ZSTD ? config.compressionZstdLevel : undefined;
}

function finish(
  bytes: Buffer,
  owner: SharedBuffer | undefined,
  { origin }: PrepareOptions,
  rules: RecordRules,
  examination: Examination,
  config: LogConfig,
): PreparedAppend {
  // Differs from Kafka: a batch that would take too much memory to decompress is answered MESSAGE_TOO_LARGE; Kafka decompresses
  // whatever comes, and runs out of memory.
  if (examination.outcome === "tooLarge")
    throw new KafkaError(ErrorCode.MESSAGE_TOO_LARGE, "the batch takes too much memory");
  if (examination.outcome === "rejected") {
    const { errorCode, message, recordErrors } = examination;
    if (recordErrors.length === 0) throw new KafkaError(errorCode, message);
    throw new RejectedRecords(errorCode, message, recordErrors);
  }
  const isAppendTime = rules.timestampType === "LogAppendTime";
  const logAppendTimeMs = isAppendTime ? rules.nowMs : -1;
  const maxTimestamp = isAppendTime ? rules.nowMs : examination.maxTimestamp;
  let records = bytes;
  let holder = owner;
  if (examination.outcome === "converted") {
    records = examination.batch;
    holder = new UnpooledBuffer(records);
    checkSize(records.length, config);
  }
  const batch = new RecordBatch(records);
  if (examination.outcome === "accepted") batch.setMaxTimestamp(rules.timestampType, maxTimestamp);
  return { records, origin, owner: holder, recordCount: batch.recordCount, maxTimestamp, logAppendTimeMs };
}

function asTheyAre(records: Buffer, owner: SharedBuffer | undefined, recordCount: number): PreparedAppend {
  return { records, origin: "raftLeader", owner, recordCount, maxTimestamp: -1, logAppendTimeMs: -1 };
}

function countRecords(records: Buffer): number {
  let count = 0;
  for (const batch of new BatchIterator(records)) count += batch.recordCount;
  return count;
}

function invalid(detail: string): KafkaError {
  return new KafkaError(ErrorCode.INVALID_RECORD, detail);
}
