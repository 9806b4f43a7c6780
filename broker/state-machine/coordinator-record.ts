/**
 * Records of a coordinator's internal topic: a key of an int16 type and its body, a value of an int16 version and its body; no
 * value deletes what the key stands for.
 *
 * Owns: the framing, which all coordinators share. Leaves to each coordinator: which types there are and what they mean.
 */
import { Reader } from "../../protocol/bytes/reader.ts";
import { Writer } from "../../protocol/bytes/writer.ts";
import { decode, encode } from "../../protocol/schema/codec.ts";
import type { Encode, Message } from "../../protocol/schema/message.ts";
import { containsVersion } from "../../protocol/schema/version-range.ts";

export interface RecordType<K extends Message = Message, V extends Message = Message> {
  /** What stands first in the key. */
  readonly id: number;
  readonly key: K;
  readonly value: V;
}

/** A record to be written. Made by `newRecord` and `tombstone`, which know what its type takes. */
export interface CoordinatorRecord {
  readonly type: RecordType;
  readonly key: object;
  /** Version of the value; without meaning in a tombstone. */
  readonly version: number;
  /** Null deletes. */
  readonly value: object | null;
  /** The memory that replaying it gives, where the decision that wrote it knows already; only its own machine reads it. */
  readonly memory?: unknown;
}

/** A record as it was read: every field is there. */
export interface StoredRecord {
  readonly type: RecordType;
  readonly key: object;
  readonly value: object | null;
}

export function recordType<K extends Message, V extends Message>(id: number, key: K, value: V): RecordType<K, V> {
  return { id, key, value };
}

export function newRecord<K extends Message, V extends Message>(
  type: RecordType<K, V>,
  key: Encode<K>,
  version: number,
  value: Encode<V>,
  memory?: unknown,
): CoordinatorRecord {
  return { type, key, version, value, memory };
}

export function tombstone<K extends Message, V extends Message>(
  type: RecordType<K, V>,
  key: Encode<K>,
): CoordinatorRecord {
  return { type, key, version: 0, value: null };
}

const MAX_STRING_BYTES = 0x7fff;
/** A UTF-16 unit takes at most this many bytes. */
const MAX_UNIT_BYTES = 3;

/**
 * Whether a record can hold a text. What clients send fits when it comes, but bytes that were no UTF-8 have become three each.
 */
export function fitsRecord(text: string): boolean {
  return text.length * MAX_UNIT_BYTES <= MAX_STRING_BYTES || Buffer.byteLength(text) <= MAX_STRING_BYTES;
}

/** As much of a text as every record can hold. */
export function cutToRecord(text: string): string {
  return fitsRecord(text) ? text : text.slice(0, Math.floor(MAX_STRING_BYTES / MAX_UNIT_BYTES));
}

/** Key and value as they are stored. */
export function encodeRecord(record: CoordinatorRecord): { key: Buffer; value: Buffer | null } {
  const key = new Writer();
  key.int16(record.type.id);
  encode(record.type.key, 0, record.key as Encode<Message>, key);
  const keyBytes = key.finishOne();
  if (record.value === null) return { key: keyBytes, value: null };
  const value = new Writer();
  value.int16(record.version);
  encode(record.type.value, record.version, record.value as Encode<Message>, value);
  return { key: keyBytes, value: value.finishOne() };
}

/** The record types of one topic. */
export class RecordTypes {
  private readonly byId = new Map<number, RecordType>();

  constructor(types: readonly RecordType[]) {
    for (const type of types) this.byId.set(type.id, type);
  }

  /**
   * Reads a record. Undefined when its type is none of these: a newer release wrote it.
   * @throws DecodeError when the bytes are no such record; Error when the version of its value is unknown.
   */
  decode(key: Buffer, value: Buffer | null): StoredRecord | undefined {
    const keyReader = new Reader(key);
    const type = this.byId.get(keyReader.int16());
    if (type === undefined) return undefined;
    const keyData = decode(type.key, 0, keyReader);
    if (value === null) return { type, key: keyData, value: null };
    const valueReader = new Reader(value);
    const version = valueReader.int16();
    if (!containsVersion(type.value.validVersions, version)) {
      throw new Error(`${type.value.name} of unknown version ${version}`);
    }
    return { type, key: keyData, value: decode(type.value, version, valueReader) };
  }
}
