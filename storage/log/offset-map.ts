/**
 * The newest offset of each key of the dirty part of a log, in bounded memory.
 *
 * Owns: a hash table whose keys lie one behind another in a growing arena, so that equality is exact: short keys lie there
 * themselves, long ones as their SHA-256. Leaves to the cleaner which records count.
 * Differs from Kafka: which knows a key by its MD5 alone, in a table of full size from the start.
 */
import { createHash } from "node:crypto";

/** Longer keys are known by their digest, so that none takes much room. */
const MAX_VERBATIM_BYTES = 64;
const DIGEST_LENGTH_MARK = 0xff;
const INITIAL_SLOTS = 1024;
const INITIAL_ARENA_BYTES = 32 * 1024;
/** Of the slots; linear probing stays short below. */
const MAX_LOAD = 0.6;
/** Slot (at two per entry), place in the arena, offset. */
const BYTES_PER_ENTRY = 4 / (MAX_LOAD / 2) + 4 + 8;
/** Places in the arena are uint32. */
const MAX_ARENA_BYTES = 0xffffffff;

export class OffsetMap {
  private readonly maxBytes: number;
  private readonly seed: number;
  /** Index of the entry plus one; 0 is free. */
  private slots = new Uint32Array(INITIAL_SLOTS);
  private places = new Uint32Array(INITIAL_SLOTS);
  private offsets = new Float64Array(INITIAL_SLOTS);
  /** Of each entry a byte of length, then the key or its digest. */
  private arena = Buffer.allocUnsafeSlow(INITIAL_ARENA_BYTES);
  private arenaEnd = 0;
  private count = 0;

  /**
   * @param maxBytes memory it may take in all, about.
   * @param seed of the hash, so that nobody can choose keys that collide.
   */
  constructor(maxBytes: number, seed = 0) {
    this.maxBytes = maxBytes;
    this.seed = seed;
  }

  get size(): number {
    return this.count;
  }

  /** Of the memory allowed, 0 to 1. */
  get utilization(): number {
    return (this.arenaEnd + this.count * BYTES_PER_ENTRY) / this.maxBytes;
  }

  /** Notes an offset, which is above all noted before; false when there is no room for another key. */
  put(key: Buffer, offset: number): boolean {
    const known = storedForm(key);
    let slot = this.find(known, key.length);
    const entry = this.slots[slot] as number;
    if (entry !== 0) {
      this.offsets[entry - 1] = offset;
      return true;
    }
    if (this.utilization + (1 + known.length + BYTES_PER_ENTRY) / this.maxBytes > 1) return false;
    if (this.arenaEnd + 1 + known.length > MAX_ARENA_BYTES) return false;
    if (this.count + 1 > this.slots.length * MAX_LOAD) {
      this.growSlots();
      slot = this.find(known, key.length);
    }
    this.add(slot, known, key.length, offset);
    return true;
  }

  /** The newest offset of the key; undefined when it is not in the dirty part. */
  get(key: Buffer): number | undefined {
    const entry = this.slots[this.find(storedForm(key), key.length)] as number;
    return entry === 0 ? undefined : this.offsets[entry - 1];
  }

  /** The slot that holds the key, or the free one where it belongs. */
  private find(known: Buffer, keyLength: number): number {
    const { slots, places, arena } = this;
    const mask = slots.length - 1;
    const length = lengthMark(keyLength);
    for (let slot = hash(known, this.seed) & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] as number;
      if (entry === 0) return slot;
      const place = places[entry - 1] as number;
      if (arena[place] === length && sameBytes(arena, place + 1, known)) return slot;
    }
  }

  private add(slot: number, known: Buffer, keyLength: number, offset: number): void {
    const place = this.arenaEnd;
    const end = place + 1 + known.length;
    if (end > this.arena.length) this.growArena(end);
    if (this.count === this.places.length) this.growEntries();
    this.arena[place] = lengthMark(keyLength);
    known.copy(this.arena, place + 1);
    this.arenaEnd = end;
    this.places[this.count] = place;
    this.offsets[this.count] = offset;
    this.slots[slot] = ++this.count;
  }

  private growSlots(): void {
    const slots = new Uint32Array(this.slots.length * 2);
    const mask = slots.length - 1;
    for (let index = 0; index < this.count; index++) {
      const place = this.places[index] as number;
      const mark = this.arena[place] as number;
      const length = mark === DIGEST_LENGTH_MARK ? 32 : mark;
      let slot = hash(this.arena.subarray(place + 1, place + 1 + length), this.seed) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
    this.slots = slots;
  }

  private growEntries(): void {
    const places = new Uint32Array(this.places.length * 2);
    places.set(this.places);
    this.places = places;
    const offsets = new Float64Array(this.offsets.length * 2);
    offsets.set(this.offsets);
    this.offsets = offsets;
  }

  private growArena(neededBytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.min(MAX_ARENA_BYTES, Math.max(neededBytes, this.arena.length * 2)));
    this.arena.copy(grown, 0, 0, this.arenaEnd);
    this.arena = grown;
  }
}

/** What stands for the key in the arena. */
function storedForm(key: Buffer): Buffer {
  return key.length <= MAX_VERBATIM_BYTES ? key : createHash("sha256").update(key).digest();
}

function lengthMark(keyLength: number): number {
  return keyLength <= MAX_VERBATIM_BYTES ? keyLength : DIGEST_LENGTH_MARK;
}

/** FNV-1a with a last stir, for tables of a power of two. */
function hash(bytes: Buffer, seed: number): number {
  let value = 0x811c9dc5 ^ seed;
  for (let i = 0; i < bytes.length; i++) value = Math.imul(value ^ (bytes[i] as number), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}

function sameBytes(arena: Buffer, at: number, bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) if (arena[at + i] !== bytes[i]) return false;
  return true;
}
