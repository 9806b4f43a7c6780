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
import type { Partition } from "../partition/partition.ts";
import { ParkedWatcher } from "../partition/watch-list.ts";

type DeleteRecordsResponse = Encode<(typeof DeleteRecords)["response"]>;

/** Stands for the high watermark. */
const HIGH_WATERMARK = -1;

interface Deletion {
  readonly partitionIndex: number;
  readonly partition: Partition | undefined;
  readonly targetOffset: number;
  errorCode: number | undefined;
  lowWatermark: number;
}

export const handleDeleteRecords: Handler<typeof DeleteRecords> = (request, { broker }) => {
  const topics = request.topics.map(({ name, partitions }) => ({
    name,
    deletions: partitions.map((asked) => startDeletion(broker, name, asked.partitionIndex, asked.offset)),
  }));
  const answer = new Later<DeleteRecordsResponse>();
  const everyDeletion = topics.flatMap((topic) => topic.deletions);
  const waiting = new DelayedDeletion(broker, everyDeletion, () => {
    answer.complete({
      topics: topics.map(({ name, deletions }) => ({
        name,
        partitions: deletions.map((d) => ({
          partitionIndex: d.partitionIndex,
          lowWatermark: d.errorCode === ErrorCode.NONE ? d.lowWatermark : -1,
          errorCode: d.errorCode ?? ErrorCode.REQUEST_TIMED_OUT,
        })),
      })),
    });
  });
  waiting.start(request.timeoutMs);
  return answer;
};

function startDeletion(broker: Broker, topic: string, partitionIndex: number, offset: number): Deletion {
  const deletion: Deletion = {
    partitionIndex,
    partition: broker.partitions.get(topic, partitionIndex),
    targetOffset: 0,
    errorCode: undefined,
    lowWatermark: -1,
  };
  try {
    const partition = broker.partitions.require(topic, partitionIndex, broker.image);
    partition.requireLeader();
    const { log } = partition;
    if (!log.config.cleanupDelete && log.config.cleanupCompact) throw new KafkaError(ErrorCode.POLICY_VIOLATION);
    const targetOffset = offset === HIGH_WATERMARK ? log.highWatermark : offset;
    if (targetOffset < 0 || targetOffset > log.highWatermark) throw new KafkaError(ErrorCode.OFFSET_OUT_OF_RANGE);
    if (targetOffset > log.logStartOffset) log.raiseLogStartOffset(targetOffset);
    return { ...deletion, targetOffset };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { ...deletion, errorCode: errorCodeOf(error) };
  }
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
    const open = this.deletions.flatMap((d) =>
      d.errorCode === undefined && d.partition !== undefined ? [d.partition] : [],
    );
    this.park(
      open.map((partition) => partition.lowWatermarkWatch),
      this.broker.clock,
      timeoutMs,
    );
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
      deletion.errorCode = ErrorCode.NOT_LEADER_OR_FOLLOWER;
      return true;
    }
    const isAlive = (id: number): boolean => this.broker.image.brokers.get(id)?.fenced === false;
    deletion.lowWatermark = partition.lowWatermark(isAlive);
    if (deletion.lowWatermark < deletion.targetOffset) return false;
    deletion.errorCode = ErrorCode.NONE;
    return true;
  }
}
