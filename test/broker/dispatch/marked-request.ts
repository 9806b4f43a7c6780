/**
 * A request of any API and version with something in every field, written byte by byte from its schema, with marks where counts,
 * lengths and tagged sections stand. It shares no code with the engines whose reading it puts to the test.
 */
import type { Api } from "../../../protocol/schema/api.ts";
import type { Field, Fields } from "../../../protocol/schema/field.ts";
import { type FieldInVersion, fieldsInVersion, isFlexible } from "../../../protocol/schema/message.ts";

export interface Mark {
  readonly kind: "count" | "length" | "tags";
  readonly path: string;
  /** Where it stands in the body, and how many bytes it takes. */
  readonly at: number;
  readonly width: number;
  readonly compact: boolean;
  readonly nullable: boolean;
}

export interface MarkedRequest {
  readonly body: Buffer;
  readonly marks: readonly Mark[];
}

/** Integers are 1: an acks that is answered, waits that are short. */
const ONE = 1;
const TEXT = Buffer.from("ab");
const UUID = Buffer.alloc(16, 9);

export function markedRequest(api: Api, version: number): MarkedRequest {
  const writer = new MarkingWriter(version, isFlexible(api.request, version));
  writer.struct(api.request.fields, api.name);
  return { body: Buffer.from(writer.bytes), marks: writer.marks };
}

/** The request with other bytes in place of a mark's. */
export function withMark({ body }: MarkedRequest, mark: Mark, bytes: Buffer): Buffer {
  return Buffer.concat([body.subarray(0, mark.at), bytes, body.subarray(mark.at + mark.width)]);
}

class MarkingWriter {
  readonly bytes: number[] = [];
  readonly marks: Mark[] = [];
  private readonly version: number;
  private readonly flexible: boolean;

  constructor(version: number, flexible: boolean) {
    this.version = version;
    this.flexible = flexible;
  }

  struct(fields: Fields, path: string): void {
    const present = fieldsInVersion(fields, this.version, this.flexible).filter((field) => field.present);
    for (const field of present) if (field.tag === undefined) this.field(field, `${path}.${field.name}`);
    if (!this.flexible) return;
    // Known tagged fields are left out: their bytes belong to a size, which a test of lengths would have to mend.
    this.mark("tags", path, 1, true, false);
    this.bytes.push(0);
  }

  private field(field: FieldInVersion, path: string): void {
    if (field.field.type === "struct") {
      if (field.nullable) this.bytes.push(1);
      this.struct(field.field.fields, path);
    } else if (field.field.type === "array") {
      this.size("count", 1, 4, field.compact, field.nullable, path);
      const { element } = field.field;
      if (element.type === "struct") this.struct(element.fields, `${path}[0]`);
      else this.scalar(element, field.compact, false, `${path}[0]`);
    } else {
      this.scalar(field.field, field.compact, field.nullable, path);
    }
  }

  private scalar(field: Field, compact: boolean, nullable: boolean, path: string): void {
    switch (field.type) {
      case "string":
        this.size("length", TEXT.length, 2, compact, nullable, path);
        this.bytes.push(...TEXT);
        return;
      case "bytes":
      case "records":
        this.size("length", TEXT.length, 4, compact, nullable, path);
        this.bytes.push(...TEXT);
        return;
      case "uuid":
        this.bytes.push(...UUID);
        return;
      case "bool":
      case "int8":
        this.bytes.push(ONE);
        return;
      case "int16":
      case "uint16":
        this.bytes.push(0, ONE);
        return;
      case "int32":
      case "uint32":
        this.bytes.push(0, 0, 0, ONE);
        return;
      case "int64":
      case "int64Exact":
      case "float64":
        this.bytes.push(0, 0, 0, 0, 0, 0, 0, ONE);
        return;
      default:
        throw new Error(`${path}: no bytes for ${field.type}`);
    }
  }

  private size(
    kind: "count" | "length",
    size: number,
    fixed: 2 | 4,
    compact: boolean,
    nullable: boolean,
    path: string,
  ): void {
    const width = compact ? 1 : fixed;
    this.mark(kind, path, width, compact, nullable);
    if (compact) this.bytes.push(size + 1);
    else this.bytes.push(...(fixed === 2 ? [0, size] : [0, 0, 0, size]));
  }

  private mark(kind: Mark["kind"], path: string, width: number, compact: boolean, nullable: boolean): void {
    this.marks.push({ kind, path, at: this.bytes.length, width, compact, nullable });
  }
}

/** A count or length as the field would write it: of `width` bytes, or as a varint of the value plus one. */
export function sizeBytes(mark: Mark, size: number): Buffer {
  if (mark.compact) return uvarint((size + 1) >>> 0);
  const bytes = Buffer.alloc(mark.width);
  if (mark.width === 2) bytes.writeInt16BE(size);
  else bytes.writeInt32BE(size);
  return bytes;
}

export function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  while (left >= 0x80) {
    bytes.push((left % 0x80) + 0x80);
    left = Math.floor(left / 0x80);
  }
  bytes.push(left);
  return Buffer.from(bytes);
}
