/**
 * Finds records by their timestamps.
 *
 * Owns: which segment and batch to look in, and the look at the records themselves, decompressed. Leaves to the caller: how far
 * clients may see.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { RecordBatch } from "../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";
import type { TimestampAndOffset } from "../partition-log.ts";
import { decompressStored } from "./decompress-task.ts";
import { HeaderScan } from "./header-scan.ts";
import type { LogState } from "./log-state.ts";
import type { Segment } from "./segment.ts";

export class TimestampSearch {
  private readonly state: LogState;

  constructor(state: LogState) {
    this.state = state;
  }

  /** The first record with a timestamp at or above; undefined when there is none before `upToOffset`. @throws KafkaError, DiskError */
  async firstAtOrAfter(timestamp: number, upToOffset: number): Promise<TimestampAndOffset | undefined> {
    const { segments, logStartOffset } = this.state;
    for (const segment of [...segments.all]) {
      if (!segments.has(segment) || segment.largestTimestamp.timestamp < timestamp) continue;
      const found = await this.searchSegment(segment, timestamp, logStartOffset);
      if (found !== undefined) return found.offset < upToOffset ? found : undefined;
    }
    return undefined;
  }

  /** The record with the largest timestamp, the first of several. @throws KafkaError, DiskError */
  async largest(): Promise<TimestampAndOffset | undefined> {
    const { segments, logStartOffset } = this.state;
    let segment = segments.first;
    for (const other of segments.all) {
      if (other.largestTimestamp.timestamp > segment.largestTimestamp.timestamp) segment = other;
    }
    const { timestamp } = segment.largestTimestamp;
    return timestamp < 0 ? undefined : this.searchSegment(segment, timestamp, logStartOffset);
  }

  private async searchSegment(
    segment: Segment,
    timestamp: number,
    fromOffset: number,
  ): Promise<TimestampAndOffset | undefined> {
    let position = segment.startForTimestamp(timestamp, fromOffset);
    while (this.state.segments.has(segment) && position < segment.sizeBytes) {
      const scan = new HeaderScan(segment.log, position, segment.sizeBytes);
      let batch = scan.next();
      while (batch !== undefined && (batch.maxTimestamp < timestamp || batch.lastOffset < fromOffset))
        batch = scan.next();
      if (batch === undefined) return undefined;
      const found = await this.searchBatch(segment, scan.position, batch.sizeBytes, timestamp, fromOffset);
      if (found !== undefined) return found;
      position = scan.nextPosition;
    }
    return undefined;
  }

  private async searchBatch(
    segment: Segment,
    position: number,
    sizeBytes: number,
    timestamp: number,
    fromOffset: number,
  ): Promise<TimestampAndOffset | undefined> {
    const { around } = this.state;
    const bytes = Buffer.allocUnsafeSlow(sizeBytes);
    await segment.log.readLarge(position, bytes);
    const batch = new RecordBatch(bytes);
    if (!batch.checkCrc()) throw new KafkaError(ErrorCode.CORRUPT_MESSAGE);
    const payload = await decompressStored(batch, around.compute, around.maxDecompressedBytes);
    const records = new RecordIterator(batch, payload);
    for (let record = records.next(); record !== undefined; record = records.next()) {
      if (record.timestamp >= timestamp && record.offset >= fromOffset) {
        return { timestamp: record.timestamp, offset: record.offset, leaderEpoch: batch.partitionLeaderEpoch };
      }
    }
    return undefined;
  }
}
