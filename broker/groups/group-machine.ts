/**
 * The memory of one partition of __consumer_offsets: its groups and their offsets.
 *
 * Owns: what each record means to memory, and which decision a request or deadline gets. Leaves the decisions to classic/, consumer/,
 * streams/ and offsets/, appending to the shard. Reads no clock but for the time it hands to decisions.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { GroupMetadataKey, GroupMetadataValue, OffsetCommitValue } from "../../protocol/messages/group-records.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import type { Clock } from "../../storage/clock.ts";
import type { MetadataImage } from "../metadata/metadata-image.ts";
import type { CoordinatorLog } from "../state-machine/coordinator-log.ts";
import type { CoordinatorRecord, StoredRecord } from "../state-machine/coordinator-record.ts";
import type { RecordPosition, StateMachine, TimerCommand } from "../state-machine/decision.ts";
import type { Reply } from "../state-machine/reply.ts";
import { type Timeline, VersionedMap } from "../state-machine/versioned.ts";
import { emptyClassicGroup } from "./classic/classic-group.ts";
import { decideDeadline } from "./classic/deadlines.ts";
import { classicGroupFromRecord } from "./classic/group-record.ts";
import { loadedGroup } from "./classic/loaded-group.ts";
import { type ConsumerRules, groupTimes } from "./consumer/consumer-rules.ts";
import { decideConsumerDeadline } from "./consumer/leave.ts";
import { loadedConsumerGroup } from "./consumer/loaded-group.ts";
import { isConsumerRecord, replayConsumerRecord, type SharedText } from "./consumer/replay-records.ts";
import { type Group, type GroupOf, type GroupType, isEmpty, kindOf } from "./group.ts";
import type { GroupChange, GroupDeadline, GroupDecision, GroupEffect } from "./group-decision.ts";
import { GroupMetadataRecord, LegacyOffsetCommitRecord, OffsetCommitRecord } from "./group-record-types.ts";
import type { GroupSettings } from "./group-settings.ts";
import { allOffsetTombstones } from "./offsets/delete-offsets.ts";
import { expiredRecords } from "./offsets/expire-offsets.ts";
import { type OffsetKey, offsetFromRecord } from "./offsets/offset-record.ts";
import { OffsetStore } from "./offsets/offset-store.ts";
import { decideShareDeadline } from "./share/leave.ts";
import { loadedShareGroup } from "./share/loaded-group.ts";
import { isShareRecord, replayShareRecord } from "./share/replay-records.ts";
import type { ShareGroup } from "./share/share-group.ts";
import { mentions } from "./share/share-partitions.ts";
import { type ShareRules, shareRules } from "./share/share-rules.ts";
import { decideStreamsDeadline } from "./streams/leave.ts";
import { loadedStreamsGroup } from "./streams/loaded-group.ts";
import { isStreamsRecord, replayStreamsRecord } from "./streams/replay-records.ts";
import { type StreamsRules, streamsRules } from "./streams/streams-rules.ts";

const EXPIRY_KEY = "expire";
/** Groups looked at for expired offsets in one turn of the loop. */
const GROUPS_PER_EXPIRY = 200;

/** What a machine sees of the broker around it. */
export interface GroupSurroundings {
  readonly clock: Clock;
  readonly settings: GroupSettings;
  readonly image: () => MetadataImage;
  /** Offset of the newest metadata in which topics were made. */
  readonly newTopicsOffset: () => number;
  /** Offset of the newest metadata in which topics came, went, or were spread otherwise. */
  readonly topicsOffset: () => number;
}

export class GroupMachine implements StateMachine<GroupChange, GroupDeadline, GroupEffect> {
  readonly groups: VersionedMap<string, Group>;
  readonly offsets: OffsetStore;
  readonly settings: GroupSettings;
  private readonly around: GroupSurroundings;
  private readonly log: Pick<CoordinatorLog, "maxBatchBytes">;

  constructor(timeline: Timeline, around: GroupSurroundings, log: Pick<CoordinatorLog, "maxBatchBytes">) {
    this.groups = new VersionedMap(timeline);
    this.offsets = new OffsetStore(timeline);
    this.around = around;
    this.settings = around.settings;
    this.log = log;
  }

  /** Largest record batch the log takes now. */
  get maxBatchBytes(): number {
    return this.log.maxBatchBytes;
  }

  get nowMs(): number {
    return this.around.clock.wallMs();
  }

  /** What decisions about a consumer group go by. */
  consumerRules(groupId: string): ConsumerRules {
    const { settings, around, nowMs } = this;
    const image = around.image();
    const { sessionTimeoutMs, heartbeatIntervalMs, assignmentIntervalMs } = groupTimes(
      settings.consumer,
      groupId,
      image,
    );
    return {
      settings: settings.consumer,
      sessionTimeoutMs,
      heartbeatIntervalMs,
      assignmentIntervalMs,
      image,
      newTopicsOffset: around.newTopicsOffset(),
      topicsOffset: around.topicsOffset(),
      nowMs,
      classicMaxSize: settings.maxGroupSize,
      initialRebalanceDelayMs: settings.initialRebalanceDelayMs,
    };
  }

  /** What decisions about a streams group go by. */
  streamsRules(groupId: string): StreamsRules {
    const { settings, around, nowMs } = this;
    const surroundings = { image: around.image(), topicsOffset: around.topicsOffset(), nowMs };
    return streamsRules(settings.streams, groupId, surroundings);
  }

  /** What decisions about a share group go by. */
  shareRules(groupId: string): ShareRules {
    const { settings, around, nowMs } = this;
    const [image, topicsOffset] = [around.image(), around.topicsOffset()];
    return shareRules(settings.share, groupId, { image, topicsOffset, nowMs });
  }

  /** Share groups that have to do with any of these topics. */
  *shareGroupsWith(topicIds: ReadonlySet<string>): IterableIterator<ShareGroup> {
    for (const [, group] of this.groups.entries()) {
      if (group.type === "share" && mentions(group.sharePartitions, topicIds)) yield group;
    }
  }

  replay(record: StoredRecord | CoordinatorRecord, at: RecordPosition): void {
    switch (record.type.id) {
      case LegacyOffsetCommitRecord.id:
      case OffsetCommitRecord.id:
        this.replayOffset(record.key as OffsetKey, record.value as Decode<typeof OffsetCommitValue> | null, at);
        break;
      case GroupMetadataRecord.id:
        this.replayClassicGroup(record);
        break;
      default:
        if (isConsumerRecord(record)) this.replayGroup("consumer", record, replayConsumerRecord);
        else if (isStreamsRecord(record)) this.replayGroup("streams", record, replayStreamsRecord);
        else if (isShareRecord(record)) this.replayGroup("share", record, replayShareRecord);
    }
  }

  private replayOffset(key: OffsetKey, value: Decode<typeof OffsetCommitValue> | null, at: RecordPosition): void {
    const { group, topic, partition } = key;
    if (value === null) {
      this.offsets.remove(group, topic, partition);
      return;
    }
    // Whoever commits without being a member has a group all the same.
    if (this.groups.get(group) === undefined) this.groups.set(group, emptyClassicGroup(group, this.nowMs));
    const offset = offsetFromRecord({ ...value, topicId: this.offsets.shared(value.topicId) }, at.offset);
    if (at.producerId === -1) this.offsets.put(group, topic, partition, offset);
    else this.offsets.putPending(at.producerId, group, topic, partition, offset);
  }

  private replayClassicGroup(record: StoredRecord | CoordinatorRecord): void {
    const { group: groupId } = record.key as Decode<typeof GroupMetadataKey>;
    const value = record.value as Decode<typeof GroupMetadataValue> | null;
    if (value === null) {
      if (this.groups.get(groupId)?.type === "classic") this.groups.delete(groupId);
      return;
    }
    this.groups.set(groupId, memoryOf(record) ?? classicGroupFromRecord(groupId, value));
  }

  /** A group that was of another kind ends with the first record that says what it is now. */
  private replayGroup<T extends GroupType>(
    type: T,
    record: StoredRecord | CoordinatorRecord,
    replayed: (known: GroupOf<T> | undefined, record: StoredRecord, shared: SharedText) => Group | undefined,
  ): void {
    const { groupId } = record.key as { groupId: string };
    const memory = memoryOf(record);
    if (memory !== undefined) {
      this.groups.set(groupId, memory);
      return;
    }
    const group = this.groups.get(groupId);
    const known = group?.type === type ? (group as GroupOf<T>) : undefined;
    if (known === undefined && record.value === null) return;
    const now = replayed(known, record, (text) => this.offsets.shared(text));
    if (now === undefined) this.groups.delete(groupId);
    else this.groups.set(groupId, now);
  }

  replayEndTransaction(producerId: number, committed: boolean): void {
    this.offsets.endTransaction(producerId, committed);
  }

  apply(change: GroupChange): void {
    this.groups.set(change.groupId, change.group);
  }

  onLoaded(): GroupDecision<never> {
    const changes: GroupChange[] = [];
    const timers: TimerCommand<GroupDeadline>[] = [this.nextExpiry()];
    for (const [, group] of this.groups.entries()) {
      const loaded = this.loaded(group);
      changes.push(...(loaded.changes ?? []));
      timers.push(...(loaded.timers ?? []));
    }
    return { changes, timers };
  }

  private loaded(group: Group): GroupDecision<never> {
    switch (group.type) {
      case "classic":
        return loadedGroup(group, this.settings, this.nowMs);
      case "consumer":
        return loadedConsumerGroup(group, this.consumerRules(group.groupId));
      case "streams":
        return loadedStreamsGroup(group, this.streamsRules(group.groupId));
      case "share":
        return loadedShareGroup(group, this.shareRules(group.groupId));
    }
  }

  onTimer(deadline: GroupDeadline): GroupDecision<never> {
    if (deadline.kind === "expire") return this.expire(deadline.groupIds);
    const group = this.groups.get(deadline.groupId);
    switch (deadline.kind) {
      case "consumerSession":
      case "consumerRevocation":
      case "consumerJoin":
      case "consumerSync":
        return decideConsumerDeadline(group, deadline, this.consumerRules(deadline.groupId));
      case "streamsSession":
      case "streamsRevocation":
      case "streamsDelay":
        return decideStreamsDeadline(group, deadline, this.streamsRules(deadline.groupId));
      case "shareSession":
        return decideShareDeadline(group, deadline, this.shareRules(deadline.groupId));
      default: {
        const classic = group?.type === "classic" ? group : undefined;
        return decideDeadline(classic, deadline, this.settings.initialRebalanceDelayMs, this.nowMs);
      }
    }
  }

  *parkedReplies(): IterableIterator<Reply<unknown>> {
    for (const [, group] of this.groups.entries()) {
      if (group.type !== "classic") continue;
      for (const member of group.members.values()) {
        if (member.join !== undefined) yield member.join as unknown as Reply<unknown>;
        if (member.sync !== undefined) yield member.sync as unknown as Reply<unknown>;
      }
    }
  }

  /** Deletes groups that are empty, each with its offsets. */
  deleteGroups(groupIds: readonly string[]): GroupDecision<{ groupId: string; errorCode: ErrorCode }[]> {
    const records: CoordinatorRecord[] = [];
    const response = groupIds.map((groupId) => {
      const group = this.groups.get(groupId);
      if (group === undefined) return { groupId, errorCode: ErrorCode.GROUP_ID_NOT_FOUND };
      if (!isEmpty(group)) return { groupId, errorCode: ErrorCode.NON_EMPTY_GROUP };
      for (const gone of allOffsetTombstones(groupId, this.offsets)) records.push(gone);
      for (const gone of kindOf(group).tombstones(group)) records.push(gone);
      return { groupId, errorCode: ErrorCode.NONE };
    });
    return { records, splittable: true, response };
  }

  /** Tombstones for what has expired, so many groups at a time; the next round begins when all have been looked at. */
  private expire(groupIds: readonly string[] | undefined): GroupDecision<never> {
    const ids = groupIds ?? [...this.groups.keys()];
    const records: CoordinatorRecord[] = [];
    for (const groupId of ids.slice(0, GROUPS_PER_EXPIRY)) {
      const group = this.groups.get(groupId);
      if (group === undefined) continue;
      for (const gone of expiredRecords(group, this.offsets, this.settings.offsetsRetentionMs, this.nowMs)) {
        records.push(gone);
      }
    }
    const left = ids.slice(GROUPS_PER_EXPIRY);
    const next: TimerCommand<GroupDeadline> =
      left.length === 0
        ? this.nextExpiry()
        : { key: EXPIRY_KEY, delayMs: 0, event: { kind: "expire", groupIds: left } };
    return { records, splittable: true, timers: [next] };
  }

  private nextExpiry(): TimerCommand<GroupDeadline> {
    const delayMs = this.settings.offsetsRetentionCheckIntervalMs;
    return { key: EXPIRY_KEY, delayMs, event: { kind: "expire", groupIds: undefined } };
  }
}

/** What the decision that wrote a record knows already of what comes of it. */
function memoryOf(record: StoredRecord | CoordinatorRecord): Group | undefined {
  return (record as CoordinatorRecord).memory as Group | undefined;
}
