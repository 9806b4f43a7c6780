/**
 * Follows the metadata log: from committed batches to images and deltas.
 *
 * Owns: what is applied as one: a batch, or everything between BeginTransaction and EndTransaction (KIP-868); an aborted
 * transaction leaves no trace. Leaves fetching and committing to cluster/raft.
 */
import { strict as assert } from "node:assert";
import { type ClusterDelta, type ClusterImage, emptyImage } from "./cluster-image.ts";
import { ImageBuilder } from "./image-builder.ts";
import type { MetadataBatch } from "./metadata-batch.ts";
import type { MetadataRecord } from "./metadata-record.ts";

export class MetadataLoader {
  /** As of the last unit that was complete. */
  image: ClusterImage;
  /** First offset of a transaction that is not over; undefined when there is none. */
  transactionStartOffset: number | undefined;
  private builder: ImageBuilder;
  private dirty = false;

  constructor(image: ClusterImage) {
    this.image = image;
    this.builder = new ImageBuilder(image);
  }

  /**
   * Applies committed batches in their order; gives the image after them, or undefined while a transaction keeps it back.
   * Several batches make one delta.
   */
  load(batches: Iterable<MetadataBatch>): ClusterDelta | undefined {
    const previous = this.image;
    let last: MetadataBatch | undefined;
    const deltas: ClusterDelta[] = [];
    for (const batch of batches) {
      batch.records.forEach((record, index) => {
        const delta = this.replay(record, batch, index);
        if (delta !== undefined) deltas.push(delta);
      });
      last = batch;
    }
    if (last === undefined) return undefined;
    if (this.transactionStartOffset === undefined) deltas.push(this.finish(last.lastOffset, last.leaderEpoch));
    return deltas.length === 0 ? undefined : mergeDeltas(previous, deltas);
  }

  /** Starts over from a snapshot; the delta leads from the image that was to the one in it. */
  loadSnapshot(records: Iterable<MetadataRecord>, endOffset: number, leaderEpoch: number): ClusterDelta {
    const previous = this.image;
    const builder = new ImageBuilder(emptyImage(previous.clusterId));
    for (const record of records) builder.replay(record);
    const { image } = builder.build(endOffset - 1, leaderEpoch);
    this.image = image;
    this.builder = new ImageBuilder(image);
    this.dirty = false;
    this.transactionStartOffset = undefined;
    return differenceOf(previous, image);
  }

  private replay(record: MetadataRecord, batch: MetadataBatch, index: number): ClusterDelta | undefined {
    switch (record.type) {
      case "BeginTransaction": {
        assert(this.transactionStartOffset === undefined, "a metadata transaction begins inside another");
        const offset = batch.baseOffset + index;
        // What came before is not part of it.
        const before = this.dirty ? this.finish(offset - 1, batch.leaderEpoch) : undefined;
        this.transactionStartOffset = offset;
        return before;
      }
      case "EndTransaction":
        assert(this.transactionStartOffset !== undefined, "a metadata transaction ends that never began");
        this.transactionStartOffset = undefined;
        return undefined;
      case "AbortTransaction":
        assert(this.transactionStartOffset !== undefined, "a metadata transaction is aborted that never began");
        this.transactionStartOffset = undefined;
        this.builder = new ImageBuilder(this.image);
        this.dirty = false;
        return undefined;
      default:
        this.builder.replay(record);
        this.dirty = true;
        return undefined;
    }
  }

  private finish(offset: number, leaderEpoch: number): ClusterDelta {
    const delta = this.builder.build(offset, leaderEpoch);
    this.image = delta.image;
    this.builder = new ImageBuilder(delta.image);
    this.dirty = false;
    return delta;
  }
}

function mergeDeltas(previous: ClusterImage, deltas: readonly ClusterDelta[]): ClusterDelta {
  const last = deltas.at(-1) as ClusterDelta;
  if (deltas.length === 1) return last;
  const configs = new Map(
    deltas.flatMap((delta) => delta.changedConfigs).map((resource) => [`${resource.type}:${resource.name}`, resource]),
  );
  const union = <T>(sets: readonly ReadonlySet<T>[]): Set<T> => new Set(sets.flatMap((set) => [...set]));
  return {
    image: last.image,
    previous,
    changedTopicIds: union(deltas.map((delta) => delta.changedTopicIds)),
    deletedTopicIds: union(deltas.map((delta) => delta.deletedTopicIds)),
    changedConfigs: [...configs.values()],
    changedBrokers: union(deltas.map((delta) => delta.changedBrokers)),
    changedFeatures: deltas.some((delta) => delta.changedFeatures),
    changedControllers: union(deltas.map((delta) => delta.changedControllers)),
    changedClientQuotas: deltas.some((delta) => delta.changedClientQuotas),
    changedScramCredentials: deltas.some((delta) => delta.changedScramCredentials),
    changedAccessControlEntries: deltas.some((delta) => delta.changedAccessControlEntries),
    changedDelegationTokens: deltas.some((delta) => delta.changedDelegationTokens),
  };
}

/** The delta between two images of which neither was made from the other. */
export function differenceOf(previous: ClusterImage, image: ClusterImage): ClusterDelta {
  const differing = <K, V>(before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>): Set<K> => {
    const keys = new Set<K>();
    for (const [key, value] of after) if (!isSame(before.get(key), value)) keys.add(key);
    for (const key of before.keys()) if (!after.has(key)) keys.add(key);
    return keys;
  };
  const changedTopicIds = differing(previous.topicsById, image.topicsById);
  return {
    image,
    previous,
    changedTopicIds,
    deletedTopicIds: new Set([...changedTopicIds].filter((id) => !image.topicsById.has(id))),
    changedConfigs: [...differing(previous.configs, image.configs)].map((key) => {
      const colon = key.indexOf(":");
      const type = Number(key.slice(0, colon)) as ClusterDelta["changedConfigs"][number]["type"];
      return { type, name: key.slice(colon + 1) };
    }),
    changedBrokers: differing(previous.brokers, image.brokers),
    changedFeatures: !isSame(previous.features, image.features),
    changedControllers: differing(previous.controllers, image.controllers),
    changedClientQuotas: differing(previous.clientQuotas, image.clientQuotas).size > 0,
    changedScramCredentials: differing(previous.scramCredentials, image.scramCredentials).size > 0,
    changedAccessControlEntries: differing(previous.accessControlEntries, image.accessControlEntries).size > 0,
    changedDelegationTokens: differing(previous.delegationTokens, image.delegationTokens).size > 0,
  };
}

/** Deep equality of the plain values, arrays, maps and buffers that images are made of. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Buffer.isBuffer(a)) return Buffer.isBuffer(b) && a.equals(b);
  if (a instanceof Map) {
    return b instanceof Map && a.size === b.size && [...a].every(([key, value]) => isSame(value, b.get(key)));
  }
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
  );
}
