/**
 * Consuming as a member of a group: generation after generation, from what is committed, committing what was printed.
 */
import type { ClusterClient } from "../client/cluster-client.ts";
import { GroupMembership } from "../client/group-membership.ts";
import { committedOffsets } from "../client/group-offsets.ts";
import { EARLIEST, LATEST, offsetsAt, partitionKey, type TopicPartition } from "../client/offset-lookup.ts";
import { Reader } from "../client/reader.ts";
import type { ConsumeOrder } from "./consume.ts";
import { partitionsOf } from "./partitions-named.ts";
import type { RecordOutput } from "./record-output.ts";

const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_INTERVAL_MS = 1000;
const REBALANCE_TIMEOUT_MS = 30_000;
const COMMIT_INTERVAL_MS = 1000;

export interface GroupOrder extends ConsumeOrder {
  readonly group: string;
}

export async function consumeInGroup(cluster: ClusterClient, order: GroupOrder, output: RecordOutput): Promise<void> {
  for (const topic of order.topics) await partitionsOf(cluster, topic);
  const member = new GroupMembership(cluster, {
    groupId: order.group,
    topics: order.topics,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    heartbeatIntervalMs: HEARTBEAT_INTERVAL_MS,
    rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
  });
  try {
    while (!output.isStopped) await new Generation(cluster, order, output, member).run();
  } finally {
    await member.leave();
  }
}

/** From one assignment to the next. */
class Generation {
  private readonly cluster: ClusterClient;
  private readonly order: GroupOrder;
  private readonly output: RecordOutput;
  private readonly member: GroupMembership;
  /** By partition key: what was printed and not yet committed, as the offset to go on from. */
  private readonly uncommitted = new Map<string, TopicPartition & { readonly offset: number }>();
  private committedMs = performance.now();

  constructor(cluster: ClusterClient, order: GroupOrder, output: RecordOutput, member: GroupMembership) {
    this.cluster = cluster;
    this.order = order;
    this.output = output;
    this.member = member;
  }

  async run(): Promise<void> {
    let failure: unknown;
    let end: () => void = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    const assigned = await Promise.race([
      this.member.join((error) => {
        failure = error;
        end();
      }),
      this.output.stopped,
    ]);
    if (assigned === undefined) return;
    try {
      await this.read(assigned, Promise.race([over, this.output.stopped]));
      if (failure !== undefined) throw failure;
      await this.commit();
    } finally {
      await this.member.pause();
    }
  }

  private async read(assigned: readonly TopicPartition[], over: Promise<void>): Promise<void> {
    const { committed, follow } = this.order;
    const starts = await this.starts(assigned);
    const reader = new Reader(this.cluster, starts, { committed, whenGone: "earliest" });
    const ends = follow ? new Map<string, number>() : await offsetsAt(this.cluster, assigned, LATEST, { committed });
    const isRead = (): boolean => [...ends].every(([key, end]) => (reader.positions.get(key) as number) >= end);
    if (!follow && isRead()) {
      this.output.stop();
      return;
    }
    for await (const records of reader.records(over)) {
      const printed = await this.output.print(records);
      for (const { topic, partition, offset } of records.slice(0, printed)) {
        this.uncommitted.set(partitionKey({ topic, partition }), { topic, partition, offset: offset + 1 });
      }
      if (performance.now() - this.committedMs >= COMMIT_INTERVAL_MS && !(await this.commit())) return;
      if (!follow && isRead()) {
        this.output.stop();
        return;
      }
    }
  }

  /** Where to begin: behind what is committed, or at an end of the log. */
  private async starts(assigned: readonly TopicPartition[]): Promise<Map<TopicPartition, number>> {
    const offsets = new Map(
      (await committedOffsets(this.cluster, this.order.group, assigned, true)).map((one) => [
        partitionKey(one),
        one.offset,
      ]),
    );
    const fresh = assigned.filter((partition) => !offsets.has(partitionKey(partition)));
    if (fresh.length > 0) {
      const found = await offsetsAt(this.cluster, fresh, this.order.fromBeginning ? EARLIEST : LATEST);
      for (const [key, offset] of found) offsets.set(key, offset);
    }
    return new Map(assigned.map((partition) => [partition, offsets.get(partitionKey(partition)) as number]));
  }

  /** False when the generation is over: whoever has the partitions now prints again what was not committed. */
  private async commit(): Promise<boolean> {
    this.committedMs = performance.now();
    const offsets = [...this.uncommitted.values()];
    this.uncommitted.clear();
    return this.member.commit(offsets);
  }
}
