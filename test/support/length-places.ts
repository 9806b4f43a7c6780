/** Finds where a message's lengths and counts lie in its bytes, by watching a decoder read them. */
import { Reader } from "../../protocol/bytes/reader.ts";
import type { Message } from "../../protocol/schema/message.ts";
import type { Engine } from "./engines.ts";

export interface LengthPlace {
  readonly at: number;
  readonly size: number;
  readonly kind: "int16" | "int32" | "compact";
  /** What the length is of. */
  readonly of: "text" | "bytes" | "array";
}

/** Remembers the last number read; what is then read or counted with it says that it was a length. */
class WatchingReader extends Reader {
  readonly places: LengthPlace[] = [];
  private last: Omit<LengthPlace, "of"> | undefined;

  private watch(kind: LengthPlace["kind"], read: () => number): number {
    const at = this.offset;
    const value = read();
    this.last = { at, size: this.offset - at, kind };
    return value;
  }

  private note(of: LengthPlace["of"]): void {
    if (this.last !== undefined) this.places.push({ ...this.last, of });
    this.last = undefined;
  }

  override int16(): number {
    return this.watch("int16", () => super.int16());
  }

  override int32(): number {
    return this.watch("int32", () => super.int32());
  }

  override compactLength(): number {
    return this.watch("compact", () => super.compactLength());
  }

  override count(count: number): number {
    this.note("array");
    return super.count(count);
  }

  override text(length: number): string {
    this.note("text");
    return super.text(length);
  }

  override copy(length: number): Buffer {
    this.note("bytes");
    return super.copy(length);
  }

  override view(length: number): Buffer {
    this.note("bytes");
    return super.view(length);
  }
}

/** The lengths and counts of a message, in order. The engine must be the interpreted one, which reads them one by one. */
export function lengthPlaces(engine: Engine, message: Message, version: number, bytes: Buffer): LengthPlace[] {
  const reader = new WatchingReader(bytes);
  engine.decode(message, version, reader);
  return reader.places;
}

/** The bytes with another length in this place; lengths of flexible versions are written plus one. */
export function withLength(bytes: Buffer, place: LengthPlace, length: number): Buffer {
  const end = place.at + place.size;
  return Buffer.concat([bytes.subarray(0, place.at), lengthBytes(place.kind, length), bytes.subarray(end)]);
}

function lengthBytes(kind: LengthPlace["kind"], length: number): Buffer {
  if (kind !== "compact") {
    const bytes = Buffer.alloc(kind === "int16" ? 2 : 4);
    bytes.writeIntBE(length, 0, bytes.length);
    return bytes;
  }
  const bytes: number[] = [];
  let left = (length + 1) >>> 0;
  while (left > 0x7f) {
    bytes.push((left & 0x7f) | 0x80);
    left >>>= 7;
  }
  return Buffer.from([...bytes, left]);
}
