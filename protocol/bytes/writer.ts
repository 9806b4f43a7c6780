/**
 * Writes Kafka's primitive types, in order, into as few buffers as possible.
 *
 * Owns: growth. Small messages share slabs; byte strings over GATHER_BYTES are kept by reference between them, not
 * copied. Leaves to the engines: which primitive comes next.
 * Invariant: a message is written synchronously from constructor to finish(); no two writers are open at once.
 */
import type { UnknownTaggedField } from "../schema/field.ts";

const SLAB_BYTES = 64 * 1024;
/** Below this a slab is not worth starting a message in. */
const MIN_ROOM_BYTES = 512;
/** Copying this much costs about what one more piece in writev costs. */
const GATHER_BYTES = 4096;
const TWO_POW_32 = 4_294_967_296;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let slabOffset = 0;

export class Writer {
  private buffer: Buffer;
  /** Where the piece under way starts and where the next byte goes. */
  private start: number;
  private offset: number;
  private readonly pieces: Buffer[] = [];
  private finishedBytes = 0;
  private openTags = 0;

  constructor() {
    if (SLAB_BYTES - slabOffset < MIN_ROOM_BYTES) {
      slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      slabOffset = 0;
    }
    this.buffer = slab;
    this.start = slabOffset;
    this.offset = slabOffset;
  }

  /** Bytes written so far, gathered pieces included. */
  get sizeBytes(): number {
    return this.finishedBytes + this.offset - this.start;
  }

  /** The message, in order; the writer must not be used again. */
  finish(): Buffer[] {
    this.closePiece();
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
    else this.buffer.writeInt32BE(value, this.start + at);
  }

  private closePiece(): void {
    if (this.offset > this.start) this.pieces.push(this.buffer.subarray(this.start, this.offset));
    this.finishedBytes += this.offset - this.start;
    this.start = this.offset;
    if (this.buffer === slab) slabOffset = this.offset;
  }

  /** Makes room for `size` more bytes; what is written of this piece moves when the slab is too small. */
  private room(size: number): number {
    const at = this.offset;
    if (at + size > this.buffer.length) return this.grow(size);
    this.offset = at + size;
    return at;
  }

  private grow(size: number): number {
    const written = this.offset - this.start;
    const grown = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, (written + size) * 2));
    this.buffer.copy(grown, 0, this.start, this.offset);
    this.buffer = grown;
    this.start = 0;
    this.offset = written + size;
    return written;
  }

  bool(value: boolean): void {
    this.buffer[this.room(1)] = value ? 1 : 0;
  }

  int8(value: number): void {
    const at = this.room(1);
    this.buffer[at] = value;
  }

  int16(value: number): void {
    const at = this.room(2);
    const b = this.buffer;
    b[at] = value >> 8;
    b[at + 1] = value;
  }

  uint16(value: number): void {
    this.int16(value);
  }

  int32(value: number): void {
    const at = this.room(4);
    const b = this.buffer;
    b[at] = value >> 24;
    b[at + 1] = value >> 16;
    b[at + 2] = value >> 8;
    b[at + 3] = value;
  }

  uint32(value: number): void {
    this.int32(value | 0);
  }

  /** The ends of the safe range stand for the extremes of int64, as Reader.int64 saturates to them. */
  int64(value: number): void {
    if (value >= Number.MAX_SAFE_INTEGER) {
      this.int32(0x7fffffff);
      this.int32(-1);
    } else if (value <= Number.MIN_SAFE_INTEGER) {
      this.int32(-0x80000000);
      this.int32(0);
    } else {
      const high = Math.floor(value / TWO_POW_32);
      this.int32(high);
      this.int32((value - high * TWO_POW_32) | 0);
    }
  }

  int64Exact(value: bigint): void {
    const at = this.room(8);
    this.buffer.writeBigInt64BE(value, at);
  }

  float64(value: number): void {
    const at = this.room(8);
    this.buffer.writeDoubleBE(value, at);
  }

  uuid(value: string): void {
    const at = this.room(16);
    const written = this.buffer.write(value, at, 16, "base64url");
    if (written !== 16 || value.length !== 22) throw new Error(`not a uuid: "${value}"`);
  }

  /** An int32 as LEB128; negative values take five bytes. */
  uvarint(value: number): void {
    let left = value;
    while ((left & ~0x7f) !== 0) {
      const at = this.room(1);
      this.buffer[at] = (left & 0x7f) | 0x80;
      left >>>= 7;
    }
    const at = this.room(1);
    this.buffer[at] = left;
  }

  /** int16 length and UTF-8. @throws Error past 32767 bytes. */
  string(value: string): void {
    const size = utf8Size(value);
    if (size > 0x7fff) throw new Error(`a string of ${size} bytes does not fit an int16 length`);
    this.int16(size);
    this.utf8(value, size);
  }

  compactString(value: string): void {
    const size = utf8Size(value);
    this.uvarint(size + 1);
    this.utf8(value, size);
  }

  private utf8(value: string, size: number): void {
    const at = this.room(size);
    if (size === value.length && size < 24) {
      const b = this.buffer;
      for (let i = 0; i < size; i++) b[at + i] = value.charCodeAt(i);
    } else {
      this.buffer.write(value, at, size, "utf8");
    }
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
      const at = this.room(value.length);
      value.copy(this.buffer, at);
      return;
    }
    this.closePiece();
    this.pieces.push(value);
    this.finishedBytes += value.length;
  }

  /** Opens a tagged field whose size is not known yet; to be closed with the mark it returns. */
  openTaggedField(tag: number): number {
    this.uvarint(tag);
    this.room(1); // nearly every tagged field is shorter than 128 bytes
    this.openTags++;
    return this.offset - this.start;
  }

  closeTaggedField(mark: number): void {
    this.openTags--;
    let from = this.start + mark;
    const size = this.offset - from;
    const extra = uvarintSize(size) - 1;
    if (extra > 0) {
      this.room(extra);
      from = this.start + mark;
      this.buffer.copyWithin(from + extra, from, from + size);
    }
    const end = this.offset;
    this.offset = from - 1;
    this.uvarint(size);
    this.offset = end;
  }

  unknownTaggedField(field: UnknownTaggedField): void {
    this.uvarint(field.tag);
    this.uvarint(field.data.length);
    this.raw(field.data);
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

/** Bytes of the string in UTF-8; short ASCII, which nearly all names are, is counted here. */
function utf8Size(value: string): number {
  const length = value.length;
  if (length < 24) {
    for (let i = 0; i < length; i++) if (value.charCodeAt(i) > 0x7f) return Buffer.byteLength(value, "utf8");
    return length;
  }
  return Buffer.byteLength(value, "utf8");
}

function uvarintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}
