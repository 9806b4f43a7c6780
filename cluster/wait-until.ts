/**
 * Conditions of a cluster that tests wait for, instead of sleeping: each resolves as soon as it holds.
 *
 * Looked at after every change of the metadata and after every change of a replica; nothing is polled.
 */
import type { PartitionImage } from "../broker/metadata/metadata-image.ts";
import type { Clock } from "../storage/clock.ts";
import type { ClusterEvent } from "./cluster-events.ts";
import type { ManagedNode } from "./managed-node.ts";
import type { RunningCluster } from "./running-cluster.ts";

export interface WaitOptions {
  /** How long to wait before giving up; 10 s when left out. */
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;

export class WaitUntil {
  private readonly cluster: RunningCluster<ManagedNode>;
  private readonly clock: Clock;

  constructor(cluster: RunningCluster<ManagedNode>, clock: Clock) {
    this.cluster = cluster;
    this.clock = clock;
  }

  /** A partition has a leader other than `from`, and that one knows it leads; resolves with it. */
  async leaderChanged(
    topic: string,
    partition: number,
    options: WaitOptions & { readonly from: number },
  ): Promise<number> {
    const leader = (): number => this.partition(topic, partition)?.leader ?? -1;
    const holds = (): boolean => {
      const id = leader();
      if (id === -1 || id === options.from) return false;
      const node = this.cluster.nodes.find((one) => one.id === id);
      return node?.leads(topic, partition) ?? (node !== undefined && node.appliedOffset >= this.cluster.image.offset);
    };
    await this.holds(holds, options, `leader of ${topic}-${partition} changed`);
    return leader();
  }

  /** A partition has a leader; resolves with it. */
  async leaderElected(topic: string, partition: number, options: WaitOptions = {}): Promise<number> {
    return this.leaderChanged(topic, partition, { ...options, from: -1 });
  }

  /** The ISR is exactly these nodes, in any order. */
  inSyncReplicas(topic: string, partition: number, nodes: readonly number[], options: WaitOptions = {}): Promise<void> {
    const wanted = [...nodes].sort().join();
    const holds = (): boolean => [...(this.partition(topic, partition)?.inSyncReplicas ?? [])].sort().join() === wanted;
    return this.holds(holds, options, `ISR of ${topic}-${partition} is ${wanted}`);
  }

  /** Every replica of every partition, of one topic or of all, is in sync and on a live node. */
  fullyReplicated(topic?: string, options: WaitOptions = {}): Promise<void> {
    const holds = (): boolean => {
      const topics = topic === undefined ? [...this.cluster.image.topics.keys()] : [topic];
      return topics.every((name) =>
        (this.cluster.image.topics.get(name)?.partitions ?? []).every(
          ({ replicas, inSyncReplicas, leader }) => leader !== -1 && inSyncReplicas.length === replicas.length,
        ),
      );
    };
    return this.holds(holds, options, `${topic ?? "every topic"} is fully replicated`);
  }

  /** The controller takes the node for dead. */
  nodeFenced(node: number, options: WaitOptions = {}): Promise<void> {
    return this.holds(() => this.cluster.image.brokers.get(node)?.fenced === true, options, `node ${node} is fenced`);
  }

  /** The node is in service. */
  nodeUp(node: number, options: WaitOptions = {}): Promise<void> {
    return this.holds(() => this.cluster.image.brokers.get(node)?.fenced === false, options, `node ${node} is up`);
  }

  /** Every node is in service, as the controller and each of them sees it. */
  everyNodeUp(options: WaitOptions = {}): Promise<void> {
    const holds = (): boolean => {
      const { image, nodes } = this.cluster;
      return nodes.every(
        ({ id, appliedOffset }) => image.brokers.get(id)?.fenced === false && appliedOffset >= image.offset,
      );
    };
    return this.holds(holds, options, "every node is up");
  }

  /** The leader's high watermark has come to an offset. */
  highWatermark(topic: string, partition: number, offset: number, options: WaitOptions = {}): Promise<void> {
    const holds = (): boolean => {
      const leader = this.partition(topic, partition)?.leader ?? -1;
      const node = this.cluster.nodes.find(({ id }) => id === leader);
      return (node?.highWatermarkOf(topic, partition) ?? -1) >= offset;
    };
    return this.holds(holds, options, `high watermark of ${topic}-${partition} is ${offset}`);
  }

  /** An event that has not happened yet. */
  async event<E extends ClusterEvent>(
    matches: (event: ClusterEvent) => event is E,
    options: WaitOptions = {},
  ): Promise<E> {
    const events = this.cluster.events[Symbol.asyncIterator]();
    let found: E | undefined;
    const search = async (): Promise<void> => {
      for (let next = await events.next(); next.done !== true; next = await events.next()) {
        if (!matches(next.value)) continue;
        found = next.value;
        return;
      }
    };
    await this.inTime(search(), options, "event");
    await events.return?.();
    if (found === undefined) throw new Error("the cluster was closed");
    return found;
  }

  /** Anything that depends on the cluster: looked at after every change. */
  async holds(condition: () => boolean, options: WaitOptions = {}, what = "condition"): Promise<void> {
    if (condition()) return;
    // Held by the loop over the events too: high watermarks are told only to those who listen.
    const events = this.cluster.events[Symbol.asyncIterator]();
    let end: () => void = () => {};
    const met = new Promise<void>((resolve) => {
      end = this.cluster.onChange(() => {
        if (condition()) resolve();
      });
      const onEvents = async (): Promise<void> => {
        for (let next = await events.next(); next.done !== true; next = await events.next()) if (condition()) resolve();
      };
      void onEvents();
    });
    try {
      await this.inTime(met, options, what);
    } finally {
      end();
      await events.return?.();
    }
  }

  private async inTime(promise: Promise<void>, options: WaitOptions, what: string): Promise<void> {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    let expire: (error: Error) => void = () => {};
    const expired = new Promise<never>((_, reject) => {
      expire = reject;
    });
    const timer = this.clock.after(timeoutMs, () => expire(new Error(`not within ${timeoutMs} ms: ${what}`)));
    try {
      await Promise.race([promise, expired]);
    } finally {
      timer.cancel();
    }
  }

  private partition(topic: string, partition: number): PartitionImage | undefined {
    return this.cluster.image.topics.get(topic)?.partitions[partition];
  }
}
