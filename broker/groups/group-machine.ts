/**
 * The memory of one partition of __consumer_offsets: its groups and their offsets.
 *
 * Owns: what each record means to memory, and which decision a request or deadline gets. Leaves the decisions to classic/ and
 * offsets/, appending to the shard. Reads no clock but for the time it hands to decisions.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { GroupMetadataKey, GroupMetadataValue, OffsetCommitValue } from "../../protocol/messages/group-records.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import type { Clock } from "../../storage/clock.ts";
import type { CoordinatorLog } from "../state-machine/coordinator-log.ts";
import type { CoordinatorRecord, StoredRecord } from "../state-machine/coordinator-record.ts";
import type { RecordPosition, StateMachine, TimerCommand } from "../state-machine/decision.ts";
import type { Reply } from "../state-machine/reply.ts";
import { type Timeline, VersionedMap } from "../state-machine/versioned.ts";
import { emptyClassicGroup } from "./classic/classic-group.ts";
import { decideDeadline } from "./classic/deadlines.ts";
import { classicGroupFromRecord } from "./classic/group-record.ts";
import { loadedGroup } from "./classic/loaded-group.ts";
import { type Group, isEmpty } from "./group.ts";
import type { GroupChange, GroupDeadline, GroupDecision } from "./group-decision.ts";
import {
  GroupMetadataRecord,
  groupTombstone,
  LegacyOffsetCommitRecord,
  OffsetCommitRecord,
} from "./group-record-types.ts";
import type { GroupSettings } from "./group-settings.ts";
import { allOffsetTombstones } from "./offsets/delete-offsets.ts";
import { expiredRecords } from "./offsets/expire-offsets.ts";
import { type OffsetKey, offsetFromRecord } from "./offsets/offset-record.ts";
import { OffsetStore } from "./offsets/offset-store.ts";

const EXPIRY_KEY = "expire";
/** Groups looked at for expired offsets in one turn of the loop. */
const GROUPS_PER_EXPIRY = 200;

export class GroupMachine implements StateMachine<GroupChange, GroupDeadline, never> {
  readonly groups: VersionedMap<string, Group>;
  readonly offsets: OffsetStore;
  readonly settings: GroupSettings;
  private readonly clock: Clock;
  private readonly log: Pick<CoordinatorLog, "maxBatchBytes">;

  constructor(timeline: Timeline, clock: Clock, settings: GroupSettings, log: Pick<CoordinatorLog, "maxBatchBytes">) {
    this.groups = new VersionedMap(timeline);
    this.offsets = new OffsetStore(timeline);
    this.clock = clock;
    this.settings = settings;
    this.log = log;
  }

  /** Largest record batch the log takes now. */
  get maxBatchBytes(): number {
    return this.log.maxBatchBytes;
  }

  get nowMs(): number {
    return this.clock.wallMs();
  }

  replay(record: StoredRecord | CoordinatorRecord, at: RecordPosition): void {
    switch (record.type.id) {
      case LegacyOffsetCommitRecord.id:
      case OffsetCommitRecord.id:
        this.replayOffset(record.key as OffsetKey, record.value as Decode<typeof OffsetCommitValue> | null, at);
        break;
      case GroupMetadataRecord.id:
        this.replayGroup(record);
        break;
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
    const offset = offsetFromRecord({ ...value, topicId: this.offsets.sharedTopicId(value.topicId) }, at.offset);
    if (at.producerId === -1) this.offsets.put(group, topic, partition, offset);
    else this.offsets.putPending(at.producerId, group, topic, partition, offset);
  }

  private replayGroup(record: StoredRecord | CoordinatorRecord): void {
    const { group: groupId } = record.key as Decode<typeof GroupMetadataKey>;
    const value = record.value as Decode<typeof GroupMetadataValue> | null;
    if (value === null) {
      this.groups.delete(groupId);
      return;
    }
    const known = (record as CoordinatorRecord).memory as Group | undefined;
    this.groups.set(groupId, known ?? classicGroupFromRecord(groupId, value));
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
      const loaded = loadedGroup(group, this.settings, this.nowMs);
      changes.push(...(loaded.changes ?? []));
      timers.push(...(loaded.timers ?? []));
    }
    return { changes, timers };
  }

  onTimer(deadline: GroupDeadline): GroupDecision<never> {
    if (deadline.kind === "expire") return this.expire(deadline.groupIds);
    const { initialRebalanceDelayMs } = this.settings;
    return decideDeadline(this.groups.get(deadline.groupId), deadline, initialRebalanceDelayMs, this.nowMs);
  }

  *parkedReplies(): IterableIterator<Reply<unknown>> {
    for (const [, group] of this.groups.entries()) {
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
      records.push(groupTombstone(group));
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
