/**
 * Looks at every replica of every partition after each event, and says when a promise is broken.
 *
 * Owns: which node an event can have changed, and what of it. Leaves to PartitionAudit: what must hold for a partition; to
 * ReplicaShadow: what a log holds.
 */

import { topicConfig } from "../../../broker/config/topic-config.ts";
import { ResourceType } from "../../../broker/metadata/metadata-image.ts";
import type { Partition } from "../../../broker/partition/partition.ts";
import type { ClusterImage } from "../../../cluster/metadata/cluster-image.ts";
import type { SimulatedEvent } from "../event-heap.ts";
import { nodeName, type SimulatedCluster } from "../world/simulated-cluster.ts";
import { PartitionAudit, type PartitionPromise } from "./partition-audit.ts";
import { ReplicaShadow } from "./replica-shadow.ts";
import { Violation } from "./violation.ts";

/** What happened to the replicas of a run. */
export interface ReplicaCounts {
  elections: number;
  uncleanElections: number;
  shrinks: number;
  expansions: number;
  truncations: number;
  logsOpened: number;
  /** Restarts after which a log had less than before. */
  dirtyLosses: number;
}

interface Look {
  readonly partition: Partition;
  readonly shadow: ReplicaShadow;
  readonly audit: PartitionAudit;
  leaderEpoch: number | undefined;
  /** The high watermark never goes back as long as this leads in one epoch. */
  highWatermark: number;
  isOffline: boolean;
}

export class Auditor {
  readonly partitions = new Map<string, PartitionAudit>();
  readonly counts: ReplicaCounts = {
    ...{ elections: 0, uncleanElections: 0, shrinks: 0, expansions: 0, truncations: 0, logsOpened: 0, dirtyLosses: 0 },
  };
  /** Told of each leader whose log or marks moved, when its audit has taken that in. */
  onLeader: ((audit: PartitionAudit, partition: Partition) => void) | undefined;
  private readonly cluster: SimulatedCluster;
  private readonly cleaned: ReadonlySet<string>;
  private readonly looks = new Map<number, Map<Partition, Look>>();
  private readonly ids = new Map<string, number>();
  private image: ClusterImage;
  /** Nodes that crashed, and the broker epoch they had. */
  private readonly crashed = new Map<number, number>();
  /** Nodes whose disk is known to have lost or damaged what was written. */
  private readonly damaged = new Set<number>();
  private readonly deleted = new Set<string>();
  private eventNode = "";

  /** @param cleaned topics whose logs are compacted meanwhile: replicas differ, and are not compared. */
  constructor(cluster: SimulatedCluster, cleaned: ReadonlySet<string> = new Set()) {
    this.cluster = cluster;
    this.cleaned = cleaned;
    this.image = cluster.running.image;
    for (const id of cluster.nodeIds) this.ids.set(nodeName(id), id);
    const { scheduler } = cluster.simulation;
    const before = scheduler.onEvent;
    scheduler.onEvent = (event: SimulatedEvent) => {
      this.eventNode = event.node.name;
      before?.(event);
    };
    scheduler.always(() => this.afterEvent());
  }

  /** The audit of a partition; undefined when there is none of that id. */
  of(topicId: string, partition: number): PartitionAudit | undefined {
    return this.partitions.get(`${topicId}-${partition}`);
  }

  /** The node's machine lost its power, and its disk what it was to lose. */
  powerWasCut(nodeId: number): void {
    this.wasKilled(nodeId);
    this.damaged.add(nodeId);
    for (const audit of this.partitions.values()) if (audit.powerWasCut(nodeId)) this.counts.dirtyLosses++;
  }

  /** The node's life ended without a goodbye. */
  wasKilled(nodeId: number): void {
    this.crashed.set(nodeId, this.image.brokers.get(nodeId)?.brokerEpoch ?? -1);
    this.looks.delete(nodeId);
    for (const audit of this.partitions.values()) audit.hasCrashed(nodeId);
  }

  /** Somebody damaged what is on the disk of a node that is down. */
  diskWasDamaged(nodeId: number): void {
    this.damaged.add(nodeId);
    for (const audit of this.partitions.values()) if (audit.powerWasCut(nodeId)) this.counts.dirtyLosses++;
  }

  /** Whether there was a topic of that id and is none any more. */
  isDeleted(topicId: string): boolean {
    return this.deleted.has(topicId);
  }

  private afterEvent(): void {
    const [failure] = this.cluster.failures;
    if (failure !== undefined) throw failure;
    if (this.cluster.running.image !== this.image) this.takeImage(this.cluster.running.image);
    const id = this.ids.get(this.eventNode);
    if (id !== undefined && this.lookAt(id)) {
      for (const audit of this.touched) audit.checkCandidates(this.counts_);
      this.touched.clear();
    }
  }

  private readonly touched = new Set<PartitionAudit>();
  private readonly counts_ = (nodeId: number): boolean => this.isRegisteredAnew(nodeId);

  private isRegisteredAnew(nodeId: number): boolean {
    const before = this.crashed.get(nodeId);
    return before === undefined || this.image.brokers.get(nodeId)?.brokerEpoch !== before;
  }

  /** Looks at every replica of every node, whatever happened. */
  lookAtAll(): void {
    for (const id of this.ids.values()) this.lookAt(id);
    for (const audit of this.partitions.values()) audit.checkCandidates(this.counts_);
    this.touched.clear();
  }

  private lookAt(id: number): boolean {
    const server = this.cluster.node(id).present;
    if (server === undefined) {
      this.looks.delete(id);
      return false;
    }
    let looks = this.looks.get(id);
    if (looks === undefined) {
      looks = new Map();
      this.looks.set(id, looks);
    }
    for (const partition of server.broker.partitions.all()) {
      let look = looks.get(partition);
      if (look === undefined) {
        look = this.beginLook(id, partition);
        if (look === undefined) continue;
        looks.set(partition, look);
      }
      this.lookAtReplica(look);
    }
    return this.touched.size > 0;
  }

  private beginLook(id: number, partition: Partition): Look | undefined {
    const audit = this.of(partition.topicId, partition.index);
    if (audit === undefined) return undefined;
    let shadow = audit.shadows.get(id);
    if (shadow === undefined) {
      shadow = new ReplicaShadow(id, this.cluster.disk(id), `/data/logs/${partition.topic}-${partition.index}`);
      audit.shadows.set(id, shadow);
    }
    return { partition, shadow, audit, leaderEpoch: undefined, highWatermark: -1, isOffline: false };
  }

  private lookAtReplica(look: Look): void {
    const { partition, shadow, audit } = look;
    // Who has not heard yet that the topic is gone keeps what nobody promises any more.
    if (this.deleted.has(partition.topicId)) return;
    const { log } = partition;
    if (log.offline) {
      this.wentOffline(look);
      return;
    }
    // Taken away by a move and given back before the node has heard of either.
    if (!audit.shadows.has(shadow.nodeId) && audit.image?.replicas.includes(shadow.nodeId) === true) {
      audit.shadows.set(shadow.nodeId, shadow);
    }
    const leaderEpoch = partition.leader?.leaderEpoch;
    if (look.leaderEpoch === leaderEpoch && !shadow.isBehind(log)) return;
    if (leaderEpoch !== undefined && look.leaderEpoch === leaderEpoch && log.highWatermark < look.highWatermark) {
      throw new Violation(
        "V10",
        `${audit.name}: the high watermark of leader ${shadow.nodeId} went from ${look.highWatermark} to ${log.highWatermark}`,
      );
    }
    look.leaderEpoch = leaderEpoch;
    look.highWatermark = log.highWatermark;
    const endBefore = shadow.endOffset;
    const what = shadow.look(log);
    if (what === "opened") this.opened(audit, shadow, endBefore);
    if (what === "truncated") this.counts.truncations++;
    audit.looked(shadow, leaderEpoch, what === "truncated");
    if (leaderEpoch !== undefined) this.onLeader?.(audit, partition);
    this.touched.add(audit);
  }

  /** What lies on the disk counts, with what was written just before the write that failed. */
  private wentOffline(look: Look): void {
    if (look.isOffline) return;
    look.isOffline = true;
    const { shadow, audit, partition, leaderEpoch } = look;
    shadow.readDisk();
    audit.wasOpened(shadow.nodeId);
    shadow.highWatermark = partition.log.highWatermark;
    audit.looked(shadow, leaderEpoch, false);
    this.touched.add(audit);
  }

  /** V3: a process that is killed loses nothing it wrote; only the power can take it. */
  private opened(audit: PartitionAudit, shadow: ReplicaShadow, endBefore: number): void {
    this.counts.logsOpened++;
    audit.wasOpened(shadow.nodeId);
    if (shadow.endOffset >= endBefore || this.damaged.has(shadow.nodeId)) return;
    throw new Violation(
      "V3",
      `${audit.name}: ${shadow.nodeId} had ${endBefore} when its process ended and comes back with ${shadow.endOffset}`,
    );
  }

  private takeImage(image: ClusterImage): void {
    const before = this.image;
    this.image = image;
    if (image.offset < before.offset) {
      throw new Violation("V15", `the committed metadata goes back from ${before.offset} to ${image.offset}`);
    }
    for (const [id, topic] of before.topicsById) {
      if (image.topicsById.has(id)) continue;
      this.deleted.add(id);
      for (const { partition } of topic.partitions) this.partitions.delete(`${id}-${partition}`);
    }
    for (const [id, topic] of image.topicsById) {
      const previous = before.topicsById.get(id);
      if (previous === topic || this.cleaned.has(topic.name)) continue;
      for (const now of topic.partitions) {
        const old = previous?.partitions[now.partition];
        if (old === now) continue;
        let audit = this.of(id, now.partition);
        if (audit === undefined) {
          audit = new PartitionAudit(topic.name, id, now.partition);
          audit.nowMs = () => this.cluster.simulation.scheduler.nowMs;
          this.partitions.set(`${id}-${now.partition}`, audit);
        }
        audit.changed(now, this.promiseOf(topic.name, image));
        this.touched.add(audit);
        if (old === undefined) continue;
        if (old.leader !== now.leader && now.leader >= 0) this.counts.elections++;
        if (old.leaderEpoch !== now.leaderEpoch && now.leaderRecoveryState === 1) this.counts.uncleanElections++;
        const joined = now.inSyncReplicas.some((one) => !old.inSyncReplicas.includes(one));
        if (joined && now.leaderEpoch === old.leaderEpoch) this.counts.expansions++;
        if (old.inSyncReplicas.some((one) => !now.inSyncReplicas.includes(one))) this.counts.shrinks++;
      }
    }
    for (const audit of this.touched) audit.checkCandidates(this.counts_);
    this.touched.clear();
  }

  private promiseOf(topic: string, image: ClusterImage): PartitionPromise {
    const { settings } = this.cluster;
    const config = topicConfig(image.configsOf(ResourceType.TOPIC, topic), settings);
    return { minInSyncReplicas: config.minInsyncReplicas, allowsUnclean: config.uncleanLeaderElectionEnable };
  }
}
