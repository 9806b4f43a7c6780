/** One replica over a real log on a memory disk, a clock that stands still, and a controller that answers when told to. */
import { Later } from "../../../broker/dispatch/answer.ts";
import type { PartitionImage } from "../../../broker/metadata/metadata-image.ts";
import { Partition } from "../../../broker/partition/partition.ts";
import { WakeQueue } from "../../../broker/partition/watch-list.ts";
import type { AlterPartitionAnswer, AlterPartitionData, IsrPort } from "../../../broker/ports.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { Disk } from "../../../storage/disk.ts";
import { createPartitionLog } from "../../../storage/log/open-partition-log.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../../storage/log-config.ts";
import type { AppendResult, LogRead } from "../../../storage/partition-log.ts";
import { batchOf, type Fixture, surroundings } from "../../storage/log/log-fixture.ts";

import { partitionImage } from "../../support/fixed-broker.ts";
import { ManualClock } from "../../support/manual-clock.ts";

export const TOPIC_ID = "cGFydGl0aW9uLXdvcmxkLQ";
export const LAG_MS = 30_000;
export const BROKER_EPOCH = 100;

/** ISR changes as they were proposed, to be answered by the test. */
export class ScriptedIsr implements IsrPort {
  readonly proposed: { readonly change: AlterPartitionData; readonly answer: Later<AlterPartitionAnswer> }[] = [];

  alterPartition(_topicId: string, change: AlterPartitionData): Later<AlterPartitionAnswer> {
    const answer = new Later<AlterPartitionAnswer>();
    this.proposed.push({ change, answer });
    return answer;
  }

  /** The ISR that was proposed last. */
  get last(): { readonly change: AlterPartitionData; readonly replicas: number[] } | undefined {
    const last = this.proposed.at(-1);
    return last === undefined
      ? undefined
      : { change: last.change, replicas: last.change.newIsrWithEpochs?.map((r) => r.brokerId) ?? [] };
  }

  /** The controller commits what was proposed last. */
  commit(): void {
    const { change } = this.proposed.at(-1) as (typeof this.proposed)[number];
    this.answer({
      isr: change.newIsrWithEpochs?.map(({ brokerId }) => brokerId) ?? [],
      leaderEpoch: change.leaderEpoch,
      partitionEpoch: change.partitionEpoch + 1,
    });
  }

  refuse(errorCode: ErrorCode, index = this.proposed.length - 1): void {
    this.answer({ errorCode }, index);
  }

  answer(answer: Partial<AlterPartitionAnswer>, index = this.proposed.length - 1): void {
    this.proposed[index]?.answer.complete({
      ...{ partitionIndex: 0, errorCode: ErrorCode.NONE, leaderId: 1, leaderEpoch: 0, isr: [], leaderRecoveryState: 0 },
      ...{ partitionEpoch: 0, unknownTaggedFields: undefined },
      ...answer,
    } as AlterPartitionAnswer);
  }
}

export interface WorldOptions {
  readonly replicas?: readonly number[];
  readonly inSyncReplicas?: readonly number[];
  readonly leader?: number;
  readonly minInSyncReplicas?: number;
  readonly config?: Partial<LogConfig>;
  readonly disk?: Disk;
}

export class PartitionWorld {
  readonly clock = new ManualClock();
  readonly around: Fixture;
  readonly isr = new ScriptedIsr();
  readonly log: SegmentedLog;
  readonly partition: Partition;
  /** Brokers that may not join, or only in one incarnation. */
  readonly brokers = new Map<number, { readonly eligible: boolean; readonly epoch: number }>();
  readonly changes: string[] = [];
  image: PartitionImage;

  constructor(options: WorldOptions = {}) {
    const config = { ...DEFAULT_LOG_CONFIG, ...options.config };
    this.around = surroundings({ clock: this.clock, ...(options.disk === undefined ? {} : { disk: options.disk }) });
    this.log = createPartitionLog(this.around, {
      ...{
        path: "/data/t-0",
        topic: "t",
        partition: 0,
        topicId: TOPIC_ID,
        directoryId: "d",
        cleanShutdown: true,
        config,
      },
      ...{ recoveryPoint: 0, logStartOffset: 0, highWatermark: 0 },
    });
    this.partition = new Partition("t", 0, TOPIC_ID, this.log, {
      nodeId: 1,
      clock: this.clock,
      waking: new WakeQueue(),
      followerWaking: new WakeQueue(),
      isr: this.isr,
      eligibility: {
        isEligible: (id, brokerEpoch) => {
          const broker = this.brokers.get(id);
          return broker === undefined || (broker.eligible && (brokerEpoch === -1 || brokerEpoch === broker.epoch));
        },
      },
      brokerEpoch: () => BROKER_EPOCH,
      replicaLagTimeMaxMs: LAG_MS,
      observe: (_partition, change) => this.changes.push(change),
    });
    this.log.onOffline = () => this.partition.resign();
    this.partition.minInSyncReplicas = options.minInSyncReplicas ?? 1;
    const { replicas = [1, 2, 3], inSyncReplicas = replicas, leader = 1 } = options;
    this.image = partitionImage(0, replicas, { inSyncReplicas, leader });
    this.partition.apply(this.image);
  }

  /** Newer metadata, one partition epoch on. */
  apply(change: Partial<PartitionImage>): void {
    this.image = { ...this.image, partitionEpoch: this.image.partitionEpoch + 1, ...change };
    this.partition.apply(this.image);
  }

  /** What an acks=all or acks=1 producer does. */
  append(values: readonly string[], acksAll = false): AppendResult {
    const prepared = this.log.prepare(batchOf(values), undefined, { origin: "client" });
    if (prepared instanceof Promise) throw new Error("prepared elsewhere");
    return this.partition.append(prepared, acksAll);
  }

  /** A follower's fetch arrives. */
  fetched(
    replicaId: number,
    offset: number,
    options: { readonly brokerEpoch?: number; readonly logStartOffset?: number } = {},
  ): void {
    this.partition.followerFetched(replicaId, offset, options.logStartOffset ?? 0, options.brokerEpoch ?? replicaId);
  }

  get highWatermark(): number {
    return this.log.highWatermark;
  }

  /** Everything a consumer may read from an offset on. */
  readable(offset: number): LogRead {
    const upToOffset = this.log.highWatermark;
    const read = this.log.read(offset, {
      maxBytes: 1 << 20,
      upToOffset,
      minOneBatch: true,
      abortedTransactions: false,
    });
    if (read instanceof Promise) throw new Error("read from the disk");
    return read;
  }
}

/** Lets what the turn set in motion run. */
export async function endOfTurn(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
