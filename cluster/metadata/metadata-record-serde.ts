/**
 * Metadata records as the values of the log: uvarint frame version, record type and version, then the flexible body.
 *
 * Owns: the frame. Leaves to the caller what an unknown record means for it: reading one throws.
 */
import { Reader } from "../../protocol/bytes/reader.ts";
import { Writer } from "../../protocol/bytes/writer.ts";
import { decode, encoderOf } from "../../protocol/schema/codec.ts";
import { containsVersion } from "../../protocol/schema/version-range.ts";
import { type MetadataRecord, RECORD_TYPES, type RecordType } from "./metadata-record.ts";

const FRAME_VERSION = 1;

const typeById: (RecordType | undefined)[] = [];
for (const [type, { id }] of Object.entries(RECORD_TYPES)) typeById[id] = type as RecordType;

/** A record this release cannot understand: going on without it would give a wrong image of the cluster. */
export class UnknownMetadataRecord extends Error {
  override readonly name = "UnknownMetadataRecord";
}

export function encodeMetadataRecord(record: MetadataRecord): Buffer {
  const { id, message } = RECORD_TYPES[record.type];
  const writer = new Writer();
  writer.uvarint(FRAME_VERSION);
  writer.uvarint(id);
  writer.uvarint(record.version);
  encoderOf(message, record.version)(writer, record.data);
  return writer.finishOne();
}

/** @throws UnknownMetadataRecord of a newer release; DecodeError when the bytes are no record. */
export function decodeMetadataRecord(value: Buffer): MetadataRecord {
  const reader = new Reader(value);
  const frameVersion = reader.uvarint();
  if (frameVersion !== FRAME_VERSION) throw new UnknownMetadataRecord(`frame version ${frameVersion}`);
  const id = reader.uvarint();
  const type = typeById[id];
  if (type === undefined) throw new UnknownMetadataRecord(`record type ${id}`);
  const version = reader.uvarint();
  const { message } = RECORD_TYPES[type];
  if (!containsVersion(message.validVersions, version)) {
    throw new UnknownMetadataRecord(`version ${version} of ${message.name}`);
  }
  return { type, version, data: decode(message, version, reader) } as MetadataRecord;
}
