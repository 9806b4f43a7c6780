/**
 * The newest offset of each key of the dirty part of a log, in bounded memory.
 *
 * Owns: how a key is known: short ones by themselves, long ones by their SHA-256, so that two are never taken for one; and the
 * budget. Leaves the tables to KeyShard, the choice of records to the cleaner.
 * Differs from Kafka: compaction never takes two keys for one, and its table grows as it is filled; Kafka knows a key by its MD5
 * alone, in a table of full size from the start.
 */
import { createHash } from "node:crypto";
import { KeyShard } from "./key-shard.ts";

/** Longer keys are known by their digest, so that none takes much room. */
const MAX_VERBATIM_BYTES = 64;
const DIGEST_KIND = 0xff;
/** So many that with millions of keys each is still small. */
const SHARD_BITS = 8;
/** Two slots, hash, place, offset and kind; tables are full by three quarters, on average. */
const BYTES_PER_ENTRY = ((2 * 4 + 4 + 4 + 8) * 4) / 3 + 1;

export class OffsetMap {
  size = 0;
  private readonly maxBytes: number;
  private readonly seed: number;
  private readonly shards = new Array<KeyShard | undefined>(1 << SHARD_BITS).fill(undefined);
  private usedBytes = 0;

  /**
   * @param maxBytes memory it may take in all, about.
   * @param seed of the hash, so that nobody can choose keys that collide.
   */
  constructor(maxBytes: number, seed = 0) {
    this.maxBytes = maxBytes;
    this.seed = seed;
  }

  /** Notes an offset, which is above all noted before; false when there is no room for another key. */
  put(key: Buffer, offset: number): boolean {
    const stored = storedForm(key);
    const kind = kindOf(key);
    const hash = hashOf(stored, this.seed);
    const shard = this.shardFor(hash);
    if (shard.renew(hash, kind, stored, offset)) return true;
    const neededBytes = BYTES_PER_ENTRY + stored.length;
    if (this.usedBytes + neededBytes > this.maxBytes) return false;
    shard.add(hash, kind, stored, offset);
    this.usedBytes += neededBytes;
    this.size++;
    return true;
  }

  /** The newest offset of the key; undefined when it is not in the dirty part. */
  get(key: Buffer): number | undefined {
    const stored = storedForm(key);
    const hash = hashOf(stored, this.seed);
    return this.shards[hash >>> (32 - SHARD_BITS)]?.get(hash, kindOf(key), stored);
  }

  private shardFor(hash: number): KeyShard {
    const index = hash >>> (32 - SHARD_BITS);
    let shard = this.shards[index];
    if (shard === undefined) {
      shard = new KeyShard();
      this.shards[index] = shard;
    }
    return shard;
  }
}

function storedForm(key: Buffer): Buffer {
  return key.length <= MAX_VERBATIM_BYTES ? key : createHash("sha256").update(key).digest();
}

/** The length of a short key tells keys apart that begin alike; a digest is another kind than a key that looks like it. */
function kindOf(key: Buffer): number {
  return key.length <= MAX_VERBATIM_BYTES ? key.length : DIGEST_KIND;
}

/** FNV-1a with a last stir, for tables of a power of two. */
function hashOf(bytes: Buffer, seed: number): number {
  let value = 0x811c9dc5 ^ seed;
  for (let i = 0; i < bytes.length; i++) value = Math.imul(value ^ (bytes[i] as number), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
