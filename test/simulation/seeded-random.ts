/**
 * Randomness that a seed repeats: sfc32 behind the Random seam.
 *
 * Each node, disk and fault has a generator of its own, split off by name, so that one more draw here does not move the
 * draws there.
 */
import type { Random } from "../../storage/random.ts";

const TWO_POW_32 = 4_294_967_296;

export class SeededRandom implements Random {
  private readonly seed: string;
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;
  /** Numbers drawn so far: part of a run's hash. */
  draws = 0;

  constructor(seed: string | number) {
    this.seed = String(seed);
    [this.a, this.b, this.c] = hash96(this.seed);
    for (let i = 0; i < 12; i++) this.uint32();
    this.draws = 0;
  }

  /** A generator that depends on this one's seed and the name only. */
  split(name: string): SeededRandom {
    return new SeededRandom(`${this.seed}/${name}`);
  }

  below(limit: number): number {
    if (limit <= TWO_POW_32) return Math.floor((this.uint32() / TWO_POW_32) * limit);
    return ((this.uint32() & 0xffff) * TWO_POW_32 + this.uint32()) % limit;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = this.uint32() >>> 24;
    return bytes;
  }

  /** From [from, to]. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** True with a probability. */
  chance(probability: number): boolean {
    return this.uint32() / TWO_POW_32 < probability;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new Error("nothing to pick from");
    return items[this.below(items.length)] as T;
  }

  private uint32(): number {
    this.draws++;
    const result = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + result) | 0;
    return result >>> 0;
  }
}

function hash96(text: string): [number, number, number] {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = 0xb7e15162;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x85ebca6b);
    b = Math.imul(b ^ code ^ (a >>> 13), 0xc2b2ae35);
    c = Math.imul(c ^ code ^ (b >>> 16), 0x27d4eb2f);
  }
  return [a | 0, b | 0, c | 0];
}
