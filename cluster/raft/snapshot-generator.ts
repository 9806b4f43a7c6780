/**
 * Writes snapshots of the metadata as it is applied, and cleans the log behind them (KIP-630).
 *
 * Owns: when one is due: after metadata.log.max.record.bytes.between.snapshots, or, if anything changed, after
 * metadata.log.max.snapshot.interval.ms. A snapshot that cannot be written is logged and tried again; nothing waits for one.
 */
import type { BrokerConfig } from "../../broker/config/broker-configs.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import { TurnPacer } from "../../storage/turn-pacer.ts";
import type { BatchRecord } from "../metadata/batch-writer.ts";
import type { ClusterImage } from "../metadata/cluster-image.ts";
import { imageRecords } from "../metadata/image-records.ts";
import { metadataBatches } from "../metadata/metadata-batch.ts";
import { encodeSnapshot, type SnapshotId } from "../metadata/snapshot-format.ts";
import type { MetadataLog } from "./metadata-log.ts";

export type SnapshotSettings = Pick<
  BrokerConfig,
  | "metadataLogMaxRecordBytesBetweenSnapshots"
  | "metadataLogMaxSnapshotIntervalMs"
  | "metadataMaxRetentionBytes"
  | "metadataMaxRetentionMs"
>;

export interface SnapshotSurroundings {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A header batch is smaller than this. */
const HEADER_BYTES = 4096;

export class SnapshotGenerator {
  private readonly around: SnapshotSurroundings;
  private readonly metadataLog: MetadataLog;
  private readonly settings: SnapshotSettings;
  private readonly quorumRecords: () => readonly BatchRecord[];
  private readonly timestamps = new Map<string, number>();
  private bytesSinceLast = 0;
  private lastMs: number;
  private work: Promise<void> | undefined;
  private stopped = false;

  constructor(
    around: SnapshotSurroundings,
    metadataLog: MetadataLog,
    settings: SnapshotSettings,
    quorumRecords: () => readonly BatchRecord[],
  ) {
    this.around = around;
    this.metadataLog = metadataLog;
    this.settings = settings;
    this.quorumRecords = quorumRecords;
    this.lastMs = around.clock.monotonicMs();
  }

  /** A snapshot was read: what it holds needs no other. */
  loaded(): void {
    this.bytesSinceLast = 0;
    this.lastMs = this.around.clock.monotonicMs();
  }

  /**
   * More of the log is applied.
   * @param sizeBytes of the batches. @param timestamp of the last one. @param image after them: its offset ends a batch.
   */
  applied(image: ClusterImage, sizeBytes: number, timestamp: number): void {
    this.bytesSinceLast += sizeBytes;
    if (this.work !== undefined || this.stopped) return;
    const { metadataLogMaxRecordBytesBetweenSnapshots: maxBytes, metadataLogMaxSnapshotIntervalMs: intervalMs } =
      this.settings;
    const isTime = intervalMs > 0 && this.around.clock.monotonicMs() - this.lastMs >= intervalMs;
    if (this.bytesSinceLast < maxBytes && !isTime) return;
    this.loaded();
    this.work = this.write(image, timestamp).then(() => {
      this.work = undefined;
    });
  }

  /** Resolves when no snapshot is under way. */
  async idle(): Promise<void> {
    await this.work;
  }

  /** One that is under way is given up. */
  stop(): void {
    this.stopped = true;
  }

  private async write(image: ClusterImage, lastContainedLogTimestamp: number): Promise<void> {
    const { clock, logger } = this.around;
    const { snapshots } = this.metadataLog;
    const id: SnapshotId = { endOffset: image.offset + 1, leaderEpoch: image.leaderEpoch };
    if (snapshots.has(id)) return;
    const pacer = new TurnPacer(clock);
    try {
      const writer = snapshots.create(id);
      const batches = encodeSnapshot({
        leaderEpoch: id.leaderEpoch,
        timestamp: clock.wallMs(),
        lastContainedLogTimestamp,
        quorum: this.quorumRecords(),
        records: imageRecords(image),
      });
      for (const batch of batches) {
        if (this.stopped) return writer.discard();
        writer.append(batch);
        await pacer.spend(batch.length);
      }
      await writer.finish();
      logger.info({ endOffset: id.endOffset, leaderEpoch: id.leaderEpoch }, "metadata snapshot written");
      await this.metadataLog.clean(
        {
          retentionBytes: this.settings.metadataMaxRetentionBytes,
          retentionMs: this.settings.metadataMaxRetentionMs,
          nowWallMs: clock.wallMs(),
        },
        (each) => this.timestampOf(each),
      );
    } catch (error) {
      logger.error({ error, endOffset: id.endOffset }, "a metadata snapshot could not be written");
    }
  }

  private async timestampOf(id: SnapshotId): Promise<number> {
    const key = `${id.endOffset}-${id.leaderEpoch}`;
    const known = this.timestamps.get(key);
    if (known !== undefined) return known;
    const { value: batch } = metadataBatches(await this.metadataLog.snapshots.read(id, 0, HEADER_BYTES)).next();
    const header = batch?.controls[0];
    const timestamp = header?.type === "SnapshotHeader" ? header.data.lastContainedLogTimestamp : 0;
    this.timestamps.set(key, timestamp);
    return timestamp;
  }
}
