/**
 * Where partitions end for consumers: asked of their leaders, this broker or others.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../../protocol/kafka-error.ts";
import { ListOffsets } from "../../../protocol/messages/list-offsets.ts";
import { Later } from "../../dispatch/answer.ts";
import { type MetadataImage, NO_LEADER } from "../../metadata/metadata-image.ts";
import type { PeerBrokers } from "../../network/peer-brokers.ts";
import { RpcError } from "../../network/rpc-error.ts";
import type { PartitionTable } from "../../partition/partition-table.ts";

export interface EndOffset {
  readonly errorCode: ErrorCode;
  readonly offset: number;
}

/** By topic name and partition. */
export type EndOffsetsByPartition = ReadonlyMap<string, ReadonlyMap<number, EndOffset>>;

export interface EndOffsetsOptions {
  readonly nodeId: number;
  readonly image: () => MetadataImage;
  readonly partitions: Pick<PartitionTable, "require">;
  readonly peers: Pick<PeerBrokers, "call" | "close">;
  readonly requestTimeoutMs: number;
}

const LATEST = -1;
const CONSUMER = -1;
const READ_UNCOMMITTED = 0;

export class EndOffsets {
  private readonly options: EndOffsetsOptions;

  constructor(options: EndOffsetsOptions) {
    this.options = options;
  }

  /** Every partition that is asked for has its answer. */
  ask(asked: ReadonlyMap<string, readonly number[]>): Later<EndOffsetsByPartition> {
    const { nodeId, image } = this.options;
    const { topics, brokers } = image();
    const answers = new Map<string, Map<number, EndOffset>>();
    const byLeader = new Map<number, Map<string, number[]>>();
    for (const [name, indexes] of asked) {
      const ofTopic = new Map<number, EndOffset>();
      answers.set(name, ofTopic);
      for (const index of indexes) {
        const leader = topics.get(name)?.partitions[index]?.leader;
        if (leader === nodeId) ofTopic.set(index, this.here(name, index));
        else if (leader === undefined) ofTopic.set(index, failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION));
        else if (leader === NO_LEADER || brokers.get(leader)?.fenced !== false)
          ofTopic.set(index, failure(ErrorCode.LEADER_NOT_AVAILABLE));
        else {
          const led = byLeader.get(leader) ?? new Map<string, number[]>();
          byLeader.set(leader, led.set(name, [...(led.get(name) ?? []), index]));
        }
      }
    }
    const whole = new Later<EndOffsetsByPartition>();
    if (byLeader.size === 0) whole.complete(answers);
    else {
      const questions = [...byLeader].map(([leader, led]) => this.there(leader, led, answers));
      void Promise.all(questions).then(() => whole.complete(answers));
    }
    return whole;
  }

  close(): void {
    this.options.peers.close();
  }

  private here(name: string, index: number): EndOffset {
    try {
      const partition = this.options.partitions.require(name, index, this.options.image());
      const { epochStartOffset } = partition.requireLeader();
      const { highWatermark } = partition.log;
      // A new leader does not know yet how far its predecessor had committed.
      if (highWatermark < epochStartOffset) return failure(ErrorCode.OFFSET_NOT_AVAILABLE);
      return { errorCode: ErrorCode.NONE, offset: highWatermark };
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return failure(errorCodeOf(error));
    }
  }

  private async there(
    leader: number,
    led: ReadonlyMap<string, readonly number[]>,
    answers: ReadonlyMap<string, Map<number, EndOffset>>,
  ): Promise<void> {
    const { peers, requestTimeoutMs } = this.options;
    const topics = [...led].map(([name, indexes]) => ({
      name,
      partitions: indexes.map((partitionIndex) => ({ partitionIndex, timestamp: LATEST })),
    }));
    for (const [name, indexes] of led) {
      for (const index of indexes) answers.get(name)?.set(index, failure(ErrorCode.NETWORK_EXCEPTION));
    }
    try {
      const request = { replicaId: CONSUMER, isolationLevel: READ_UNCOMMITTED, topics, timeoutMs: requestTimeoutMs };
      const response = await peers.call(leader, ListOffsets, request, requestTimeoutMs);
      for (const { name, partitions } of response.topics) {
        for (const { partitionIndex, errorCode, offset } of partitions) {
          answers.get(name)?.set(partitionIndex, { errorCode: errorCode as ErrorCode, offset });
        }
      }
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
    }
  }
}

function failure(errorCode: ErrorCode): EndOffset {
  return { errorCode, offset: -1 };
}
