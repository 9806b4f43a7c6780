/**
 * Control records: the markers that end transactions, and what the metadata quorum writes about itself.
 *
 * Owns: their keys, and the values' version: two bytes before a marker's coordinator epoch, the first field of the quorum's
 * messages. Leaves which of them mean what to transactions and to the quorum.
 * A reader ignores types it does not know, and reads a higher version as the highest it knows.
 */
import { Reader } from "../bytes/reader.ts";
import {
  EndTxnMarker,
  KRaftVersionRecord,
  LeaderChangeMessage,
  SnapshotFooterRecord,
  SnapshotHeaderRecord,
  VotersRecord,
} from "../messages/control-records.ts";
import { decode, encodeToBuffer } from "../schema/codec.ts";
import type { Decode, Encode } from "../schema/message.ts";
import { InvalidRecordError } from "./invalid-record-error.ts";
import { buildRecordBatch } from "./record-batch-builder.ts";

export const ControlRecordType = {
  ABORT: 0,
  COMMIT: 1,
  LEADER_CHANGE: 2,
  SNAPSHOT_HEADER: 3,
  SNAPSHOT_FOOTER: 4,
  KRAFT_VERSION: 5,
  KRAFT_VOTERS: 6,
} as const;
export type ControlRecordType = (typeof ControlRecordType)[keyof typeof ControlRecordType];

/** The messages that the quorum's control records hold. */
const QUORUM_MESSAGES = {
  [ControlRecordType.LEADER_CHANGE]: LeaderChangeMessage,
  [ControlRecordType.SNAPSHOT_HEADER]: SnapshotHeaderRecord,
  [ControlRecordType.SNAPSHOT_FOOTER]: SnapshotFooterRecord,
  [ControlRecordType.KRAFT_VERSION]: KRaftVersionRecord,
  [ControlRecordType.KRAFT_VOTERS]: VotersRecord,
} as const;
type QuorumMessages = typeof QUORUM_MESSAGES;
export type QuorumControlType = keyof QuorumMessages;

const KEY_VERSION = 0;
const KEY_BYTES = 4;
/** The versions Kafka writes: its readers take no other of the quorum's messages. */
const MARKER_VERSION = 0;
const QUORUM_VERSION = 0;
const MARKER_VALUE_BYTES = 6;

/**
 * The type in a control record's key: one of ControlRecordType, or a number that a reader ignores.
 * @throws InvalidRecordError when the key holds none.
 */
export function controlRecordType(key: Buffer | null): number {
  if (key === null || key.length < KEY_BYTES) throw new InvalidRecordError(0, "a control record's key without a type");
  if (key.readInt16BE(0) < KEY_VERSION) throw new InvalidRecordError(0, "a control record's key of a negative version");
  return key.readInt16BE(2);
}

export function encodeControlKey(type: ControlRecordType): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES);
  key.writeInt16BE(KEY_VERSION, 0);
  key.writeInt16BE(type, 2);
  return key;
}

export interface EndTransactionMarker {
  readonly committed: boolean;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly timestampMs: number;
}

/** The batch that ends a transaction in one partition; the leader gives it its offset and epoch. */
export function buildEndTransactionBatch(marker: EndTransactionMarker): Buffer {
  const version = Buffer.alloc(2);
  version.writeInt16BE(MARKER_VERSION);
  const body = encodeToBuffer(EndTxnMarker, MARKER_VERSION, { coordinatorEpoch: marker.coordinatorEpoch });
  const record = {
    timestamp: marker.timestampMs,
    key: encodeControlKey(marker.committed ? ControlRecordType.COMMIT : ControlRecordType.ABORT),
    value: Buffer.concat([version, body]),
  };
  const { producerId, producerEpoch } = marker;
  return buildRecordBatch([record], { producerId, producerEpoch, isTransactional: true, isControl: true });
}

/** The coordinator epoch in a marker's value. @throws InvalidRecordError when the value is too short or of a negative version. */
export function coordinatorEpochOf(value: Buffer | null): number {
  if (value === null || value.length < MARKER_VALUE_BYTES)
    throw new InvalidRecordError(0, `a transaction marker of ${value?.length ?? 0} bytes`);
  if (value.readInt16BE(0) < 0) throw new InvalidRecordError(0, "a transaction marker of a negative version");
  return decode(EndTxnMarker, MARKER_VERSION, new Reader(value, 2)).coordinatorEpoch;
}

export interface QuorumBatchOptions {
  readonly baseOffset: number;
  readonly partitionLeaderEpoch: number;
  readonly timestampMs: number;
}

/** One control record of the metadata log or a snapshot; its `version` is written for it. */
export type QuorumControlRecord = {
  [T in QuorumControlType]: { readonly type: T; readonly value: Omit<Encode<QuorumMessages[T]>, "version"> };
}[QuorumControlType];

/** A batch of control records of the quorum, as they stand together at the head of an epoch or a snapshot. */
export function buildQuorumControlBatch(
  records: readonly QuorumControlRecord[],
  { baseOffset, partitionLeaderEpoch, timestampMs }: QuorumBatchOptions,
): Buffer {
  return buildRecordBatch(
    records.map(({ type, value }) => ({
      timestamp: timestampMs,
      key: encodeControlKey(type),
      value: encodeToBuffer(QUORUM_MESSAGES[type], QUORUM_VERSION, { ...value, version: QUORUM_VERSION } as never),
    })),
    { baseOffset, partitionLeaderEpoch, isControl: true },
  );
}

/** @throws DecodeError */
export function decodeQuorumControlValue<T extends QuorumControlType>(
  type: T,
  value: Buffer,
): Decode<QuorumMessages[T]> {
  return decode<QuorumMessages[T]>(QUORUM_MESSAGES[type], QUORUM_VERSION, value);
}
