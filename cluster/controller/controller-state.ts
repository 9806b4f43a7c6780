/**
 * The controller's memory of the metadata: the image after every record replayed, and what is derived from it.
 *
 * Owns: replay, the only way any of it changes. Leaves sessions, which no log holds, to broker-sessions.ts.
 * Invariant: the same log gives the same state, whether replayed while appending, while loading, or from a snapshot on.
 */
import type { ClusterDelta, ClusterImage } from "../metadata/cluster-image.ts";
import type { MetadataBatch } from "../metadata/metadata-batch.ts";
import { MetadataLoader } from "../metadata/metadata-loader.ts";
import type { MetadataRecord } from "../metadata/metadata-record.ts";
import { PartitionIndex } from "./partition-index.ts";
import { TopicNames } from "./topics/topic-names.ts";

export class ControllerState {
  partitions: PartitionIndex;
  topicNames: TopicNames;
  readonly registrationOffsets = new Map<number, number>();
  private readonly loader: MetadataLoader;

  constructor(image: ClusterImage) {
    this.loader = new MetadataLoader(image);
    this.partitions = PartitionIndex.of(image);
    this.topicNames = TopicNames.of(image);
  }

  get image(): ClusterImage {
    return this.loader.image;
  }

  /** First offset of a transaction that is not over. */
  get transactionStartOffset(): number | undefined {
    return this.loader.transactionStartOffset;
  }

  /** Applies a batch; the delta is undefined while a transaction keeps it back. */
  replay(batch: MetadataBatch): ClusterDelta | undefined {
    batch.records.forEach((record, index) => {
      if (record.type === "RegisterBroker") {
        this.registrationOffsets.set(record.data.brokerId, batch.baseOffset + index);
      } else if (record.type === "UnregisterBroker") {
        this.registrationOffsets.delete(record.data.brokerId);
      }
    });
    const delta = this.loader.load([batch]);
    if (delta !== undefined) {
      this.partitions.apply(delta);
      this.topicNames.apply(delta);
    }
    return delta;
  }

  /** Starts over from a snapshot. */
  loadSnapshot(records: Iterable<MetadataRecord>, endOffset: number, leaderEpoch: number): ClusterDelta {
    const delta = this.loader.loadSnapshot(records, endOffset, leaderEpoch);
    this.partitions = PartitionIndex.of(delta.image);
    this.topicNames = TopicNames.of(delta.image);
    this.registrationOffsets.clear();
    for (const id of delta.image.brokers.keys()) this.registrationOffsets.set(id, endOffset - 1);
    return delta;
  }
}
