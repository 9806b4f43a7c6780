/** Records of tiered storage metadata; read by nobody here, listed so that the set is whole. */
import { array, bool, bytes, int8, int32, int64, string, struct, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const RemoteLogSegmentMetadataRecord = message("RemoteLogSegmentMetadataRecord", "0", "0+", {
  remoteLogSegmentId: struct({
    topicIdPartition: struct({
      name: string(),
      id: uuid(),
      partition: int32(),
    }),
    id: uuid(),
  }),
  startOffset: int64(),
  endOffset: int64(),
  brokerId: int32(),
  maxTimestampMs: int64(),
  eventTimestampMs: int64(),
  segmentLeaderEpochs: array({
    leaderEpoch: int32(),
    offset: int64(),
  }),
  segmentSizeInBytes: int32(),
  customMetadata: bytes({ nullable: "0+", default: null }),
  remoteLogSegmentState: int8(),
  txnIndexEmpty: bool({ tag: 0, taggedVersions: "0+" }),
});

export const RemoteLogSegmentMetadataSnapshotRecord = message("RemoteLogSegmentMetadataSnapshotRecord", "0", "0+", {
  segmentId: uuid(),
  startOffset: int64(),
  endOffset: int64(),
  brokerId: int32(),
  maxTimestampMs: int64(),
  eventTimestampMs: int64(),
  segmentLeaderEpochs: array({
    leaderEpoch: int32(),
    offset: int64(),
  }),
  segmentSizeInBytes: int32(),
  customMetadata: bytes({ nullable: "0+", default: null }),
  remoteLogSegmentState: int8(),
  txnIndexEmpty: bool({ tag: 0, taggedVersions: "0+" }),
});

export const RemoteLogSegmentMetadataUpdateRecord = message("RemoteLogSegmentMetadataUpdateRecord", "0", "0+", {
  remoteLogSegmentId: struct({
    topicIdPartition: struct({
      name: string(),
      id: uuid(),
      partition: int32(),
    }),
    id: uuid(),
  }),
  brokerId: int32(),
  eventTimestampMs: int64(),
  customMetadata: bytes({ nullable: "0+", default: null }),
  remoteLogSegmentState: int8(),
});

export const RemotePartitionDeleteMetadataRecord = message("RemotePartitionDeleteMetadataRecord", "0", "0+", {
  topicIdPartition: struct({
    name: string(),
    id: uuid(),
    partition: int32(),
  }),
  brokerId: int32(),
  eventTimestampMs: int64(),
  remotePartitionDeleteState: int8(),
});
