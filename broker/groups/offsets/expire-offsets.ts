/**
 * Offsets and groups that grow old: those nobody has used for offsets.retention.minutes go, and empty groups with none left.
 */
import type { CoordinatorRecord } from "../../state-machine/coordinator-record.ts";
import { type Group, isEmpty, kindOf } from "../group.ts";
import { offsetTombstone } from "./offset-record.ts";
import type { OffsetStore, StoredOffset } from "./offset-store.ts";

/** Tombstones for what has expired of a group, and for the group itself when nothing is left of it. @param nowMs wall clock. */
export function expiredRecords(
  group: Group,
  store: OffsetStore,
  retentionMs: number,
  nowMs: number,
): CoordinatorRecord[] {
  const { groupId } = group;
  const kind = kindOf(group);
  const records: CoordinatorRecord[] = [];
  let left = store.hasOpenTransaction(groupId);
  for (const { topic, partition, offset } of store.offsetsOf(groupId)) {
    const stays =
      kind.readsTopic(group, topic) ||
      !isExpired(group, offset, retentionMs, nowMs) ||
      store.hasPending(groupId, topic, partition);
    if (stays) left = true;
    else records.push(offsetTombstone(groupId, topic, partition));
  }
  if (!left && kind.expires && isEmpty(group)) records.push(...kind.tombstones(group));
  return records;
}

function isExpired(group: Group, offset: StoredOffset, retentionMs: number, nowMs: number): boolean {
  const baseMs = kindOf(group).expiryBase(group, offset.commitTimestampMs);
  if (baseMs === undefined) return false;
  // Clients of old could say when (versions 2 to 4).
  if (offset.expireTimestampMs !== -1) return nowMs >= offset.expireTimestampMs;
  return nowMs - baseMs >= retentionMs;
}
