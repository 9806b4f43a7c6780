/**
 * Who this broker copies from: one fetcher per leader broker, each following the partitions that broker leads.
 *
 * Owns: that every partition this broker follows is followed at its present leader, in its present epoch, and no other is.
 */

import { endpointOf } from "../../broker/metadata/current-leader.ts";
import { type MetadataImage, NO_LEADER } from "../../broker/metadata/metadata-image.ts";
import type { Address } from "../../broker/network/network.ts";
import type { Partition } from "../../broker/partition/partition.ts";
import type { PartitionChange } from "../../broker/partition/partition-table.ts";
import { LeaderSource } from "./leader-source.ts";
import type { ReplicaFetcherOptions } from "./replica-fetcher.ts";

export interface ReplicaFetchersOptions {
  readonly brokerId: number;
  readonly interBrokerListener: string;
  /** A fetcher's options for one leader, with a client of its own. */
  fetcherOptions(leaderId: number, address: Address): ReplicaFetcherOptions;
}

/** Where a partition is followed, and in which epoch. */
interface Following {
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

export class ReplicaFetchers {
  private readonly options: ReplicaFetchersOptions;
  private readonly sources = new Map<number, LeaderSource>();
  private readonly following = new Map<Partition, Following>();
  private closed = false;

  constructor(options: ReplicaFetchersOptions) {
    this.options = options;
  }

  /** Brings what is followed to what the metadata says. Only a new leader or leader epoch restarts a fetch (KAFKA-13790). */
  apply(changes: readonly PartitionChange[], image: MetadataImage): void {
    if (this.closed) return;
    for (const { partition, now } of changes) {
      const leaderId = now?.leader ?? NO_LEADER;
      const before = this.following.get(partition);
      if (now === undefined || leaderId === NO_LEADER || leaderId === this.options.brokerId) {
        this.stopFollowing(partition);
      } else if (before?.leaderId !== leaderId || before.leaderEpoch !== now.leaderEpoch) {
        if (before?.leaderId !== leaderId) this.stopFollowing(partition);
        this.startFollowing(partition, { leaderId, leaderEpoch: now.leaderEpoch }, image);
      }
    }
  }

  /** A leader's registration changed: it may be reached elsewhere now, or have come to be reached at all. */
  applyBrokers(changedBrokers: Iterable<number>, image: MetadataImage): void {
    if (this.closed) return;
    for (const id of changedBrokers) {
      const address = this.addressOf(id, image);
      if (address === undefined) continue;
      const source = this.sources.get(id);
      if (source !== undefined && address.host === source.address.host && address.port === source.address.port) {
        source.retryNow();
        continue;
      }
      source?.close();
      this.sources.delete(id);
      for (const [partition, following] of this.following) {
        if (following.leaderId === id) this.startFollowing(partition, following, image);
      }
    }
  }

  private startFollowing(partition: Partition, following: Following, image: MetadataImage): void {
    this.following.set(partition, following);
    // A log that is offline is followed once it works again.
    if (!partition.log.offline) this.sourceOf(following.leaderId, image)?.follow(partition, following.leaderEpoch);
  }

  private stopFollowing(partition: Partition): void {
    const before = this.following.get(partition);
    if (before === undefined) return;
    this.following.delete(partition);
    const source = this.sources.get(before.leaderId);
    source?.forget(partition.topicId, partition.index);
    if (source === undefined || source.size > 0) return;
    source.close();
    this.sources.delete(before.leaderId);
  }

  private sourceOf(leaderId: number, image: MetadataImage): LeaderSource | undefined {
    const known = this.sources.get(leaderId);
    if (known !== undefined) return known;
    const address = this.addressOf(leaderId, image);
    if (address === undefined) return undefined; // applyBrokers() comes back to it
    const source = new LeaderSource(address, () => this.options.fetcherOptions(leaderId, address));
    this.sources.set(leaderId, source);
    return source;
  }

  private addressOf(brokerId: number, image: MetadataImage): Address | undefined {
    const broker = image.brokers.get(brokerId);
    return broker === undefined ? undefined : endpointOf(broker, this.options.interBrokerListener);
  }

  close(): void {
    this.closed = true;
    for (const source of this.sources.values()) source.close();
    this.sources.clear();
    this.following.clear();
  }
}
