/**
 * The receiving end of WriteTxnMarkers: ends transactions in the partitions this broker leads.
 *
 * Owns: one marker per partition, as the coordinator's append, told of when every in-sync replica has it. In __consumer_offsets the
 * group coordinator writes it, so that its offsets count before anybody hears of it (R131). Leaves to the log: whose marker is
 * accepted; to whoever sends: trying again.
 */
import { strict as assert } from "node:assert";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Clock } from "../../storage/clock.ts";
import { Later } from "../dispatch/answer.ts";
import type { GroupCoordinator } from "../groups/group-coordinator.ts";
import { InternalTopic } from "../metadata/internal-topics.ts";
import { DelayedProduce, type PendingAppend, settle } from "../partition/delayed-produce.ts";
import type { Partition } from "../partition/partition.ts";
import type { PartitionTable } from "../partition/partition-table.ts";
import { endMarkerBatch } from "../state-machine/coordinator-batch.ts";
import { gather, Reply } from "../state-machine/reply.ts";
import type { TransactionEnd } from "../state-machine/shard.ts";

export interface MarkerWriterOptions {
  readonly clock: Clock;
  readonly partitions: PartitionTable;
  readonly groups: GroupCoordinator;
  /** How long a marker may take to be replicated. */
  readonly timeoutMs: number;
}

export interface MarkerOutcome {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: ErrorCode;
}

type MarkedPartition = readonly [topic: string, partition: number];

export class MarkerWriter {
  private readonly options: MarkerWriterOptions;

  constructor(options: MarkerWriterOptions) {
    this.options = options;
  }

  /** Writes the marker to each partition; every one has an outcome, in no order. */
  write(end: TransactionEnd, partitions: Iterable<MarkedPartition>): Later<MarkerOutcome[]> {
    const parts: Later<MarkerOutcome[]>[] = [];
    const done: MarkerOutcome[] = [];
    const pending: { readonly at: MarkedPartition; readonly append: PendingAppend }[] = [];
    for (const at of partitions) {
      const [topic, partition] = at;
      if (topic === InternalTopic.CONSUMER_OFFSETS) {
        parts.push(this.endOffsets(end, topic, partition));
        continue;
      }
      const led = this.options.partitions.get(topic, partition);
      if (led === undefined) {
        done.push({ topic, partition, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
        continue;
      }
      try {
        pending.push({ at, append: this.append(end, led) });
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        done.push({ topic, partition, errorCode: error.code });
      }
    }
    parts.push(this.whenReplicated(pending, done));
    return gather(parts, (outcomes) => outcomes.flat());
  }

  /** @throws KafkaError why there is no marker in this partition. */
  private append(end: TransactionEnd, partition: Partition): PendingAppend {
    partition.requireAppendable(true);
    const marker = endMarkerBatch(end, this.options.clock.wallMs());
    const prepared = partition.log.prepare(marker, undefined, { origin: "coordinator" });
    assert(!(prepared instanceof Promise), "a marker needs no work off the loop");
    const { transactionVersion } = end;
    const { lastOffset } = partition.append(prepared, true, { transactionVersion });
    return { partition, tenure: partition.tenure, requiredOffset: lastOffset + 1, errorCode: undefined };
  }

  private whenReplicated(
    pending: readonly { readonly at: MarkedPartition; readonly append: PendingAppend }[],
    done: readonly MarkerOutcome[],
  ): Later<MarkerOutcome[]> {
    const outcomes = new Later<MarkerOutcome[]>();
    const appends = pending.map(({ append }) => append);
    const finish = (): void => {
      const written = pending.map(({ at: [topic, partition], append }) => {
        return { topic, partition, errorCode: (append.errorCode ?? ErrorCode.NONE) as ErrorCode };
      });
      outcomes.complete([...done, ...written]);
    };
    if (appends.every(settle)) finish();
    else new DelayedProduce(appends, finish).start(this.options.clock, this.options.timeoutMs);
    return outcomes;
  }

  private endOffsets(end: TransactionEnd, topic: string, partition: number): Later<MarkerOutcome[]> {
    const reply = new Reply<ErrorCode>(leaderError);
    this.options.groups.endTransaction(partition, end, reply);
    return gather([reply.later], ([errorCode = ErrorCode.NONE]) => [{ topic, partition, errorCode }]);
  }
}

/** Who sends markers knows partitions and their leaders, not coordinators. */
function leaderError(code: ErrorCode): ErrorCode {
  switch (code) {
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case ErrorCode.NOT_COORDINATOR:
      return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    default:
      return code;
  }
}
