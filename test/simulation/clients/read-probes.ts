/**
 * Questions about logs that a consumer asks now and then, for the answers' sake: where a log ends, where a time is found, where a
 * leader epoch ended.
 *
 * Owns: which is asked when. Leaves to its witness: whether the answer is right.
 */
import type { RpcClient } from "../../../broker/network/rpc-client.ts";
import { RpcError } from "../../../broker/network/rpc-error.ts";
import { ErrorCode, errorName } from "../../../protocol/error-codes.ts";
import { ListOffsets } from "../../../protocol/messages/list-offsets.ts";
import { OffsetForLeaderEpoch } from "../../../protocol/messages/offset-for-leader-epoch.ts";
import type { Timer } from "../../../storage/clock.ts";
import type { ClusterClient, TopicView } from "./cluster-client.ts";

export const LATEST = -1;
export const EARLIEST = -2;
const LIST_OFFSETS_VERSION = 7;
const EPOCH_VERSION = 4;

export interface ProbeWitness {
  /** ListOffsets answered. */
  end(topicId: string, partition: number, offset: number, leaderEpoch: number, least: number): void;
  /** What ListOffsets must at least say that is asked now. */
  leastEnd(topicId: string, partition: number, leaderEpoch: number): number;
  /** Where a timestamp was found, -1: nowhere. It was read from there once. */
  timeFound(topicId: string, partition: number, timestamp: number, offset: number): void;
  /** Where an epoch ends, said by the leader of a later one. */
  epochEnded(topicId: string, partition: number, epoch: number, leaderEpoch: number, endOffset: number): void;
  met(error: string): void;
}

export interface Probed {
  readonly topic: TopicView;
  readonly partition: number;
  /** Timestamp of a batch that was read; undefined before the first. */
  readonly seenTimestamp: number | undefined;
}

export class ReadProbes {
  private readonly client: ClusterClient;
  private readonly witness: ProbeWitness;
  private readonly probeMs: number;
  private readonly readCommitted: boolean;
  private timer: Timer | undefined;

  /** @param probeMs asks so often, about; 0: never. */
  constructor(client: ClusterClient, witness: ProbeWitness, probeMs: number, readCommitted: boolean) {
    this.client = client;
    this.witness = witness;
    this.probeMs = probeMs;
    this.readCommitted = readCommitted;
  }

  start(positions: () => readonly Probed[]): void {
    const { clock, random } = this.client.environment;
    if (this.probeMs === 0 || this.client.isClosed) return;
    this.timer = clock.after(random.below(2 * this.probeMs), () => {
      this.start(positions);
      const all = positions();
      if (all.length === 0) return;
      const one = random.pick(all);
      const what = random.below(3);
      if (what === 0) void this.probeEnd(one);
      else if (what === 1) void this.probeTime(one);
      else void this.probeEpoch(one);
    });
  }

  close(): void {
    this.timer?.cancel();
  }

  /** Undefined: no answer that counts. */
  async offset({ topic, partition }: Probed, timestamp: number): Promise<number | undefined> {
    const leaderEpoch = this.leaderEpochOf(topic, partition);
    const asked = { partitionIndex: partition, currentLeaderEpoch: leaderEpoch, timestamp };
    const isolationLevel = this.readCommitted ? 1 : 0;
    const topics = [{ name: topic.name, partitions: [asked] }];
    return this.ask(topic, partition, async (client, timeoutMs) => {
      const request = { replicaId: -1, isolationLevel, topics };
      const { body } = await client.call(ListOffsets, request, { version: LIST_OFFSETS_VERSION, timeoutMs });
      const answer = body.topics[0]?.partitions[0];
      return [answer?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, answer?.offset ?? -1];
    });
  }

  private async probeEnd(one: Probed): Promise<void> {
    const { topic, partition } = one;
    const leaderEpoch = this.leaderEpochOf(topic, partition);
    const least = this.witness.leastEnd(topic.id, partition, leaderEpoch);
    const offset = await this.offset(one, LATEST);
    if (offset !== undefined) this.witness.end(topic.id, partition, offset, leaderEpoch, least);
  }

  private async probeTime(one: Probed): Promise<void> {
    const { topic, partition, seenTimestamp } = one;
    if (seenTimestamp === undefined) return;
    const offset = await this.offset(one, seenTimestamp);
    if (offset !== undefined) this.witness.timeFound(topic.id, partition, seenTimestamp, offset);
  }

  private async probeEpoch({ topic, partition }: Probed): Promise<void> {
    const leaderEpoch = this.leaderEpochOf(topic, partition);
    if (leaderEpoch < 1) return;
    const epoch = this.client.environment.random.below(leaderEpoch);
    const asked = { partition, currentLeaderEpoch: leaderEpoch, leaderEpoch: epoch };
    const topics = [{ topic: topic.name, partitions: [asked] }];
    const endOffset = await this.ask(topic, partition, async (client, timeoutMs) => {
      const request = { replicaId: -1, topics };
      const { body } = await client.call(OffsetForLeaderEpoch, request, { version: EPOCH_VERSION, timeoutMs });
      const answer = body.topics[0]?.partitions[0];
      return [answer?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, answer?.endOffset ?? -1];
    });
    if (endOffset !== undefined) this.witness.epochEnded(topic.id, partition, epoch, leaderEpoch, endOffset);
  }

  private leaderEpochOf(topic: TopicView, partition: number): number {
    return this.client.topics.get(topic.name)?.partitions[partition]?.leaderEpoch ?? -1;
  }

  private async ask(
    topic: TopicView,
    partition: number,
    call: (client: RpcClient, timeoutMs: number) => Promise<[errorCode: number, answer: number]>,
  ): Promise<number | undefined> {
    const leader = this.client.topics.get(topic.name)?.partitions[partition];
    const client = leader === undefined ? undefined : this.client.brokerAt(leader.leader);
    if (client === undefined) return undefined;
    try {
      const [errorCode, answer] = await call(client, this.client.settings.requestTimeoutMs);
      const isCurrent = this.client.topics.get(topic.name)?.id === topic.id;
      if (errorCode === ErrorCode.NONE) return isCurrent && !this.client.isClosed ? answer : undefined;
      this.witness.met(`asking for an offset: ${errorName(errorCode) ?? errorCode}`);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
    }
    this.client.refresh();
    return undefined;
  }
}
