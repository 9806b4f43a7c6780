/**
 * A broker's copy of the metadata: log and snapshots on its disk, and the image of what is committed of them.
 *
 * Owns: applying in order, once, up to the high watermark. Leaves to metadata-observer.ts where bytes come from.
 * Invariant: the image is that of a prefix of the committed log, and never goes back.
 */
import type { Clock } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import type { BatchRecord } from "../metadata/batch-writer.ts";
import { type ClusterDelta, type ClusterImage, emptyImage } from "../metadata/cluster-image.ts";
import { type ControlRecord, controlRecord } from "../metadata/control-records.ts";
import { MetadataLoader } from "../metadata/metadata-loader.ts";
import type { SnapshotId } from "../metadata/snapshot-format.ts";
import type { MetadataLog } from "./metadata-log.ts";
import { SnapshotGenerator, type SnapshotSettings } from "./snapshot-generator.ts";

export class MetadataCopy {
  /** Called with each new image; deltas join. */
  onDelta: ((delta: ClusterDelta) => void) | undefined;
  readonly metadataLog: MetadataLog;
  kraftVersion = 0;
  private readonly loader: MetadataLoader;
  private readonly generator: SnapshotGenerator;
  private voters: ControlRecord<"Voters">["data"] | undefined;
  /** The log was read up to here; further than the image goes while a transaction is open. */
  private readEndOffset = 0;
  private stopped = false;

  constructor(
    around: { readonly clock: Clock; readonly logger: Logger },
    metadataLog: MetadataLog,
    clusterId: string,
    settings: SnapshotSettings,
  ) {
    this.metadataLog = metadataLog;
    this.loader = new MetadataLoader(emptyImage(clusterId));
    this.generator = new SnapshotGenerator(around, metadataLog, settings, () => this.quorumRecords());
  }

  get image(): ClusterImage {
    return this.loader.image;
  }

  /** What is in the newest snapshot is committed. @throws CorruptMetadata, UnknownMetadataRecord, DiskError. */
  async applyLatestSnapshot(): Promise<void> {
    const { latestSnapshot } = this.metadataLog;
    if (latestSnapshot !== undefined) await this.applySnapshot(latestSnapshot);
  }

  /** Starts over from a snapshot that has come whole, if it goes further than the log. */
  async takeOver(id: SnapshotId): Promise<void> {
    if (this.metadataLog.truncateToLatestSnapshot()) await this.applySnapshot(id);
  }

  /** Applies what lies below the offset. @throws CorruptMetadata, UnknownMetadataRecord, KafkaError. */
  async applyUpTo(highWatermark: number): Promise<void> {
    const { metadataLog, loader } = this;
    metadataLog.log.setHighWatermark(highWatermark);
    for await (const batches of metadataLog.replay(this.readEndOffset, highWatermark)) {
      for (const { controls } of batches) this.noteControls(controls);
      const delta = loader.load(batches);
      const last = batches.at(-1);
      if (last === undefined) continue;
      this.readEndOffset = last.lastOffset + 1;
      if (delta === undefined || this.stopped) continue;
      this.onDelta?.(delta);
      const sizeBytes = batches.reduce((sum, batch) => sum + batch.sizeBytes, 0);
      if (delta.image.offset === last.lastOffset) this.generator.applied(delta.image, sizeBytes, last.timestamp);
    }
  }

  /** Tells of nothing any more; a snapshot under way is given up. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.generator.stop();
    await this.generator.idle();
  }

  private async applySnapshot(id: SnapshotId): Promise<void> {
    const { records, controls } = await this.metadataLog.snapshots.load(id);
    this.noteControls(controls);
    const delta = this.loader.loadSnapshot(records, id.endOffset, id.leaderEpoch);
    this.readEndOffset = id.endOffset;
    this.generator.loaded();
    if (!this.stopped) this.onDelta?.(delta);
  }

  private noteControls(controls: readonly ControlRecord[]): void {
    for (const control of controls) {
      if (control.type === "KRaftVersion") this.kraftVersion = control.data.kRaftVersion;
      else if (control.type === "Voters") this.voters = control.data;
    }
  }

  private quorumRecords(): readonly BatchRecord[] {
    if (this.kraftVersion === 0) return [];
    const version = controlRecord("KRaftVersion", { version: 0, kRaftVersion: this.kraftVersion });
    return this.voters === undefined ? [version] : [version, controlRecord("Voters", this.voters)];
  }
}
