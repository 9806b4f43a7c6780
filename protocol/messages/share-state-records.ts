/** Records of __share_group_state. */
import { array, int8, int16, int32, int64, string, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

/** Type 0: whole state of a share partition. */
export const ShareSnapshotKey = message("ShareSnapshotKey", "0", "none", {
  groupId: string(),
  topicId: uuid(),
  partition: int32(),
});

export const ShareSnapshotValue = message("ShareSnapshotValue", "0", "0+", {
  snapshotEpoch: int32(),
  stateEpoch: int32(),
  leaderEpoch: int32(),
  startOffset: int64(),
  deliveryCompleteCount: int32({ tag: 0, taggedVersions: "0+", default: -1 }),
  createTimestamp: int64(),
  writeTimestamp: int64(),
  stateBatches: array({
    firstOffset: int64(),
    lastOffset: int64(),
    deliveryState: int8(),
    deliveryCount: int16(),
  }),
});

/** Type 1: a change since the snapshot. */
export const ShareUpdateKey = message("ShareUpdateKey", "0", "none", {
  groupId: string(),
  topicId: uuid(),
  partition: int32(),
});

export const ShareUpdateValue = message("ShareUpdateValue", "0", "0+", {
  snapshotEpoch: int32(),
  leaderEpoch: int32(),
  startOffset: int64(),
  deliveryCompleteCount: int32({ tag: 0, taggedVersions: "0+", default: -1 }),
  stateBatches: array({
    firstOffset: int64(),
    lastOffset: int64(),
    deliveryState: int8(),
    deliveryCount: int16(),
  }),
});
