/**
 * The wire rules as closures: one decoder and one encoder per field, put together per (message, version).
 *
 * The readable statement of Kafka's encoding (part 0 of its schema syntax, KIP-482 for tagged fields), and the engine where
 * `eval` is barred. compile-decoder.ts and compile-encoder.ts write the same rules as source; a differential test holds them
 * together.
 */
import type { Reader } from "../bytes/reader.ts";
import type { Writer } from "../bytes/writer.ts";
import type { Field, Fields, ScalarType, UnknownTaggedField } from "./field.ts";
import { defaultValue, type FieldInVersion, fieldsInVersion, isDefault, isFlexible, type Message } from "./message.ts";

export type Decoder = (reader: Reader) => unknown;
export type Encoder = (writer: Writer, value: unknown) => void;
type Struct = Record<string, unknown>;

export function interpretDecoder(message: Message, version: number): Decoder {
  return structDecoder(message.fields, version, isFlexible(message, version));
}

export function interpretEncoder(message: Message, version: number): Encoder {
  return structEncoder(message.fields, version, isFlexible(message, version));
}

function structDecoder(fields: Fields, version: number, flexible: boolean): Decoder {
  const all = fieldsInVersion(fields, version, flexible);
  const inOrder = all
    .filter((f) => f.present && f.tag === undefined)
    .map((f) => ({ name: f.name, decode: fieldDecoder(f, version, flexible) }));
  const byTag = new Map<number, { name: string; decode: Decoder }>();
  for (const f of all) {
    if (f.tag !== undefined) byTag.set(f.tag, { name: f.name, decode: taggedDecoder(f, version, flexible) });
  }
  return (reader) => {
    const present = new Map<string, unknown>();
    for (const { name, decode } of inOrder) present.set(name, decode(reader));
    let unknown: UnknownTaggedField[] | undefined;
    if (flexible) {
      for (let left = reader.uvarint(); left > 0; left--) {
        const tag = reader.uvarint();
        const known = byTag.get(tag);
        if (known !== undefined) {
          reader.uvarint(); // the size of a field that is known says nothing more, and Kafka does not look at it either
          present.set(known.name, known.decode(reader));
        } else {
          unknown ??= [];
          unknown.push(reader.unknownTaggedField(tag));
        }
      }
    }
    const struct: Struct = {};
    for (const { name, field } of all) struct[name] = present.has(name) ? present.get(name) : defaultValue(field);
    if (unknown !== undefined) struct.unknownTaggedFields = unknown;
    return struct;
  };
}

function structEncoder(fields: Fields, version: number, flexible: boolean): Encoder {
  const all = fieldsInVersion(fields, version, flexible);
  const inOrder = all
    .filter((f) => f.present && f.tag === undefined)
    .map((f) => ({ ...f, encode: fieldEncoder(f, version, flexible) }));
  const tagged = all
    .filter((f) => f.tag !== undefined)
    .map((f) => ({ ...f, tag: f.tag as number, encode: taggedEncoder(f, version, flexible) }))
    .sort((a, b) => a.tag - b.tag);
  const absent = all.filter((f) => !f.present && f.field.options.ignorable !== true);
  return (writer, value) => {
    const struct = value as Struct;
    for (const { name, field } of absent) {
      if (!isDefault(field, struct[name])) writer.notInVersion(name, version);
    }
    for (const { name, field, encode } of inOrder) {
      const given = struct[name];
      encode(writer, given === undefined ? defaultValue(field) : given);
    }
    if (!flexible) return;
    const unknown = (struct.unknownTaggedFields ?? []) as readonly UnknownTaggedField[];
    const given = tagged.filter(({ name, field }) => !isDefault(field, struct[name]));
    writer.uvarint(given.length + unknown.length);
    let next = 0;
    for (const { name, tag, encode } of given) {
      next = writer.unknownTaggedFields(unknown, next, tag);
      const mark = writer.openTaggedField(tag);
      encode(writer, struct[name]);
      writer.closeTaggedField(mark);
    }
    writer.unknownTaggedFields(unknown, next, Number.POSITIVE_INFINITY);
  };
}

/** A tagged nullable struct carries a uvarint before its fields: 1, or 0 for null. */
function taggedDecoder(f: FieldInVersion, version: number, flexible: boolean): Decoder {
  if (f.field.type !== "struct") return fieldDecoder(f, version, flexible);
  const decode = structDecoder(f.field.fields, version, flexible);
  if (!f.nullable) return decode;
  return (reader) => (reader.uvarint() <= 0 ? null : decode(reader));
}

function taggedEncoder(f: FieldInVersion, version: number, flexible: boolean): Encoder {
  const { field, name, nullable } = f;
  if (field.type !== "struct") return fieldEncoder(f, version, flexible);
  const encode = structEncoder(field.fields, version, flexible);
  return (writer, value) => {
    if (nullable) writer.uvarint(value === null ? 0 : 1);
    else if (value === null) writer.notNull(name);
    if (value !== null) encode(writer, value);
  };
}

function fieldDecoder(f: FieldInVersion, version: number, flexible: boolean): Decoder {
  const { field, name, nullable, compact } = f;
  switch (field.type) {
    case "struct": {
      const decode = structDecoder(field.fields, version, flexible);
      return nullable ? (reader) => (reader.int8() < 0 ? null : decode(reader)) : decode;
    }
    case "array": {
      const element = elementDecoder(field.element, version, flexible);
      return (reader) => {
        const count = compact ? reader.compactLength() : reader.int32();
        if (count < 0) return nullable ? null : reader.notNull(name);
        reader.count(count);
        const values = [];
        for (let i = 0; i < count; i++) values.push(element(reader));
        return values;
      };
    }
    default:
      return scalarDecoder(field.type, name, nullable, compact);
  }
}

function elementDecoder(element: Field, version: number, flexible: boolean): Decoder {
  if (element.type === "struct") return structDecoder(element.fields, version, flexible);
  return scalarDecoder(element.type as ScalarType, "an element", false, flexible);
}

function scalarDecoder(type: ScalarType, name: string, nullable: boolean, compact: boolean): Decoder {
  const variable = (
    read: (reader: Reader, length: number) => unknown,
    fixedLength: (reader: Reader) => number,
  ): Decoder => {
    return (reader) => {
      const length = compact ? reader.compactLength() : fixedLength(reader);
      if (length < 0) return nullable ? null : reader.notNull(name);
      return read(reader, length);
    };
  };
  switch (type) {
    case "string":
      return variable(
        (reader, length) => reader.text(length),
        (reader) => reader.int16(),
      );
    case "bytes":
      return variable(
        (reader, length) => reader.copy(length),
        (reader) => reader.int32(),
      );
    case "records":
      return variable(
        (reader, length) => reader.view(length),
        (reader) => reader.int32(),
      );
    default:
      return (reader) => reader[type]();
  }
}

function fieldEncoder(f: FieldInVersion, version: number, flexible: boolean): Encoder {
  const { field, name, nullable, compact } = f;
  switch (field.type) {
    case "struct": {
      const encode = structEncoder(field.fields, version, flexible);
      return (writer, value) => {
        if (nullable) writer.int8(value === null ? -1 : 1);
        else if (value === null) writer.notNull(name);
        if (value !== null) encode(writer, value);
      };
    }
    case "array": {
      const element = elementEncoder(field.element, version, flexible);
      return (writer, value) => {
        if (value === null) {
          if (!nullable) writer.notNull(name);
          return compact ? writer.uvarint(0) : writer.int32(-1);
        }
        const values = value as readonly unknown[];
        if (compact) writer.uvarint(values.length + 1);
        else writer.int32(values.length);
        for (const one of values) element(writer, one);
      };
    }
    default:
      return scalarEncoder(field.type, name, nullable, compact);
  }
}

function elementEncoder(element: Field, version: number, flexible: boolean): Encoder {
  if (element.type === "struct") return structEncoder(element.fields, version, flexible);
  return scalarEncoder(element.type as ScalarType, "an element", false, flexible);
}

function scalarEncoder(type: ScalarType, name: string, nullable: boolean, compact: boolean): Encoder {
  switch (type) {
    case "string":
      return (writer, value) => {
        if (value !== null) compact ? writer.compactString(value as string) : writer.string(value as string);
        else if (!nullable) writer.notNull(name);
        else compact ? writer.uvarint(0) : writer.int16(-1);
      };
    case "bytes":
      return (writer, value) => {
        if (value !== null) compact ? writer.compactBytes(value as Buffer) : writer.bytes(value as Buffer);
        else if (!nullable) writer.notNull(name);
        else compact ? writer.uvarint(0) : writer.int32(-1);
      };
    case "records":
      return (writer, value) => {
        if (value !== null) compact ? writer.compactRecords(value as Buffer) : writer.records(value as Buffer);
        else if (!nullable) writer.notNull(name);
        else compact ? writer.uvarint(0) : writer.int32(-1);
      };
    default:
      return (writer, value) => (writer[type] as (value: unknown) => void).call(writer, value);
  }
}
