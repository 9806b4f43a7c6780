/**
 * One of the small hash tables that an OffsetMap consists of: none is ever so large that growing it takes a noticeable time.
 *
 * Keys lie one behind another in an arena, each behind a byte that tells its kind. Open addressing, linear probing.
 */
const INITIAL_ENTRIES = 8;
const INITIAL_ARENA_BYTES = 128;
/** Slots for each entry there is room for. */
const SLOTS_PER_ENTRY = 2;

export class KeyShard {
  count = 0;
  /** Index of the entry plus one; 0 is free. */
  private slots = new Uint32Array(INITIAL_ENTRIES * SLOTS_PER_ENTRY);
  private hashes = new Uint32Array(INITIAL_ENTRIES);
  private places = new Uint32Array(INITIAL_ENTRIES);
  private offsets = new Float64Array(INITIAL_ENTRIES);
  private arena = Buffer.allocUnsafeSlow(INITIAL_ARENA_BYTES);
  private arenaEnd = 0;

  /** Undefined when the key is not here. */
  get(hash: number, kind: number, key: Buffer): number | undefined {
    const entry = this.slots[this.find(hash, kind, key)] as number;
    return entry === 0 ? undefined : this.offsets[entry - 1];
  }

  /** Sets the offset of a key that is here; false when it is not. */
  renew(hash: number, kind: number, key: Buffer, offset: number): boolean {
    const entry = this.slots[this.find(hash, kind, key)] as number;
    if (entry === 0) return false;
    this.offsets[entry - 1] = offset;
    return true;
  }

  /** Adds a key that is not here. */
  add(hash: number, kind: number, key: Buffer, offset: number): void {
    if (this.count === this.places.length) this.grow();
    const end = this.arenaEnd + 1 + key.length;
    if (end > this.arena.length) this.growArena(end);
    const index = this.count;
    this.arena[this.arenaEnd] = kind;
    key.copy(this.arena, this.arenaEnd + 1);
    this.hashes[index] = hash;
    this.places[index] = this.arenaEnd;
    this.offsets[index] = offset;
    this.slots[this.find(hash, kind, key)] = ++this.count;
    this.arenaEnd = end;
  }

  /** The slot that holds the key, or the free one where it belongs. */
  private find(hash: number, kind: number, key: Buffer): number {
    const { slots, hashes, places, arena } = this;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] as number;
      if (entry === 0) return slot;
      if (hashes[entry - 1] !== hash) continue;
      const place = places[entry - 1] as number;
      if (arena[place] === kind && hasBytesAt(arena, place + 1, key)) return slot;
    }
  }

  private grow(): void {
    const entries = this.places.length * 2;
    this.hashes = grown(this.hashes, new Uint32Array(entries));
    this.places = grown(this.places, new Uint32Array(entries));
    this.offsets = grown(this.offsets, new Float64Array(entries));
    const slots = new Uint32Array(entries * SLOTS_PER_ENTRY);
    const mask = slots.length - 1;
    for (let index = 0; index < this.count; index++) {
      let slot = (this.hashes[index] as number) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
    this.slots = slots;
  }

  private growArena(neededBytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(neededBytes, this.arena.length * 2));
    this.arena.copy(larger, 0, 0, this.arenaEnd);
    this.arena = larger;
  }
}

function grown<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

function hasBytesAt(arena: Buffer, at: number, bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) if (arena[at + i] !== bytes[i]) return false;
  return true;
}
