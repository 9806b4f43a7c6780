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
import { ReplicaFetcher, type ReplicaFetcherOptions } from "./replica-fetcher.ts";

export interface ReplicaFetchersOptions {
  readonly brokerId: number;
  readonly interBrokerListener: string;
  /** A fetcher's options for one leader; its client is made anew for each address. */
  fetcherOptions(leaderId: number, address: Address): ReplicaFetcherOptions;
}

interface Source {
  readonly address: Address;
  readonly fetcher: ReplicaFetcher;
}

export class ReplicaFetchers {
  private readonly options: ReplicaFetchersOptions;
  private readonly sources = new Map<number, Source>();
  /** Where each partition is followed now, and in which epoch. */
  private readonly following = new Map<Partition, { leaderId: number; leaderEpoch: number }>();
  private closed = false;

  constructor(options: ReplicaFetchersOptions) {
    this.options = options;
  }

  /** Brings what is followed to what the metadata says. Only a new leader or leader epoch restarts a fetch (KAFKA-13790). */
  apply(changes: readonly PartitionChange[], image: MetadataImage): void {
    if (this.closed) return;
    for (const { partition, now } of changes) {
      const leaderId = now?.leader ?? NO_LEADER;
      const follows = now !== undefined && leaderId !== NO_LEADER && leaderId !== this.options.brokerId;
      const before = this.following.get(partition);
      if (follows && before?.leaderId === leaderId && before.leaderEpoch === now.leaderEpoch) continue;
      if (before !== undefined) this.stopFollowing(partition, before.leaderId);
      if (follows && !partition.log.offline) this.startFollowing(partition, leaderId, now.leaderEpoch, image);
    }
  }

  /** A leader's registration changed: it may be reached elsewhere now, or have come to be reached at all. */
  applyBrokers(changedBrokers: Iterable<number>, image: MetadataImage): void {
    for (const id of changedBrokers) {
      const source = this.sources.get(id);
      const address = this.addressOf(id, image);
      const same =
        source !== undefined && address?.host === source.address.host && address.port === source.address.port;
      if (same || address === undefined) continue;
      source?.fetcher.close();
      this.sources.delete(id);
      for (const [partition, { leaderId, leaderEpoch }] of this.following) {
        if (leaderId === id) this.startFollowing(partition, leaderId, leaderEpoch, image);
      }
    }
  }

  /** The partition's log failed and was repaired: it is fetched again from where it ends now. */
  followAgain(partition: Partition, image: MetadataImage): void {
    const before = this.following.get(partition);
    if (this.closed || before === undefined) return;
    this.stopFollowing(partition, before.leaderId);
    this.startFollowing(partition, before.leaderId, before.leaderEpoch, image);
  }

  private startFollowing(partition: Partition, leaderId: number, leaderEpoch: number, image: MetadataImage): void {
    this.following.set(partition, { leaderId, leaderEpoch });
    const source = this.sourceOf(leaderId, image);
    source?.fetcher.follow({ partition, leaderEpoch, retryAtMs: 0, waitsForMetadata: false, askedOffset: -1 });
  }

  private stopFollowing(partition: Partition, leaderId: number): void {
    this.following.delete(partition);
    const source = this.sources.get(leaderId);
    if (source === undefined) return;
    source.fetcher.forget(partition.topicId, partition.index);
    if (source.fetcher.size > 0) return;
    source.fetcher.close();
    this.sources.delete(leaderId);
  }

  private sourceOf(leaderId: number, image: MetadataImage): Source | undefined {
    const known = this.sources.get(leaderId);
    if (known !== undefined) return known;
    const address = this.addressOf(leaderId, image);
    if (address === undefined) return undefined; // applyBrokers() comes back to it
    const source = { address, fetcher: new ReplicaFetcher(this.options.fetcherOptions(leaderId, address)) };
    this.sources.set(leaderId, source);
    return source;
  }

  private addressOf(brokerId: number, image: MetadataImage): Address | undefined {
    const broker = image.brokers.get(brokerId);
    return broker === undefined ? undefined : endpointOf(broker, this.options.interBrokerListener);
  }

  close(): void {
    this.closed = true;
    for (const { fetcher } of this.sources.values()) fetcher.close();
    this.sources.clear();
    this.following.clear();
  }
}
