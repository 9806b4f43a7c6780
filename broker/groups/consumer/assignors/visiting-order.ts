/**
 * The order in which Kafka's assignors visit members, topics and partitions: that of Java's hash tables.
 *
 * The assignors are fair in any order. In this one they give each member what Kafka's coordinator would, so that a group does
 * not move when its coordinator does. Ties within a bucket keep the order they come in.
 */

const LOAD_FACTOR = 0.75;
const MIN_CAPACITY = 16;
/** 2^64 over the golden ratio, as Knuth has it. */
const FIBONACCI_MULTIPLIER = -7046029254386353131n;

/** As a table to which keys were added one by one. */
export function grownTableOrder<T>(items: readonly T[], hashOf: (item: T) => number): T[] {
  let capacity = MIN_CAPACITY;
  while (items.length > capacity * LOAD_FACTOR) capacity *= 2;
  return inBuckets(items, hashOf, capacity);
}

/** As a set made of a collection that said how large it was. */
export function sizedSetOrder<T>(items: readonly T[], hashOf: (item: T) => number, saidSize = items.length): T[] {
  const wanted = Math.max(Math.trunc(saidSize / LOAD_FACTOR) + 1, MIN_CAPACITY);
  let capacity = MIN_CAPACITY;
  while (capacity < wanted || items.length > capacity * LOAD_FACTOR) capacity *= 2;
  return inBuckets(items, hashOf, capacity);
}

/** As a table made for so many keys, to which all were added. */
export function sizedTableOrder<T>(items: readonly T[], hashOf: (item: T) => number, madeFor: number): T[] {
  let capacity = 1;
  while (capacity < madeFor || items.length > Math.trunc(capacity * LOAD_FACTOR)) capacity *= 2;
  return inBuckets(items, hashOf, capacity);
}

/** As Kafka's tables with snapshots, which spread hashes by Fibonacci hashing and read slots from the first to the last. */
export function timelineTableOrder<T>(items: readonly T[], hashOf: (item: T) => number): T[] {
  return items
    .map((item) => ({ item, place: BigInt.asUintN(64, BigInt(hashOf(item)) * FIBONACCI_MULTIPLIER) }))
    .sort((a, b) => (a.place < b.place ? -1 : a.place > b.place ? 1 : 0))
    .map(({ item }) => item);
}

function inBuckets<T>(items: readonly T[], hashOf: (item: T) => number, capacity: number): T[] {
  return items
    .map((item) => {
      const hash = hashOf(item);
      return { item, bucket: (hash ^ (hash >>> 16)) & (capacity - 1) };
    })
    .sort((a, b) => a.bucket - b.bucket)
    .map(({ item }) => item);
}

export function stringHash(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

/** Of a uuid in Kafka's text form. */
export function uuidHash(uuid: string): number {
  const bytes = Buffer.from(uuid, "base64url");
  return bytes.readInt32BE(0) ^ bytes.readInt32BE(4) ^ bytes.readInt32BE(8) ^ bytes.readInt32BE(12);
}

/** Negative when the first uuid comes before the second: by its signed halves. */
export function compareUuids(a: string, b: string): number {
  const [left, right] = [Buffer.from(a, "base64url"), Buffer.from(b, "base64url")];
  for (const at of [0, 8]) {
    const [x, y] = [left.readBigInt64BE(at), right.readBigInt64BE(at)];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

export function integerHash(value: number): number {
  return value;
}
