/**
 * Reads Kafka's primitive types from a buffer, in order.
 *
 * Owns: bounds. Every length and count is held against the bytes that remain before anything is allocated, and the
 * elements of one message are counted. Leaves to the engines: which primitive comes next.
 * Lengths are read as Kafka's own reader does: a uvarint of 2^31 and more is a negative int32.
 */

import type { UnknownTaggedField } from "../schema/field.ts";
import { DecodeError } from "./decode-error.ts";

/** Apache Kafka answers requests of a million empty elements; past this an object tree would cost gigabytes. */
const MAX_ELEMENTS = 2_000_000;
const TWO_POW_32 = 4_294_967_296;
/** High words beyond these hold values outside ±(2^53-1). */
const MAX_SAFE_HIGH = 0x1fffff;
const MIN_SAFE_HIGH = -0x200000;

export class Reader {
  buffer: Buffer;
  offset: number;
  /** Exclusive end of what may be read. */
  end: number;
  private elements = 0;

  constructor(buffer: Buffer, offset = 0, end = buffer.length) {
    this.buffer = buffer;
    this.offset = offset;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  /** Moves past `size` bytes and returns where they start. @throws DecodeError when fewer remain. */
  private advance(size: number): number {
    const at = this.offset;
    const next = at + size;
    if (next > this.end) throw new DecodeError(`${size} bytes expected, ${this.end - at} left`);
    this.offset = next;
    return at;
  }

  bool(): boolean {
    return this.buffer[this.advance(1)] !== 0;
  }

  int8(): number {
    return ((this.buffer[this.advance(1)] as number) << 24) >> 24;
  }

  int16(): number {
    const at = this.advance(2);
    const b = this.buffer;
    return (((b[at] as number) << 24) >> 16) | (b[at + 1] as number);
  }

  uint16(): number {
    const at = this.advance(2);
    const b = this.buffer;
    return ((b[at] as number) << 8) | (b[at + 1] as number);
  }

  int32(): number {
    const at = this.advance(4);
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
    const high = this.int32();
    const low = this.int32() >>> 0;
    if (high > MAX_SAFE_HIGH) return Number.MAX_SAFE_INTEGER;
    if (high < MIN_SAFE_HIGH || (high === MIN_SAFE_HIGH && low === 0)) return Number.MIN_SAFE_INTEGER;
    return high * TWO_POW_32 + low;
  }

  int64Exact(): bigint {
    return this.buffer.readBigInt64BE(this.advance(8));
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.advance(8));
  }

  uuid(): string {
    const at = this.advance(16);
    return this.buffer.toString("base64url", at, at + 16);
  }

  /** A LEB128 of at most 5 bytes, as an int32: 2^31 and more come out negative, as in Kafka's reader. */
  uvarint(): number {
    const b = this.buffer;
    let at = this.offset;
    let value = 0;
    for (let shift = 0; shift <= 28; shift += 7) {
      if (at >= this.end) throw new DecodeError("a varint ends beyond the message");
      const byte = b[at++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.offset = at;
        return value;
      }
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
    if (count > 0) this.countElements(count);
    return count;
  }

  private countElements(count: number): void {
    this.elements += count;
    if (this.elements > MAX_ELEMENTS) throw new DecodeError(`more than ${MAX_ELEMENTS} elements in one message`);
  }

  text(length: number): string {
    const at = this.advance(length);
    return this.buffer.toString("utf8", at, at + length);
  }

  /** A copy, so that it may outlive the frame. */
  copy(length: number): Buffer {
    const at = this.advance(length);
    return Buffer.from(this.buffer.subarray(at, at + length));
  }

  view(length: number): Buffer {
    const at = this.advance(length);
    return this.buffer.subarray(at, at + length);
  }

  /** The size of a tagged field; its end is returned and never lies beyond the message. */
  taggedFieldEnd(): number {
    const size = this.uvarint();
    if (size < 0 || size > this.end - this.offset) throw new DecodeError(`a tagged field of ${size} bytes`);
    return this.offset + size;
  }

  unknownTaggedField(tag: number, end: number): UnknownTaggedField {
    this.countElements(1);
    return { tag, data: this.copy(end - this.offset) };
  }

  skipTaggedFields(): UnknownTaggedField[] | undefined {
    let unknown: UnknownTaggedField[] | undefined;
    for (let left = this.uvarint(); left > 0; left--) {
      const tag = this.uvarint();
      const end = this.taggedFieldEnd();
      unknown ??= [];
      unknown.push(this.unknownTaggedField(tag, end));
    }
    return unknown;
  }

  /** @throws DecodeError: null came where the schema does not allow it. */
  notNull(name: string): never {
    throw new DecodeError(`${name} must not be null`);
  }
}
