/**
 * What happens in a cluster, as it happens: nodes that go, are fenced and come back, leaders that move, ISRs and high watermarks.
 *
 * Owns: turning metadata changes into events, and a bounded queue per listener. Leaves to RunningCluster: when nodes are killed.
 */
import type { PartitionImage } from "../broker/metadata/metadata-image.ts";
import type { Clock } from "../storage/clock.ts";
import type { LinkFault } from "./faults/links.ts";
import type { ClusterDelta } from "./metadata/cluster-image.ts";

interface PartitionEvent {
  readonly topic: string;
  readonly partition: number;
}

export type ClusterEvent =
  | { readonly type: "node-down"; readonly node: number; readonly how: "killed" | "stopped" | "failed" }
  /** The controller takes a node for dead: it leads nothing and is in no ISR. */
  | { readonly type: "node-fenced"; readonly node: number }
  /** A node is in service. */
  | { readonly type: "node-up"; readonly node: number }
  | { readonly type: "node-paused" | "node-resumed"; readonly node: number }
  /** A way between two ends was cut, slowed or healed. */
  | ({ readonly type: "link-changed" } & LinkFault)
  /** A fault rule struck. */
  | { readonly type: "fault-fired"; readonly fault: number; readonly fired: number }
  | (PartitionEvent & {
      readonly type: "leader-moved";
      /** -1: none. */
      readonly from: number;
      readonly to: number;
      readonly leaderEpoch: number;
      /** Since the node it left was killed or stopped; undefined when it was not. */
      readonly msSinceDown: number | undefined;
    })
  | (PartitionEvent & {
      readonly type: "isr-changed";
      readonly inSyncReplicas: readonly number[];
      readonly joined: readonly number[];
      readonly left: readonly number[];
    })
  | (PartitionEvent & {
      readonly type: "high-watermark";
      /** The node that says so: each replica has its own. */
      readonly node: number;
      readonly highWatermark: number;
    });

/** Events a listener that does not keep up may be behind; older ones are dropped. */
const MAX_QUEUED = 10_000;

export class ClusterEvents implements AsyncIterable<ClusterEvent> {
  private readonly clock: Clock;
  private readonly readers = new Set<EventReader>();
  private readonly downSinceMs = new Map<number, number>();
  private closed = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** True while somebody listens: events that cost something to make are made only then. */
  get isObserved(): boolean {
    return this.readers.size > 0;
  }

  emit(event: ClusterEvent): void {
    if (event.type === "node-down") this.downSinceMs.set(event.node, this.clock.monotonicMs());
    if (event.type === "node-up") this.downSinceMs.delete(event.node);
    for (const reader of this.readers) reader.push(event);
  }

  /** Events from now on, until the loop over them is left or the cluster is closed. */
  [Symbol.asyncIterator](): AsyncIterator<ClusterEvent> {
    const reader = new EventReader((gone) => this.readers.delete(gone));
    if (this.closed) reader.end();
    else this.readers.add(reader);
    return reader;
  }

  /** Every loop over the events ends. */
  close(): void {
    this.closed = true;
    for (const reader of this.readers) reader.end();
    this.readers.clear();
  }

  /** What the controller committed. */
  committed(delta: ClusterDelta): void {
    for (const id of delta.changedBrokers) {
      const before = delta.previous.brokers.get(id);
      const now = delta.image.brokers.get(id);
      if (now === undefined) continue;
      if (!now.fenced && before?.fenced !== false) this.emit({ type: "node-up", node: id });
      if (now.fenced && before?.fenced === false) this.emit({ type: "node-fenced", node: id });
    }
    for (const topicId of delta.changedTopicIds) {
      const topic = delta.image.topicsById.get(topicId);
      const before = delta.previous.topicsById.get(topicId);
      for (const now of topic?.partitions ?? []) {
        const previous = before?.partitions[now.partition];
        if (topic !== undefined && previous !== undefined && previous !== now) this.changed(topic.name, previous, now);
      }
    }
  }

  private changed(topic: string, before: PartitionImage, now: PartitionImage): void {
    const { partition } = now;
    if (before.leader !== now.leader) {
      const downSinceMs = this.downSinceMs.get(before.leader);
      this.emit({
        type: "leader-moved",
        ...{ topic, partition, from: before.leader, to: now.leader, leaderEpoch: now.leaderEpoch },
        msSinceDown: downSinceMs === undefined ? undefined : this.clock.monotonicMs() - downSinceMs,
      });
    }
    const joined = now.inSyncReplicas.filter((id) => !before.inSyncReplicas.includes(id));
    const left = before.inSyncReplicas.filter((id) => !now.inSyncReplicas.includes(id));
    if (joined.length + left.length > 0) {
      this.emit({ type: "isr-changed", ...{ topic, partition, inSyncReplicas: now.inSyncReplicas, joined, left } });
    }
  }
}

class EventReader implements AsyncIterator<ClusterEvent> {
  private queue: ClusterEvent[] = [];
  private readonly waiting: ((result: IteratorResult<ClusterEvent>) => void)[] = [];
  private readonly onGone: (reader: EventReader) => void;
  private ended = false;

  constructor(onGone: (reader: EventReader) => void) {
    this.onGone = onGone;
  }

  push(event: ClusterEvent): void {
    const waiting = this.waiting.shift();
    if (waiting !== undefined) {
      waiting({ done: false, value: event });
      return;
    }
    this.queue.push(event);
    if (this.queue.length > MAX_QUEUED) this.queue = this.queue.slice(MAX_QUEUED / 2);
  }

  next(): Promise<IteratorResult<ClusterEvent>> {
    const event = this.queue.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  return(): Promise<IteratorResult<ClusterEvent>> {
    this.onGone(this);
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  end(): void {
    this.ended = true;
    for (const resolve of this.waiting.splice(0)) resolve({ done: true, value: undefined });
  }
}
