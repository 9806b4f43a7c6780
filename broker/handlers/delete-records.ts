/**
 * DeleteRecords (key 21): moves the log start up, and answers once every live replica has followed (KIP-107).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type { DeleteRecords } from "../../protocol/messages/delete-records.ts";
import type { Encode } from "../../protocol/schema/message.ts";
import type { Broker } from "../broker.ts";
import { Later } from "../dispatch/answer.ts";
import type { Handler } from "../dispatch/handler.ts";
import { isInternalTopic } from "../metadata/internal-topics.ts";
import type { Partition } from "../partition/partition.ts";
import { ParkedWatcher } from "../partition/watch-list.ts";

type DeleteRecordsResponse = Encode<(typeof DeleteRecords)["response"]>;

/** Stands for the high watermark. */
const HIGH_WATERMARK = -1;

interface Deletion {
  readonly partitionIndex: number;
  readonly partition: Partition | undefined;
  readonly targetOffset: number;
  /** Undefined while followers are waited for. */
  errorCode: number | undefined;
  /** -1 with an error, save when the time was up. */
  lowWatermark: number;
}

export const handleDeleteRecords: Handler<typeof DeleteRecords> = (request, { broker }) => {
  // Of a partition named twice the last mention counts, as in Kafka.
  const topics = new Map<string, Map<number, number>>();
  for (const { name, partitions } of request.topics) {
    const offsets = topics.get(name) ?? new Map<number, number>();
    topics.set(name, offsets);
    for (const { partitionIndex, offset } of partitions) offsets.set(partitionIndex, offset);
  }
  const started = [...topics].map(([name, offsets]) => ({
    name,
    deletions: [...offsets].map(([partitionIndex, offset]) => startDeletion(broker, name, partitionIndex, offset)),
  }));
  const answer = new Later<DeleteRecordsResponse>();
  const waiting = new DelayedDeletion(
    broker,
    started.flatMap((topic) => topic.deletions),
    () => {
      answer.complete({
        topics: started.map(({ name, deletions }) => ({
          name,
          partitions: deletions.map(({ partitionIndex, lowWatermark, errorCode }) => ({
            ...{ partitionIndex, lowWatermark },
            errorCode: errorCode ?? ErrorCode.REQUEST_TIMED_OUT,
          })),
        })),
      });
    },
  );
  answer.whenCancelled(() => waiting.cancel());
  waiting.start(request.timeoutMs);
  return answer;
};

function startDeletion(broker: Broker, topic: string, partitionIndex: number, offset: number): Deletion {
  try {
    return {
      partitionIndex,
      ...deleteLocally(broker, topic, partitionIndex, offset),
      errorCode: undefined,
      lowWatermark: -1,
    };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { partitionIndex, partition: undefined, targetOffset: -1, errorCode: errorCodeOf(error), lowWatermark: -1 };
  }
}

/** @throws KafkaError why this leader's own log start does not move. */
function deleteLocally(
  broker: Broker,
  topic: string,
  partitionIndex: number,
  offset: number,
): { readonly partition: Partition; readonly targetOffset: number } {
  if (broker.image.topics.get(topic)?.partitions[partitionIndex] === undefined) {
    throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }
  if (isInternalTopic(topic)) throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION);
  const partition = broker.partitions.require(topic, partitionIndex, broker.image);
  partition.requireLeader();
  const { log } = partition;
  if (!log.config.cleanupDelete) throw new KafkaError(ErrorCode.POLICY_VIOLATION);
  const targetOffset = offset === HIGH_WATERMARK ? log.highWatermark : offset;
  if (targetOffset < 0 || targetOffset > log.highWatermark) throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE);
  if (targetOffset > log.logStartOffset) log.raiseLogStartOffset(targetOffset);
  return { partition, targetOffset };
}

/** Waits for the followers' log starts, which come with their fetches. */
class DelayedDeletion extends ParkedWatcher {
  private readonly broker: Broker;
  private readonly deletions: readonly Deletion[];
  private readonly done: () => void;

  constructor(broker: Broker, deletions: readonly Deletion[], done: () => void) {
    super();
    this.broker = broker;
    this.deletions = deletions;
    this.done = done;
  }

  start(timeoutMs: number): void {
    if (this.allSettled()) {
      this.done();
      return;
    }
    const lists = this.deletions.flatMap(({ errorCode, partition }) =>
      errorCode === undefined && partition !== undefined ? [partition.lowWatermarkWatch] : [],
    );
    this.park(lists, this.broker.clock, timeoutMs);
  }

  /** Nobody waits for the answer any more; what was deleted stays deleted. */
  cancel(): void {
    this.leave();
  }

  override tryComplete(): boolean {
    if (!this.allSettled()) return false;
    if (this.leave()) this.done();
    return true;
  }

  protected override expire(): void {
    if (this.leave()) this.done();
  }

  private allSettled(): boolean {
    let all = true;
    for (const deletion of this.deletions) if (!this.settle(deletion)) all = false;
    return all;
  }

  private settle(deletion: Deletion): boolean {
    const { partition } = deletion;
    if (deletion.errorCode !== undefined || partition === undefined) return true;
    if (!partition.isLeader) {
      deletion.errorCode = partition.reasonNotLeading;
      deletion.lowWatermark = -1;
      return true;
    }
    const isAlive = (id: number): boolean => this.broker.image.brokers.get(id)?.fenced === false;
    deletion.lowWatermark = partition.lowWatermark(isAlive);
    if (deletion.lowWatermark < deletion.targetOffset) return false;
    deletion.errorCode = ErrorCode.NONE;
    return true;
  }
}
