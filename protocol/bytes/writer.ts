/**
 * Writes Kafka's primitive types, in order, into as few buffers as possible.
 *
 * Owns: growth. Small messages share slabs; byte strings over GATHER_BYTES are kept by reference between them, not
 * copied. Leaves to the engines: which primitive comes next.
 * Invariant: a slab has one writer at a time, from constructor to finish(). One that is abandoned takes its slab with it.
 */
import type { UnknownTaggedField } from "../schema/field.ts";
import { writeUuidAt } from "./interned-strings.ts";
import { MAX_STRING_BYTES } from "./reader.ts";

const SLAB_BYTES = 64 * 1024;
/** Below this a slab is not worth starting a message in. */
const MIN_ROOM_BYTES = 512;
/** Copying this much costs about what one more piece in writev costs. */
const GATHER_BYTES = 4096;
/** Up to this many characters, writing them one by one costs less than a call into the runtime. */
const SHORT_TEXT = 24;
const TWO_POW_32 = 4_294_967_296;

interface Slab {
  readonly buffer: Buffer;
  readonly data: DataView;
  /** Where the next message starts. */
  offset: number;
}

function newSlab(sizeBytes: number): Slab {
  const buffer = Buffer.allocUnsafeSlow(sizeBytes);
  return { buffer, data: new DataView(buffer.buffer, buffer.byteOffset, sizeBytes), offset: 0 };
}

/** The slab that no writer is using. */
let spare: Slab | undefined;

/** A message would have more bytes of its own than its writer may write. */
export class MessageTooLargeError extends Error {
  override readonly name = "MessageTooLargeError";
}

export class Writer {
  private slab: Slab;
  /** Where the piece under way starts and where the next byte goes. */
  private start: number;
  private offset: number;
  private readonly pieces: Buffer[] = [];
  private finishedBytes = 0;
  private openTags = 0;
  private readonly maxBytes: number;

  /** @param maxBytes of one piece: byte strings that are gathered do not count. */
  constructor(maxBytes: number = Number.POSITIVE_INFINITY) {
    this.maxBytes = maxBytes;
    this.slab = spare ?? newSlab(SLAB_BYTES);
    spare = undefined;
    this.start = this.slab.offset;
    this.offset = this.start;
  }

  /** Bytes written so far, gathered pieces included. */
  get sizeBytes(): number {
    return this.finishedBytes + this.offset - this.start;
  }

  /** For writing at the positions that `reserve` gave; another one after the next `reserve`. */
  get data(): DataView {
    return this.slab.data;
  }

  /** The message, in order; the writer must not be used again. */
  finish(): Buffer[] {
    this.closePiece();
    this.giveBack(this.offset);
    return this.pieces;
  }

  /** The message as one buffer: copies if it was gathered from several. */
  finishOne(): Buffer {
    const pieces = this.finish();
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  }

  /** Overwrites four bytes of the first piece, `at` bytes from the start of the message: a length known only at the end. */
  patchInt32(at: number, value: number): void {
    const first = this.pieces[0];
    if (first !== undefined) first.writeInt32BE(value, at);
    else this.slab.data.setInt32(this.start + at, value);
  }

  private closePiece(): void {
    if (this.offset > this.start) this.pieces.push(this.slab.buffer.subarray(this.start, this.offset));
    this.finishedBytes += this.offset - this.start;
    this.start = this.offset;
  }

  /** Makes room for `size` more bytes and gives their position, good until the next call. */
  reserve(size: number): number {
    const at = this.offset;
    if (at + size > this.slab.buffer.length) return this.grow(size);
    this.offset = at + size;
    return at;
  }

  /** Leaves the slab to the next writer. One that was made for a large message, or has no room left, is not shared. */
  private giveBack(offset: number): void {
    const { slab } = this;
    slab.offset = offset;
    if (slab.buffer.length === SLAB_BYTES && SLAB_BYTES - offset >= MIN_ROOM_BYTES) spare = slab;
  }

  /** Moves the piece under way to a slab with more room. @throws MessageTooLargeError */
  private grow(size: number): number {
    const written = this.offset - this.start;
    if (written + size > this.maxBytes) throw new MessageTooLargeError(`more than ${this.maxBytes} bytes`);
    const needed = written + size;
    const grown = newSlab(Math.max(SLAB_BYTES, Math.min(2 * needed, Math.max(needed, this.maxBytes))));
    this.slab.buffer.copy(grown.buffer, 0, this.start, this.offset);
    this.giveBack(this.start);
    this.slab = grown;
    this.start = 0;
    this.offset = written + size;
    return written;
  }

  bool(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  int8(value: number): void {
    const at = this.reserve(1);
    this.slab.data.setInt8(at, value);
  }

  int16(value: number): void {
    const at = this.reserve(2);
    this.slab.data.setInt16(at, value);
  }

  uint16(value: number): void {
    this.int16(value);
  }

  int32(value: number): void {
    const at = this.reserve(4);
    this.slab.data.setInt32(at, value);
  }

  uint32(value: number): void {
    this.int32(value);
  }

  int64(value: number): void {
    this.int64At(this.reserve(8), value);
  }

  /** The ends of the safe range stand for the extremes of int64, as Reader.int64 saturates to them. */
  int64At(at: number, value: number): void {
    let high = Math.floor(value / TWO_POW_32);
    let low = value | 0;
    if (value >= Number.MAX_SAFE_INTEGER) {
      high = 0x7fffffff;
      low = -1;
    } else if (value <= Number.MIN_SAFE_INTEGER) {
      high = -0x80000000;
      low = 0;
    }
    const { data } = this.slab;
    data.setInt32(at, high);
    data.setInt32(at + 4, low);
  }

  int64Exact(value: bigint): void {
    const at = this.reserve(8);
    this.slab.data.setBigInt64(at, value);
  }

  float64(value: number): void {
    const at = this.reserve(8);
    this.slab.data.setFloat64(at, value);
  }

  uuid(value: string): void {
    this.uuidAt(this.reserve(16), value);
  }

  /** As uuid, into bytes already reserved. @throws Error when the text is not a uuid. */
  uuidAt(at: number, value: string): void {
    writeUuidAt(this.slab.buffer, this.slab.data, at, value);
  }

  /** An int32 as LEB128; negative values take five bytes. */
  uvarint(value: number): void {
    let left = value;
    while ((left & ~0x7f) !== 0) {
      this.int8((left & 0x7f) | 0x80);
      left >>>= 7;
    }
    this.int8(left);
  }

  /** int16 length and UTF-8. @throws Error past 32767 bytes. */
  string(value: string): void {
    if (value.length <= SHORT_TEXT) {
      const at = this.reserve(2 + 3 * value.length);
      const size = this.shortText(at + 2, value);
      this.slab.data.setInt16(at, size);
    } else {
      const size = textBytes(value);
      this.int16(size);
      this.longText(value, size);
    }
  }

  /** uvarint of the length plus one, and UTF-8. @throws Error past 32767 bytes. */
  compactString(value: string): void {
    if (value.length <= SHORT_TEXT) {
      const at = this.reserve(1 + 3 * value.length);
      const size = this.shortText(at + 1, value);
      this.slab.data.setInt8(at, size + 1); // below 128: three bytes a character at most
    } else {
      const size = textBytes(value);
      this.uvarint(size + 1);
      this.longText(value, size);
    }
  }

  /** Writes into the end of what was reserved last, gives back what it does not need, returns the bytes it took. */
  private shortText(at: number, value: string): number {
    const { buffer } = this.slab;
    const { length } = value;
    let bits = 0;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      bits |= unit;
      buffer[at + i] = unit;
    }
    const size = bits < 0x80 ? length : buffer.write(value, at, "utf8");
    this.offset = at + size;
    return size;
  }

  private longText(value: string, size: number): void {
    const at = this.reserve(size);
    this.slab.buffer.write(value, at, size, "utf8");
  }

  bytes(value: Buffer): void {
    this.int32(value.length);
    this.raw(value);
  }

  compactBytes(value: Buffer): void {
    this.uvarint(value.length + 1);
    this.raw(value);
  }

  records(value: Buffer | readonly Buffer[]): void {
    this.int32(totalBytes(value));
    this.rawAll(value);
  }

  compactRecords(value: Buffer | readonly Buffer[]): void {
    this.uvarint(totalBytes(value) + 1);
    this.rawAll(value);
  }

  private rawAll(value: Buffer | readonly Buffer[]): void {
    if (Buffer.isBuffer(value)) this.raw(value);
    else for (const piece of value as readonly Buffer[]) this.raw(piece);
  }

  /** Bytes without a length; by reference when they are large. */
  raw(value: Buffer): void {
    if (value.length <= GATHER_BYTES || this.openTags > 0) {
      const at = this.reserve(value.length);
      value.copy(this.slab.buffer, at);
      return;
    }
    this.closePiece();
    this.pieces.push(value);
    this.finishedBytes += value.length;
  }

  /** Opens a tagged field whose size is not known yet; to be closed with the mark it returns. */
  openTaggedField(tag: number): number {
    this.uvarint(tag);
    this.reserve(1); // nearly every tagged field is shorter than 128 bytes
    this.openTags++;
    return this.offset - this.start;
  }

  closeTaggedField(mark: number): void {
    this.openTags--;
    const size = this.offset - this.start - mark;
    const extra = uvarintSize(size) - 1;
    if (extra > 0) this.reserve(extra);
    const from = this.start + mark;
    if (extra > 0) this.slab.buffer.copyWithin(from + extra, from, from + size);
    const end = this.offset;
    this.offset = from - 1;
    this.uvarint(size);
    this.offset = end;
  }

  /**
   * Writes the unknown tagged fields from index `from` on whose tag is below `below`, and returns the index of the next. Tags
   * ascend, so those of a newer peer may lie between our own.
   */
  unknownTaggedFields(fields: readonly UnknownTaggedField[], from: number, below: number): number {
    let next = from;
    for (; next < fields.length; next++) {
      const { tag, data } = fields[next] as UnknownTaggedField;
      if (tag >= below) break;
      this.uvarint(tag);
      this.uvarint(data.length);
      this.raw(data);
    }
    return next;
  }

  /** @throws Error: null was given where the schema does not allow it. */
  notNull(name: string): never {
    throw new Error(`${name} must not be null`);
  }

  /** @throws Error: a value was given that this version cannot carry. */
  notInVersion(name: string, version: number): never {
    throw new Error(`${name} cannot be written at version ${version}`);
  }
}

function totalBytes(value: Buffer | readonly Buffer[]): number {
  if (Buffer.isBuffer(value)) return value.length;
  let total = 0;
  for (const piece of value as readonly Buffer[]) total += piece.length;
  return total;
}

function textBytes(value: string): number {
  const size = Buffer.byteLength(value, "utf8");
  if (size > MAX_STRING_BYTES) throw new Error(`a string of ${size} bytes does not fit an int16 length`);
  return size;
}

function uvarintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}
