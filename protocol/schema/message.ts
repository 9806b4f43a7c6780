/**
 * A message: a name, the versions that exist, the versions that are flexible (KIP-482), and its fields.
 *
 * Everything else is derived from it: TypeScript types, both codecs, header versions, the advertised ranges.
 */
import type { DecodeFields, EncodeFields, Field, Fields } from "./field.ts";
import { containsVersion, parseVersionRange, type VersionRange } from "./version-range.ts";

export interface Message<F extends Fields = Fields> {
  readonly name: string;
  readonly validVersions: VersionRange;
  readonly flexibleVersions: VersionRange;
  readonly fields: F;
}

/** The decoded form of a message: every field of every version. */
export type Decode<M> = M extends Message<infer F> ? DecodeFields<F> : never;
/** The form a message is encoded from: what has a default may be left out. */
export type Encode<M> = M extends Message<infer F> ? EncodeFields<F> : never;

export function message<const F extends Fields>(
  name: string,
  validVersions: string,
  flexibleVersions: string,
  fields: F,
): Message<F> {
  return {
    name,
    validVersions: parseVersionRange(validVersions),
    flexibleVersions: parseVersionRange(flexibleVersions),
    fields,
  };
}

export function isFlexible(message: Message, version: number): boolean {
  return containsVersion(message.flexibleVersions, version);
}

/** One field as it stands in one version: what both engines need to know, and nothing else. */
export interface FieldInVersion {
  readonly name: string;
  readonly field: Field;
  /** False: the version does not carry the field; decoders give the default, encoders refuse or drop a value. */
  readonly present: boolean;
  readonly nullable: boolean;
  /** Compact lengths (uvarint of length + 1) instead of fixed ones. */
  readonly compact: boolean;
  /** Tag number when it travels in the tagged section of this version. */
  readonly tag: number | undefined;
}

/** The fields of a struct in one version, in wire order. */
export function fieldsInVersion(fields: Fields, version: number, flexible: boolean): FieldInVersion[] {
  return Object.entries(fields as Record<string, Field>).map(([name, field]) => {
    const present = field.versions === undefined || containsVersion(field.versions, version);
    const tagged = present && containsVersion(field.taggedVersions, version);
    if (tagged && !flexible) throw new Error(`${name} is tagged in version ${version}, which is not flexible`);
    return {
      name,
      field,
      present,
      nullable: containsVersion(field.nullableVersions, version),
      compact: flexible && field.options.flexible !== "none",
      tag: tagged ? field.options.tag : undefined,
    };
  });
}

const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";
const EMPTY_BYTES = Buffer.alloc(0);

/**
 * The value a field has when nothing is said: its declared default, or the zero value of its type. Arrays and structs are
 * made anew at each call, so that no two messages share them; `records` is null.
 */
export function defaultValue(field: Field): unknown {
  const declared = field.options.default;
  if (declared !== undefined) return declared;
  switch (field.type) {
    case "bool":
      return false;
    case "string":
      return "";
    case "uuid":
      return ZERO_UUID;
    case "bytes":
      return EMPTY_BYTES;
    case "records":
      return null;
    case "int64Exact":
      return 0n;
    case "array":
      return [];
    case "struct":
      return Object.fromEntries(
        Object.entries(field.fields as Record<string, Field>).map(([name, inner]) => [name, defaultValue(inner)]),
      );
    default:
      return 0;
  }
}

/** Whether a value equals the field's default; such tagged fields are not written, such absent ones are no error. */
export function isDefault(field: Field, value: unknown): boolean {
  const expected = defaultValue(field);
  if (value === undefined || value === expected) return true;
  if (value === null || expected === null) return false;
  if (field.type === "array") return (value as readonly unknown[]).length === 0;
  if (field.type === "bytes") return (value as Buffer).length === (expected as Buffer).length;
  if (field.type === "struct") {
    const struct = value as Record<string, unknown>;
    return (
      Object.entries(field.fields as Record<string, Field>).every(([name, inner]) => isDefault(inner, struct[name])) &&
      ((struct.unknownTaggedFields as readonly unknown[] | undefined)?.length ?? 0) === 0
    );
  }
  return false;
}
