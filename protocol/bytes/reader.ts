/**
 * Reads Kafka's primitive types from a buffer, in order.
 *
 * Owns: bounds. Every length and count is held against the bytes that remain before anything is allocated, and the
 * elements of one message are counted. Leaves to the engines: which primitive comes next.
 * Lengths are read as Kafka's own reader does: a uvarint of 2^31 and more is a negative int32.
 */
import type { UnknownTaggedField } from "../schema/field.ts";
import { DecodeError } from "./decode-error.ts";
import { textAt, uuidAt } from "./interned-strings.ts";

/** Apache Kafka answers requests of a million empty elements; past this an object tree would cost gigabytes. */
const MAX_ELEMENTS = 2_000_000;
/** Kafka refuses longer strings also where their length is not an int16. */
export const MAX_STRING_BYTES = 0x7fff;
const TWO_POW_32 = 4_294_967_296;
/** High words beyond these hold values outside ±(2^53-1). */
const MAX_SAFE_HIGH = 0x1fffff;
const MIN_SAFE_HIGH = -0x200000;
const NO_BYTES = Buffer.alloc(0);

/** A DataView costs as much as a small message; frames of one connection lie in one buffer, one after the other. */
let viewed: Buffer = NO_BYTES;
let viewedData: DataView = new DataView(NO_BYTES.buffer, NO_BYTES.byteOffset, 0);
/** Larger buffers are not held on to. */
const MAX_VIEWED_BYTES = 256 * 1024;

function dataOf(buffer: Buffer): DataView {
  if (buffer === viewed) return viewedData;
  const data = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  if (buffer.length <= MAX_VIEWED_BYTES) {
    viewed = buffer;
    viewedData = data;
  }
  return data;
}

export class Reader {
  readonly buffer: Buffer;
  offset: number;
  /** Exclusive end of what may be read. */
  readonly end: number;
  private elements = 0;
  private madeData: DataView | undefined = undefined;

  /** Reads from `offset` up to `end`, which must lie within the buffer. */
  constructor(buffer: Buffer, offset = 0, end = buffer.length) {
    this.buffer = buffer;
    this.offset = offset;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  /** The whole buffer, for reading at the positions that `take` gave. */
  get data(): DataView {
    return this.madeData ?? this.makeData();
  }

  private makeData(): DataView {
    this.madeData = dataOf(this.buffer);
    return this.madeData;
  }

  /** Moves past `size` bytes and returns where they start. @throws DecodeError when fewer remain. */
  take(size: number): number {
    const at = this.offset;
    const next = at + size;
    if (next > this.end) throw new DecodeError(`${size} bytes expected, ${this.end - at} left`);
    this.offset = next;
    return at;
  }

  bool(): boolean {
    return this.buffer[this.take(1)] !== 0;
  }

  int8(): number {
    return ((this.buffer[this.take(1)] as number) << 24) >> 24;
  }

  int16(): number {
    const at = this.take(2);
    const b = this.buffer;
    return (((b[at] as number) << 24) >> 16) | (b[at + 1] as number);
  }

  uint16(): number {
    return this.int16() & 0xffff;
  }

  int32(): number {
    const at = this.take(4);
    const b = this.buffer;
    return (
      ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) | ((b[at + 2] as number) << 8) | (b[at + 3] as number)
    );
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  /** Saturates outside ±(2^53-1). */
  int64(): number {
    return this.int64At(this.take(8));
  }

  /** As int64, of bytes already taken. */
  int64At(at: number): number {
    const high = this.data.getInt32(at);
    const low = this.data.getUint32(at + 4);
    if (high > MAX_SAFE_HIGH) return Number.MAX_SAFE_INTEGER;
    if (high < MIN_SAFE_HIGH || (high === MIN_SAFE_HIGH && low === 0)) return Number.MIN_SAFE_INTEGER;
    return high * TWO_POW_32 + low;
  }

  int64Exact(): bigint {
    return this.data.getBigInt64(this.take(8));
  }

  float64(): number {
    return this.data.getFloat64(this.take(8));
  }

  uuid(): string {
    return this.uuidAt(this.take(16));
  }

  /** As uuid, of bytes already taken. */
  uuidAt(at: number): string {
    return uuidAt(this.buffer, this.data, at);
  }

  /** A LEB128 of at most 5 bytes, as an int32: 2^31 and more come out negative, as in Kafka's reader. */
  uvarint(): number {
    const at = this.offset;
    const first = this.buffer[at] as number;
    if (first >= 0x80 || at >= this.end) return this.longUvarint();
    this.offset = at + 1;
    return first;
  }

  private longUvarint(): number {
    let value = 0;
    for (let shift = 0; shift <= 28; shift += 7) {
      const byte = this.buffer[this.take(1)] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new DecodeError("a varint of more than 5 bytes");
  }

  /** The length or count of a flexible version, written plus one; negative means null. */
  compactLength(): number {
    return (this.uvarint() - 1) | 0;
  }

  /** A count of elements that take at least a byte each. @throws DecodeError when they cannot all be there. */
  count(count: number): number {
    if (count > this.end - this.offset) throw new DecodeError(`${count} elements in ${this.end - this.offset} bytes`);
    this.countElements(count);
    return count;
  }

  private countElements(count: number): void {
    this.elements += count;
    if (this.elements > MAX_ELEMENTS) throw new DecodeError(`more than ${MAX_ELEMENTS} elements in one message`);
  }

  text(length: number): string {
    if (length > MAX_STRING_BYTES) throw new DecodeError(`a string of ${length} bytes`);
    return textAt(this.buffer, this.data, this.take(length), length);
  }

  /** A copy, so that it may outlive the frame. */
  copy(length: number): Buffer {
    const at = this.take(length);
    if (length === 0) return NO_BYTES;
    const copy = Buffer.allocUnsafe(length);
    this.buffer.copy(copy, 0, at, at + length);
    return copy;
  }

  /** The bytes themselves, as long as the frame lives. */
  view(length: number): Buffer {
    const at = this.take(length);
    return this.buffer.subarray(at, at + length);
  }

  /** A tagged field that the schema does not know, its size next. @throws DecodeError when it ends beyond the message. */
  unknownTaggedField(tag: number): UnknownTaggedField {
    const size = this.uvarint();
    if (size < 0) throw new DecodeError(`a tagged field of ${size} bytes`);
    this.countElements(1);
    return { tag, data: this.copy(size) };
  }

  /** The tagged section of a struct without tagged fields of its own: those of newer peers, if there are any. */
  skipTaggedFields(): UnknownTaggedField[] | undefined {
    let left = this.uvarint();
    if (left <= 0) return undefined;
    const unknown: UnknownTaggedField[] = [];
    for (; left > 0; left--) unknown.push(this.unknownTaggedField(this.uvarint()));
    return unknown;
  }

  /** @throws DecodeError: null came where the schema does not allow it. */
  notNull(name: string): never {
    throw new DecodeError(`${name} must not be null`);
  }
}
