/**
 * Messages as the JSON that Kafka's generated converters read and write.
 *
 * Their rules: fields by their camel-case names, byte strings as base64, tagged fields with their default left out, unknown
 * tagged fields lost; `records` are read, but written as nothing.
 */
import type { Field, ScalarType } from "../../../protocol/schema/field.ts";
import {
  defaultValue,
  fieldsInVersion,
  isDefault,
  isFlexible,
  type Message,
} from "../../../protocol/schema/message.ts";
import type { Struct } from "../../support/random-message.ts";

const MAX_INT64 = "9223372036854775807";
const MIN_INT64 = "-9223372036854775808";
const NO_BYTES = Buffer.alloc(0);

/** A decoded message as JSON that Kafka's converter reads. */
export function toKafkaJson(message: Message, version: number, value: Struct): string {
  return structText(message.fields, version, isFlexible(message, version), value);
}

function structText(fields: Message["fields"], version: number, flexible: boolean, value: Struct): string {
  const properties = fieldsInVersion(fields, version, flexible)
    .filter(({ name, field, present, tag }) => present && !(tag !== undefined && isDefault(field, value[name])))
    .map(({ name, field }) => `${JSON.stringify(name)}:${fieldText(field, version, flexible, value[name])}`);
  return `{${properties.join(",")}}`;
}

function fieldText(field: Field, version: number, flexible: boolean, value: unknown): string {
  if (value === null) return "null";
  if (field.type === "struct") return structText(field.fields, version, flexible, value as Struct);
  if (field.type === "array") {
    const elements = (value as unknown[]).map((element) => fieldText(field.element, version, flexible, element));
    return `[${elements.join(",")}]`;
  }
  if (Buffer.isBuffer(value)) return JSON.stringify(value.toString("base64"));
  if (field.type === "int64") {
    if (value === Number.MAX_SAFE_INTEGER) return MAX_INT64;
    if (value === Number.MIN_SAFE_INTEGER) return MIN_INT64;
  }
  if (field.type === "float64" && Number.isInteger(value)) return (value as number).toExponential();
  return typeof value === "bigint" ? value.toString() : JSON.stringify(value);
}

/** What Kafka's converter wrote, as a decoded message; `records` come back empty. */
export function fromKafkaJson(message: Message, version: number, text: string): Struct {
  // JSON.parse would round integers of 64 bits: long ones become strings first.
  const long = /("(?:[^"\\]|\\.)*")|(?<![\w.+-])(-?\d{15,})(?![\d.eE])/g;
  const parsed = JSON.parse(text.replace(long, (_, quoted, digits) => quoted ?? `"${digits}"`)) as Struct;
  return structValue(message.fields, version, isFlexible(message, version), parsed);
}

function structValue(fields: Message["fields"], version: number, flexible: boolean, parsed: Struct): Struct {
  const value: Struct = {};
  for (const { name, field, present } of fieldsInVersion(fields, version, flexible)) {
    const given = parsed[name];
    value[name] = present && given !== undefined ? fieldValue(field, version, flexible, given) : defaultValue(field);
  }
  return value;
}

function fieldValue(field: Field, version: number, flexible: boolean, given: unknown): unknown {
  if (given === null) return null;
  if (field.type === "struct") return structValue(field.fields, version, flexible, given as Struct);
  if (field.type === "array")
    return (given as unknown[]).map((element) => fieldValue(field.element, version, flexible, element));
  return scalarValue(field.type, given);
}

function scalarValue(type: ScalarType, given: unknown): unknown {
  switch (type) {
    case "records":
      return NO_BYTES;
    case "bytes":
      return Buffer.from(given as string, "base64");
    case "int64Exact":
      return BigInt(given as string | number);
    case "int64":
      return Math.min(Math.max(Number(given), Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
    case "float64":
      return Number(given);
    default:
      return given;
  }
}
