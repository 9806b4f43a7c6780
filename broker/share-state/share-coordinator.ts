/**
 * The share partitions this broker keeps the state of: those whose partition of __share_group_state it leads.
 *
 * Owns: which partition stores what, and that deleted topics take their state along. Leaves to decisions.ts: what requests mean; to
 * CoordinatorRuntime: loading, appending, waiting; to PeerSharePersister: asking other brokers.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import type { Later } from "../dispatch/answer.ts";
import { InternalTopic } from "../metadata/internal-topics.ts";
import type { MetadataImage } from "../metadata/metadata-image.ts";
import { coordinatorError } from "../state-machine/coordinator-error.ts";
import type { CoordinatorLog } from "../state-machine/coordinator-log.ts";
import { CoordinatorRuntime } from "../state-machine/coordinator-runtime.ts";
import { partitionOfKey } from "../state-machine/key-partition.ts";
import { Reply } from "../state-machine/reply.ts";
import {
  decideDelete,
  decideInitialize,
  decideRead,
  decideReadSummary,
  decideWrite,
  refusal,
  refusedState,
  refusedSummary,
} from "./decisions.ts";
import type { ShareCoordinatorSettings } from "./share-coordinator-settings.ts";
import { coordinatorKey, type SharePartitionKey } from "./share-partition-key.ts";
import type {
  InitialShareState,
  PersisterResult,
  SharePersister,
  ShareState,
  ShareStateChange,
  ShareStateSummary,
} from "./share-persister.ts";
import {
  type PruneEffect,
  type ShareStateDeadline,
  type ShareStateDecision,
  ShareStateMachine,
} from "./share-state-machine.ts";
import { SHARE_STATE_RECORD_TYPES } from "./stored-state.ts";

export interface ShareCoordinatorOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: ShareCoordinatorSettings;
  /** The cluster as this broker knows it now. */
  readonly image: () => MetadataImage;
}

/** Answers NOT_COORDINATOR for share partitions that another broker keeps the state of. */
export class ShareCoordinator implements SharePersister {
  private readonly image: () => MetadataImage;
  private readonly runtime: CoordinatorRuntime<ShareStateMachine, never, ShareStateDeadline, PruneEffect>;

  constructor({ clock, logger, settings, image }: ShareCoordinatorOptions) {
    this.image = image;
    this.runtime = new CoordinatorRuntime({
      topic: InternalTopic.SHARE_GROUP_STATE,
      clock,
      logger,
      recordTypes: SHARE_STATE_RECORD_TYPES,
      writeTimeoutMs: settings.writeTimeoutMs,
      batchStyle: { compression: settings.compression },
      newMachine: (timeline, log) => new ShareStateMachine(timeline, log, { clock, settings, image }),
      runEffect: ({ log, beforeOffset }) => log.deleteRecordsBefore(beforeOffset),
    });
  }

  /** This broker leads a partition of __share_group_state: its states are loaded, then served. */
  lead(partition: number, leaderEpoch: number, log: CoordinatorLog): void {
    this.runtime.lead(partition, leaderEpoch, log);
  }

  /** Another broker leads from this epoch on; without an epoch the partition, or its topic, is gone. */
  resign(partition: number, leaderEpoch?: number): void {
    this.runtime.resign(partition, leaderEpoch);
  }

  close(): void {
    this.runtime.close();
  }

  /** The state of topics that are gone is forgotten; what a refused append leaves behind goes when it is next loaded. */
  topicsDeleted(topicIds: ReadonlySet<string>): void {
    for (const partition of this.runtime.activePartitions()) {
      const nobody = new Reply<never>(() => undefined as never);
      this.runtime.write(partition, nobody, (machine) => machine.topicsDeleted(topicIds));
    }
  }

  initialize(key: SharePartitionKey, state: InitialShareState): Later<PersisterResult> {
    return this.decide(
      key,
      (machine) => decideInitialize(machine, key, state),
      (result) => result,
    );
  }

  read(key: SharePartitionKey, leaderEpoch: number): Later<ShareState> {
    return this.decide(key, (machine) => decideRead(machine, key, leaderEpoch), refusedState);
  }

  write(key: SharePartitionKey, change: ShareStateChange): Later<PersisterResult> {
    return this.decide(
      key,
      (machine) => decideWrite(machine, key, change),
      (result) => result,
    );
  }

  delete(key: SharePartitionKey): Later<PersisterResult> {
    return this.decide(
      key,
      (machine) => decideDelete(machine, key),
      (result) => result,
    );
  }

  readSummary(key: SharePartitionKey): Later<ShareStateSummary> {
    return this.decide(key, (machine) => decideReadSummary(machine, key), refusedSummary);
  }

  /** For tests and metrics. */
  shard(partition: number) {
    return this.runtime.shard(partition);
  }

  private decide<R>(
    key: SharePartitionKey,
    decide: (machine: ShareStateMachine) => ShareStateDecision<R>,
    refused: (result: PersisterResult) => R,
  ): Later<R> {
    const reply = new Reply<R>((code) => refused(refusal(coordinatorError(code))));
    const topic = this.image().topics.get(InternalTopic.SHARE_GROUP_STATE);
    if (topic === undefined) reply.refuse(ErrorCode.NOT_COORDINATOR);
    else this.runtime.write(partitionOfKey(coordinatorKey(key), topic.partitions.length), reply, decide);
    return reply.later;
  }
}
