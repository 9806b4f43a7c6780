/**
 * The words a message is described with: one builder per Kafka type, and the TypeScript types they stand for.
 *
 * Owns: what a field is (type, versions, nullability, tag, default). Leaves to the engines: bytes.
 * Version ranges use Kafka's spelling; the order of an object's properties is the order on the wire.
 */
import { parseVersionRange, type VersionRange } from "./version-range.ts";

export type ScalarType =
  | "bool"
  | "int8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "int64Exact"
  | "float64"
  | "string"
  | "uuid"
  | "bytes"
  | "records";

/** How a field may be declared. Whatever is left out is Kafka's own default: every version, not null, no tag, zero value. */
export interface FieldOptions {
  /** Versions that carry the field; every version of the message when left out. */
  readonly versions?: string;
  readonly nullable?: string;
  /** Tag number and the versions in which the field travels in the tagged section. */
  readonly tag?: number;
  readonly taggedVersions?: string;
  readonly default?: unknown;
  /** A version that lacks the field drops its value silently instead of refusing to write it. */
  readonly ignorable?: boolean;
  /** "none": keeps the fixed-length encoding in flexible versions too (only RequestHeader.clientId). */
  readonly flexible?: "none";
}

interface FieldBase<O extends FieldOptions> {
  readonly options: O;
  readonly versions: VersionRange | undefined;
  readonly nullableVersions: VersionRange;
  readonly taggedVersions: VersionRange;
}

export interface ScalarField<T extends ScalarType = ScalarType, O extends FieldOptions = FieldOptions>
  extends FieldBase<O> {
  readonly type: T;
}

export interface StructField<F extends Fields = Fields, O extends FieldOptions = FieldOptions> extends FieldBase<O> {
  readonly type: "struct";
  readonly fields: F;
}

export interface ArrayField<E extends Field | Fields = Field | Fields, O extends FieldOptions = FieldOptions>
  extends FieldBase<O> {
  readonly type: "array";
  /** A scalar field without options, or a struct. */
  readonly element: ScalarField | StructField;
  /** Only a carrier of the element's type; never set. */
  readonly elementType?: E;
}

export type Field = ScalarField | StructField | ArrayField;
// biome-ignore lint/suspicious/noExplicitAny: the recursive constraint cannot name its own parameters
export type Fields = { readonly [name: string]: any };

function base<O extends FieldOptions>(options: O): FieldBase<O> {
  // A field may name only its tagged versions; it then exists in just those.
  const versions = options.versions ?? options.taggedVersions;
  return {
    options,
    versions: versions === undefined ? undefined : parseVersionRange(versions),
    nullableVersions: parseVersionRange(options.nullable ?? "none"),
    taggedVersions: parseVersionRange(options.taggedVersions ?? "none"),
  };
}

function scalar<T extends ScalarType>(type: T) {
  return <const O extends FieldOptions = Record<never, never>>(options: O = {} as O): ScalarField<T, O> => ({
    type,
    ...base(options),
  });
}

export const bool = scalar("bool");
export const int8 = scalar("int8");
export const int16 = scalar("int16");
export const uint16 = scalar("uint16");
export const int32 = scalar("int32");
export const uint32 = scalar("uint32");
/** A number; values outside ±(2^53-1) saturate, and a saturated value is written as the extreme of int64. */
export const int64 = scalar("int64");
/** A bigint: opaque 64-bit values that must survive a round trip. */
export const int64Exact = scalar("int64Exact");
export const float64 = scalar("float64");
export const string = scalar("string");
/** Kafka's text form: 22 characters of URL-safe base64. */
export const uuid = scalar("uuid");
/** Decoded as a copy, so that it may be kept. */
export const bytes = scalar("bytes");
/** Record batches: decoded as a view of the frame; encoded from one or several buffers, by reference where large. */
export const records = scalar("records");

export function struct<const F extends Fields, const O extends FieldOptions = Record<never, never>>(
  fields: F,
  options: O = {} as O,
): StructField<F, O> {
  return { type: "struct", fields, ...base(options) };
}

export function array<const E extends ScalarField | Fields, const O extends FieldOptions = Record<never, never>>(
  element: E,
  options: O = {} as O,
): ArrayField<E, O> {
  return { type: "array", element: isScalar(element) ? element : struct(element), ...base(options) };
}

function isScalar(element: ScalarField | Fields): element is ScalarField {
  return typeof (element as ScalarField).type === "string";
}

/** A tagged field of a newer peer, kept so that it can be written again as it came. */
export interface UnknownTaggedField {
  readonly tag: number;
  readonly data: Buffer;
}

interface ScalarTypes {
  bool: boolean;
  int8: number;
  int16: number;
  uint16: number;
  int32: number;
  uint32: number;
  int64: number;
  int64Exact: bigint;
  float64: number;
  string: string;
  uuid: string;
  bytes: Buffer;
  records: Buffer;
}

type Simplify<T> = { [K in keyof T]: T[K] };
type OrNull<T, O> = O extends { readonly nullable: string } ? T | null : T;

type DecodeField<F> =
  F extends ArrayField<infer E, infer O>
    ? OrNull<DecodeElement<E>[], O>
    : F extends StructField<infer S, infer O>
      ? OrNull<DecodeFields<S>, O>
      : F extends ScalarField<infer T, infer O>
        ? OrNull<ScalarTypes[T], O>
        : never;
type DecodeElement<E> = E extends ScalarField<infer T> ? ScalarTypes[T] : E extends Fields ? DecodeFields<E> : never;

/** What a decoder gives: every field, those absent from the version with their default. */
export type DecodeFields<F extends Fields> = Simplify<
  { -readonly [K in keyof F]: DecodeField<F[K]> } & { unknownTaggedFields?: UnknownTaggedField[] }
>;

type EncodeField<F> =
  F extends ArrayField<infer E, infer O>
    ? OrNull<readonly EncodeElement<E>[], O>
    : F extends StructField<infer S, infer O>
      ? OrNull<EncodeFields<S>, O>
      : F extends ScalarField<infer T, infer O>
        ? OrNull<T extends "records" ? Buffer | readonly Buffer[] : ScalarTypes[T], O>
        : never;
type EncodeElement<E> = E extends ScalarField<infer T> ? ScalarTypes[T] : E extends Fields ? EncodeFields<E> : never;

type OptionsOf<F> = F extends { readonly options: infer O } ? O : never;
/** A field may be left out when it has a default of its own or is not part of every version. */
type MayOmit<F> =
  OptionsOf<F> extends
    | { readonly default: unknown }
    | { readonly versions: string }
    | { readonly taggedVersions: string }
    | { readonly ignorable: true }
    ? true
    : false;
/** Nearly every response has throttleTimeMs, and nearly every one says 0. */
type OptionalKeys<F extends Fields> = {
  [K in keyof F]: K extends "throttleTimeMs" ? K : MayOmit<F[K]> extends true ? K : never;
}[keyof F];

/** What an encoder takes: fields with a default, or of some versions only, may be left out. */
export type EncodeFields<F extends Fields> = Simplify<
  { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: EncodeField<F[K]> } & {
    readonly [K in OptionalKeys<F>]?: EncodeField<F[K]> | undefined;
  } & { readonly unknownTaggedFields?: readonly UnknownTaggedField[] | undefined }
>;
