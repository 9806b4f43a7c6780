/**
 * A partition as the coordinator that stores its records there sees it.
 */
import { strict as assert } from "node:assert";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { AppendResult, LogRead } from "../../storage/partition-log.ts";
import type { CoordinatorAppendOptions, CoordinatorLog } from "../state-machine/coordinator-log.ts";
import type { Partition } from "./partition.ts";
import type { Watcher } from "./watch-list.ts";

export class CoordinatorPartition implements CoordinatorLog {
  private readonly partition: Partition;

  constructor(partition: Partition) {
    this.partition = partition;
  }

  get logStartOffset(): number {
    return this.partition.log.logStartOffset;
  }

  get logEndOffset(): number {
    return this.partition.log.logEndOffset;
  }

  get highWatermark(): number {
    return this.partition.log.highWatermark;
  }

  get maxBatchBytes(): number {
    return this.partition.log.config.maxMessageBytes;
  }

  append(batch: Buffer, { leaderEpoch, ...options }: CoordinatorAppendOptions): AppendResult {
    const { partition } = this;
    if (partition.requireLeader().leaderEpoch !== leaderEpoch) throw new KafkaError(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    const prepared = partition.log.prepare(batch, undefined, { origin: "coordinator" });
    assert(!(prepared instanceof Promise), "a coordinator's batch needs no work off the loop");
    return partition.append(prepared, true, options);
  }

  read(offset: number, maxBytes: number): LogRead | Promise<LogRead> {
    const { log } = this.partition;
    this.partition.requireLeader();
    return log.read(offset, { maxBytes, upToOffset: log.logEndOffset, minOneBatch: true, abortedTransactions: false });
  }

  deleteRecordsBefore(offset: number): void {
    const { log, isLeader } = this.partition;
    if (isLeader && !log.offline && offset > log.logStartOffset) {
      log.raiseLogStartOffset(Math.min(offset, log.highWatermark));
    }
  }

  onHighWatermark(listener: () => void): () => void {
    const watcher: Watcher = {
      tryComplete: () => {
        listener();
        return false;
      },
    };
    this.partition.highWatermarkWatch.add(watcher);
    return () => this.partition.highWatermarkWatch.remove(watcher);
  }
}
