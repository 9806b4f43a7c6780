/**
 * The share partitions that are led here, by group and partition, and the sessions through which members read them (KIP-932).
 *
 * Owns: that each is made for one leader epoch and ends with it, and that what a member holds is given back when its session ends.
 * Leaves to SharePartition: records; to ShareSessionCache: sessions.
 * Invariant: of a group and a partition there is one share partition at most, and a new one only once nothing of the old is stored.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Clock } from "../../storage/clock.ts";
import type { BrokerConfig } from "../config/broker-configs.ts";
import type { MetadataImage } from "../metadata/metadata-image.ts";
import type { PartitionChange, PartitionTable } from "../partition/partition-table.ts";
import { WakeQueue, WatchList } from "../partition/watch-list.ts";
import type { SharePersister } from "../share-state/share-persister.ts";
import { SharePartition } from "./share-partition.ts";
import { type NamedPartition, type ShareSession, ShareSessionCache, sessionPartitionKey } from "./share-session.ts";
import { type ShareSettings, shareSettings } from "./share-settings.ts";

/** Each keeps the state of up to some thousands of records; groups may be named by whoever likes. */
const MAX_SHARE_PARTITIONS = 100_000;

export interface SharePartitionsOptions {
  readonly clock: Clock;
  readonly partitions: PartitionTable;
  readonly persister: SharePersister;
  /** Live. */
  readonly settings: BrokerConfig;
  image(): MetadataImage;
}

export class SharePartitions {
  readonly sessions: ShareSessionCache;
  private readonly groups = new Map<string, Map<string, SharePartition>>();
  private readonly options: SharePartitionsOptions;
  private readonly waking = new WakeQueue();
  private count = 0;

  constructor(options: SharePartitionsOptions) {
    this.options = options;
    this.sessions = new ShareSessionCache({
      maxSessions: options.settings.groupShareMaxShareSessions,
      lost: (session) => this.sessionLost(session),
    });
    options.partitions.onChange((changes) => this.partitionsChanged(changes));
  }

  settingsOf(groupId: string): ShareSettings {
    return shareSettings(groupId, this.options.image(), this.options.settings);
  }

  find(groupId: string, named: NamedPartition): SharePartition | undefined {
    return this.groups.get(groupId)?.get(sessionPartitionKey(named));
  }

  /**
   * The share partition of a group, made when it is not there.
   * @throws KafkaError UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR.
   */
  obtain(groupId: string, topic: string, named: NamedPartition): SharePartition {
    const { topicId, partition: index } = named;
    const key = sessionPartitionKey(named);
    const shares = this.groups.get(groupId);
    const held = shares?.get(key);
    if (held !== undefined) return held;
    const { partitions, image, clock, persister } = this.options;
    const partition = partitions.require(topic, index, image());
    if (partition.topicId !== topicId) throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_ID);
    const { leaderEpoch } = partition.requireLeader();
    if (this.count >= MAX_SHARE_PARTITIONS) throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR);
    const made = new SharePartition({
      ...{ key: { groupId, topicId, partition: index }, partition, leaderEpoch, clock, persister },
      watch: new WatchList(this.waking),
      settings: () => this.settingsOf(groupId),
      ended: (share) => this.forget(share),
    });
    const group = shares ?? new Map<string, SharePartition>();
    group.set(key, made);
    this.groups.set(groupId, group);
    this.count++;
    return made;
  }

  private forget(share: SharePartition): void {
    const { groupId } = share.key;
    const shares = this.groups.get(groupId);
    const key = sessionPartitionKey(share.key);
    if (shares?.get(key) !== share) return;
    shares.delete(key);
    this.count--;
    if (shares.size === 0) this.groups.delete(groupId);
  }

  /** Ends a session and gives back what its member holds in the partitions of the session. */
  close(session: ShareSession): void {
    if (!this.sessions.remove(session)) return;
    for (const named of session.partitions.values()) this.find(session.groupId, named)?.release(session.memberId);
  }

  private sessionLost(session: ShareSession): void {
    this.close(session);
    const { groupId } = session;
    if (this.sessions.hasGroup(groupId)) return;
    // Nobody reads for this group here any more: its state is where it is stored.
    for (const share of [...(this.groups.get(groupId)?.values() ?? [])]) {
      share.whenIdle(() => {
        if (!this.sessions.hasGroup(groupId)) share.end(new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER));
      });
    }
  }

  /** Whatever is known here was so in the epoch in which it was read: another leader may have gone on since. */
  private partitionsChanged(changes: readonly PartitionChange[]): void {
    if (this.count === 0) return;
    for (const { partition, now } of changes) {
      const key = sessionPartitionKey({ topicId: partition.topicId, partition: partition.index });
      for (const shares of [...this.groups.values()]) {
        const share = shares.get(key);
        if (share === undefined) continue;
        const leaderEpoch = share.partition === partition ? partition.leader?.leaderEpoch : undefined;
        if (now !== undefined && leaderEpoch === share.leaderEpoch) continue;
        share.end(new KafkaError(share.partition.reasonNotLeading));
      }
    }
  }

  /** Takes no more part. */
  stop(): void {
    for (const shares of [...this.groups.values()]) {
      for (const share of [...shares.values()]) share.end(new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER));
    }
  }
}
