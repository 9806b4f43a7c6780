/**
 * The groups this broker coordinates: those whose partition of __consumer_offsets it leads.
 *
 * Owns: which partition a group belongs to, and that deleted topics take their offsets along. Leaves to handlers: requests and
 * answers; to GroupMachine: what they mean; to CoordinatorRuntime: loading, appending, waiting.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import type { Random } from "../../storage/random.ts";
import { InternalTopic } from "../metadata/internal-topics.ts";
import type { MetadataDelta, MetadataImage, TopicImage } from "../metadata/metadata-image.ts";
import type { SharePersister } from "../share-state/share-persister.ts";
import type { CoordinatorLog } from "../state-machine/coordinator-log.ts";
import { CoordinatorRuntime } from "../state-machine/coordinator-runtime.ts";
import { partitionOfKey } from "../state-machine/key-partition.ts";
import { Reply } from "../state-machine/reply.ts";
import type { TransactionEnd } from "../state-machine/shard.ts";
import { resolveRegexes } from "./consumer/regex/topic-regexes.ts";
import { decideRegexesResolved } from "./consumer/regexes.ts";
import type { GroupChange, GroupDeadline, GroupDecision, GroupEffect, ResolveEffect } from "./group-decision.ts";
import { GroupMachine } from "./group-machine.ts";
import { GROUP_RECORD_TYPES } from "./group-record-types.ts";
import type { GroupSettings } from "./group-settings.ts";

import { type DeletedTopic, decideTopicsDeleted } from "./offsets/delete-offsets.ts";
import { forgetTopics } from "./share/offset-decisions.ts";
import { ShareGroupState } from "./share/share-group-state.ts";

/** With the uuid behind it, it fits the strings of records and responses whatever it is made of. */
const MAX_PREFIX_LENGTH = 10_000;

export interface GroupCoordinatorOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: GroupSettings;
  /** The cluster as this broker knows it now. */
  readonly image: () => MetadataImage;
  /** Keeps the state of what share groups read. */
  readonly sharePersister: SharePersister;
}

export class GroupCoordinator {
  readonly settings: GroupSettings;
  readonly shareState: ShareGroupState;
  private readonly random: Random;
  private readonly clock: Clock;
  private readonly image: () => MetadataImage;
  private newTopicsOffset: number;
  private topicsOffset: number;
  private readonly runtime: CoordinatorRuntime<GroupMachine, GroupChange, GroupDeadline, GroupEffect>;

  constructor(options: GroupCoordinatorOptions) {
    const { clock, logger, settings } = options;
    this.settings = settings;
    this.random = options.random;
    this.clock = clock;
    this.image = options.image;
    this.newTopicsOffset = options.image().offset;
    this.topicsOffset = options.image().offset;
    this.shareState = new ShareGroupState(this, { persister: options.sharePersister, image: options.image });
    const around = {
      ...{ clock, settings, image: options.image },
      newTopicsOffset: () => this.newTopicsOffset,
      topicsOffset: () => this.topicsOffset,
    };
    this.runtime = new CoordinatorRuntime({
      topic: InternalTopic.CONSUMER_OFFSETS,
      clock,
      logger,
      recordTypes: GROUP_RECORD_TYPES,
      writeTimeoutMs: settings.writeTimeoutMs,
      batchStyle: { compression: settings.compression },
      newMachine: (timeline, log) => new GroupMachine(timeline, around, log),
      runEffect: (effect) => this.runEffect(effect),
    });
  }

  /** This broker leads a partition of __consumer_offsets: its groups are loaded, then served. */
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

  /** To be told of all metadata, behind the image: groups follow what topics there are, and how they are spread. */
  metadataChanged(delta: Pick<MetadataDelta, "image" | "previous" | "changedTopicIds" | "deletedTopicIds">): void {
    const { offset } = delta.image;
    if (delta.deletedTopicIds.size > 0) this.topicsOffset = offset;
    for (const id of delta.changedTopicIds) {
      const [before, now] = [delta.previous.topicsById.get(id), delta.image.topicsById.get(id)];
      if (before === undefined) this.newTopicsOffset = offset;
      if (before === undefined || now === undefined || !isSpreadAlike(before, now)) this.topicsOffset = offset;
    }
  }

  private runEffect(effect: GroupEffect): void {
    if (effect.kind === "resolveRegexes") this.resolveRegexes(effect);
    else this.shareState.initialize(effect);
  }

  /** Looks through the topics in turns of the loop; what was found is refused or void if the group has moved on meanwhile. */
  private resolveRegexes({ groupId, regexes }: ResolveEffect): void {
    const image = this.image();
    const resolvedMs = this.clock.wallMs();
    resolveRegexes(regexes, [...image.topics.keys()], this.clock, (topics) => {
      this.change(groupId, (machine) =>
        decideRegexesResolved(
          machine.groups.get(groupId),
          { groupId, topics, image, resolvedMs },
          machine.consumerRules(groupId),
        ),
      );
    });
  }

  /** Offsets of topics that are gone are forgotten; what a refused append leaves behind expires in time. */
  topicsDeleted(topics: readonly DeletedTopic[]): void {
    for (const partition of this.runtime.activePartitions()) {
      this.runtime.write(partition, nobody(), (machine) => decideTopicsDeleted(topics, machine.offsets));
      this.forgetSharePartitions(partition, new Set(topics.map(({ id }) => id)));
    }
  }

  private forgetSharePartitions(partition: number, topicIds: ReadonlySet<string>): void {
    const machine = this.runtime.shard(partition)?.machine;
    for (const group of [...(machine?.shareGroupsWith(topicIds) ?? [])]) {
      this.runtime.write(partition, nobody(), () => forgetTopics(group, topicIds));
    }
  }

  /** The partition that stores a group; undefined while the topic does not exist. */
  partitionOf(groupId: string): number | undefined {
    const topic = this.image().topics.get(InternalTopic.CONSUMER_OFFSETS);
    return topic === undefined ? undefined : partitionOfKey(groupId, topic.partitions.length);
  }

  /** Decides a request for a group; refused with NOT_COORDINATOR when another broker, or nobody, coordinates it. */
  write<R>(groupId: string, reply: Reply<R>, decide: (machine: GroupMachine) => GroupDecision<R>): void {
    const partition = this.partitionOf(groupId);
    if (partition === undefined) reply.refuse(ErrorCode.NOT_COORDINATOR);
    else this.runtime.write(partition, reply, decide);
  }

  /** Something happened to a group, and nobody waits for what becomes of it. */
  change(groupId: string, decide: (machine: GroupMachine) => GroupDecision<never>): void {
    this.write(groupId, nobody(), decide);
  }

  /** The machine that holds a group, for queries. @throws KafkaError NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS. */
  machineOf(groupId: string): GroupMachine {
    const partition = this.partitionOf(groupId);
    if (partition === undefined) throw new KafkaError(ErrorCode.NOT_COORDINATOR);
    return this.runtime.machine(partition);
  }

  /** Whether there is a share group of this id here, as far as is known now. */
  isShareGroup(groupId: string): boolean {
    const partition = this.partitionOf(groupId);
    const machine = partition === undefined ? undefined : this.runtime.shard(partition)?.machine;
    return machine?.groups.get(groupId)?.type === "share";
  }

  /** All machines of this broker, for queries. @throws KafkaError COORDINATOR_LOAD_IN_PROGRESS while one is loading. */
  machines(): GroupMachine[] {
    return this.runtime.machines();
  }

  /** Group ids by the partition that stores them; those of undefined have none. */
  byPartition(groupIds: readonly string[]): Map<number | undefined, string[]> {
    const byPartition = new Map<number | undefined, string[]>();
    for (const groupId of groupIds) {
      const partition = this.partitionOf(groupId);
      const ids = byPartition.get(partition);
      if (ids === undefined) byPartition.set(partition, [groupId]);
      else ids.push(groupId);
    }
    return byPartition;
  }

  /** Ends a transaction in a partition of __consumer_offsets: writes its marker, and its offsets count or never did. */
  endTransaction(partition: number, end: TransactionEnd, reply: Reply<ErrorCode>): void {
    this.runtime.endTransaction(partition, end, reply);
  }

  /**
   * What a member without an id is called: as Kafka does, and readers of logs expect, it begins with who it is; of a name that
   * is absurdly long, with as much of it as leaves room.
   */
  newMemberId(client: string): string {
    const prefix = client.slice(0, MAX_PREFIX_LENGTH);
    const hex = this.random.bytes(16);
    hex[6] = ((hex[6] as number) & 0x0f) | 0x40;
    hex[8] = ((hex[8] as number) & 0x3f) | 0x80;
    const text = hex.toString("hex");
    const parts = [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)];
    return `${prefix}-${parts.join("-")}`;
  }

  /** What a member without an id is called in a consumer group. */
  newConsumerMemberId(): string {
    // As Kafka's uuids, none begins with a dash: tools take such for options.
    for (;;) {
      const id = this.random.bytes(16).toString("base64url");
      if (!id.startsWith("-")) return id;
    }
  }

  /** For tests and metrics. */
  shard(partition: number) {
    return this.runtime.shard(partition);
  }
}

/** Whether a topic has the same partitions on the same brokers; leaders and replicas in sync change no assignment. */
function isSpreadAlike(before: TopicImage, now: TopicImage): boolean {
  if (before.partitions.length !== now.partitions.length) return false;
  return now.partitions.every((partition, index) => {
    const was = before.partitions[index];
    if (was === undefined || was === partition || was.replicas === partition.replicas) return was !== undefined;
    return was.replicas.join() === partition.replicas.join();
  });
}

function nobody(): Reply<never> {
  return new Reply<never>(() => undefined as never);
}
