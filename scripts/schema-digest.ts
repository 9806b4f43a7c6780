/**
 * The facts of Kafka's schema files, without their prose: `tsx scripts/schema-digest.ts DIR > test/golden/schemas.json`.
 *
 * Owns: reading Kafka's JSON dialect and bringing it into one form, in which every range is cut to the versions that exist and
 * whatever says nothing (a zero default, no tag) is left out. Leaves to test/protocol/schemas.test.ts: comparing it with ours.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NO_VERSIONS, parseVersionRange, type VersionRange } from "../protocol/schema/version-range.ts";

/** A field as the digest has it; ranges are "3", "3-13" or, where they say nothing, absent. */
export interface DigestField {
  name: string;
  /** A scalar, "struct", or either behind "[]". */
  type: string;
  versions: string;
  nullable?: string;
  tag?: number;
  tagged?: string;
  /** Only where it is not the zero value of the type; int64 as text when a number cannot hold it. */
  default?: number | string | null | boolean;
  ignorable?: true;
  /** "none": fixed-length also in flexible versions. */
  flexible?: string;
  fields?: DigestField[];
}

export interface DigestMessage {
  kind: string;
  versions: string;
  flexible: string;
  apiKey?: number;
  listeners?: string[];
  latestVersionUnstable?: true;
  fields: DigestField[];
}

export type SchemaDigest = Record<string, DigestMessage>;

interface KafkaField {
  name: string;
  type: string;
  versions?: string;
  nullableVersions?: string;
  taggedVersions?: string;
  flexibleVersions?: string;
  tag?: number;
  default?: unknown;
  ignorable?: boolean;
  fields?: KafkaField[];
}

interface KafkaMessage {
  apiKey?: number;
  type: string;
  name: string;
  listeners?: string[];
  validVersions: string;
  flexibleVersions: string;
  latestVersionUnstable?: boolean;
  commonStructs?: { name: string; fields: KafkaField[] }[];
  fields: KafkaField[];
}

export function intersect(a: VersionRange, b: VersionRange): VersionRange {
  const both = { min: Math.max(a.min, b.min), max: Math.min(a.max, b.max) };
  return both.min > both.max ? NO_VERSIONS : both;
}

export function spell(range: VersionRange): string {
  if (range.min > range.max) return "none";
  return range.min === range.max ? `${range.min}` : `${range.min}-${range.max}`;
}

/** Every schema file below a folder; retired APIs, which have no versions, are left out. */
export function digestOfFolder(folder: string): SchemaDigest {
  const messages = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json"))
    .map((name) => parseKafkaJson(readFileSync(join(folder, name), "utf8")) as KafkaMessage)
    .filter((message) => message.validVersions !== "none")
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return Object.fromEntries(messages.map((message) => [message.name, digestOf(message)]));
}

/** JSON with comments, as Kafka's generator reads it. */
function parseKafkaJson(text: string): unknown {
  return JSON.parse(text.replace(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, quoted) => quoted ?? ""));
}

function digestOf(message: KafkaMessage): DigestMessage {
  const versions = parseVersionRange(message.validVersions);
  const structs = new Map((message.commonStructs ?? []).map((struct) => [struct.name, struct.fields]));
  return {
    kind: message.type,
    versions: spell(versions),
    flexible: spell(intersect(parseVersionRange(message.flexibleVersions), versions)),
    ...(message.apiKey === undefined ? {} : { apiKey: message.apiKey }),
    ...(message.listeners === undefined ? {} : { listeners: message.listeners }),
    ...(message.latestVersionUnstable === true ? { latestVersionUnstable: true } : {}),
    fields: message.fields.map((field) => digestField(field, versions, structs)),
  };
}

function digestField(field: KafkaField, parent: VersionRange, structs: Map<string, KafkaField[]>): DigestField {
  const versions = intersect(parseVersionRange(field.versions ?? field.taggedVersions ?? "0+"), parent);
  const element = field.type.replace("[]", "");
  const isStruct = /^[A-Z]/.test(element);
  const type = isStruct ? field.type.replace(element, "struct") : field.type;
  const nullable = spell(intersect(parseVersionRange(field.nullableVersions ?? "none"), versions));
  const tagged = spell(intersect(parseVersionRange(field.taggedVersions ?? "none"), versions));
  const declared = normalDefault(type, field.default);
  return {
    name: (field.name[0] as string).toLowerCase() + field.name.slice(1),
    type,
    versions: spell(versions),
    ...(nullable === "none" ? {} : { nullable }),
    ...(tagged === "none" ? {} : { tag: field.tag as number, tagged }),
    ...(declared === undefined ? {} : { default: declared }),
    ...(field.ignorable === true ? { ignorable: true } : {}),
    ...(field.flexibleVersions === undefined ? {} : { flexible: field.flexibleVersions }),
    ...(isStruct
      ? { fields: (field.fields ?? structs.get(element) ?? []).map((inner) => digestField(inner, versions, structs)) }
      : {}),
  };
}

/**
 * Kafka writes defaults as text, numbers also in hexadecimal; undefined when it is what the type has anyway. "null" is null, but a
 * bare null means that none is given.
 */
function normalDefault(type: string, text: unknown): DigestField["default"] | undefined {
  if (text === undefined || text === null || text === "") return undefined;
  if (text === "null") return type === "records" ? undefined : null;
  if (type === "bool") return `${text}` === "true" ? true : undefined;
  if (type === "string") return text as string;
  const value = Number(text);
  if (value === 0) return undefined;
  return Number.isSafeInteger(value) || type === "float64" ? value : `${text}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const digest = digestOfFolder(process.argv[2] as string);
  const lines = Object.entries(digest).map(([name, facts]) => `${JSON.stringify(name)}: ${JSON.stringify(facts)}`);
  process.stdout.write(`{\n${lines.join(",\n")}\n}\n`);
}
