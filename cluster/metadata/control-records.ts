/**
 * Control records of the metadata log and its snapshots: leader changes, kraft.version and voters (KIP-595, KIP-853), headers and
 * footers of snapshots (KIP-630).
 *
 * Owns: which type is which number, and their bytes. The version of a value is its own first field.
 */
import { Reader } from "../../protocol/bytes/reader.ts";
import {
  KRaftVersionRecord,
  LeaderChangeMessage,
  SnapshotFooterRecord,
  SnapshotHeaderRecord,
  VotersRecord,
} from "../../protocol/messages/control-records.ts";
import { decode, encodeToBuffer } from "../../protocol/schema/codec.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import type { BatchRecord } from "./batch-writer.ts";

const CONTROL_TYPES = {
  LeaderChange: { id: 2, message: LeaderChangeMessage },
  SnapshotHeader: { id: 3, message: SnapshotHeaderRecord },
  SnapshotFooter: { id: 4, message: SnapshotFooterRecord },
  KRaftVersion: { id: 5, message: KRaftVersionRecord },
  Voters: { id: 6, message: VotersRecord },
} as const satisfies Record<string, { readonly id: number; readonly message: Message }>;

export type ControlType = keyof typeof CONTROL_TYPES;

export type ControlRecord<T extends ControlType = ControlType> = {
  [K in T]: { readonly type: K; readonly data: Decode<(typeof CONTROL_TYPES)[K]["message"]> };
}[T];

const KEY_VERSION = 0;
const KEY_BYTES = 4;

const typeById = new Map<number, ControlType>(
  Object.entries(CONTROL_TYPES).map(([type, { id }]) => [id, type as ControlType]),
);

/** A control record as it is stored; `data.version` is the version it is written in. */
export function controlRecord<T extends ControlType>(
  type: T,
  data: Encode<(typeof CONTROL_TYPES)[T]["message"]>,
): BatchRecord {
  const key = Buffer.alloc(KEY_BYTES);
  key.writeInt16BE(KEY_VERSION, 0);
  key.writeInt16BE(CONTROL_TYPES[type].id, 2);
  const { version } = data as { readonly version: number };
  return { key, value: encodeToBuffer(CONTROL_TYPES[type].message as Message, version, data as never) };
}

/** Undefined for a type this release does not know, which Kafka skips as well. @throws DecodeError. */
export function readControlRecord(key: Buffer, value: Buffer): ControlRecord | undefined {
  const keyReader = new Reader(key);
  keyReader.int16();
  const type = typeById.get(keyReader.int16());
  if (type === undefined) return undefined;
  const version = new Reader(value).int16();
  const data: unknown = decode(CONTROL_TYPES[type].message as Message, version, value);
  return { type, data } as ControlRecord;
}
