/**
 * XXH3, 64 bits, seed 0 (the hash of xxHash 0.8): what Kafka's records hold as the hash of a group's topics.
 *
 * Written for exactness, not speed: a topic is hashed when it changes, and the result is kept.
 */
const MASK = 0xffff_ffff_ffff_ffffn;

const PRIME32_1 = 0x9e37_79b1n;
const PRIME32_2 = 0x85eb_ca77n;
const PRIME32_3 = 0xc2b2_ae3dn;
const PRIME64_1 = 0x9e37_79b1_85eb_ca87n;
const PRIME64_2 = 0xc2b2_ae3d_27d4_eb4fn;
const PRIME64_3 = 0x1656_67b1_9e37_79f9n;
const PRIME64_4 = 0x85eb_ca77_c2b2_ae63n;
const PRIME64_5 = 0x27d4_eb2f_1656_67c5n;
const PRIME_MX1 = 0x1656_6791_9e37_79f9n;
const PRIME_MX2 = 0x9fb2_1c65_1e98_df25n;

/** The default secret of the algorithm. */
const SECRET = Buffer.from(
  "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221" +
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8" +
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb" +
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e",
  "hex",
);
const STRIPE_BYTES = 64;
const STRIPES_PER_BLOCK = (SECRET.length - STRIPE_BYTES) / 8;
const BLOCK_BYTES = STRIPE_BYTES * STRIPES_PER_BLOCK;

/** The hash as the signed number that Java makes of it. */
export function xxh3(input: Buffer): bigint {
  return BigInt.asIntN(64, hash(input));
}

function hash(input: Buffer): bigint {
  const { length } = input;
  if (length <= 16) return hashShort(input);
  if (length <= 128) return hashUpTo128(input);
  if (length <= 240) return hashUpTo240(input);
  return hashLong(input);
}

function hashShort(input: Buffer): bigint {
  const { length } = input;
  if (length > 8) {
    const low = input.readBigUInt64LE(0) ^ secret(24) ^ secret(32);
    const high = input.readBigUInt64LE(length - 8) ^ secret(40) ^ secret(48);
    return avalanche(BigInt(length) + swap64(low) + high + fold(low, high));
  }
  if (length >= 4) {
    const keyed =
      (BigInt(input.readUInt32LE(length - 4)) + (BigInt(input.readUInt32LE(0)) << 32n)) ^ secret(8) ^ secret(16);
    let mixed = keyed ^ rotate(keyed, 49n) ^ rotate(keyed, 24n);
    mixed = (mixed * PRIME_MX2) & MASK;
    mixed ^= (mixed >> 35n) + BigInt(length);
    mixed = (mixed * PRIME_MX2) & MASK;
    return mixed ^ (mixed >> 28n);
  }
  if (length === 0) return oldAvalanche(secret(56) ^ secret(64));
  const [first, middle, last] = [input[0], input[length >> 1], input[length - 1]] as [number, number, number];
  const combined = BigInt((first << 16) | (middle << 24) | last | (length << 8)) & 0xffff_ffffn;
  return oldAvalanche(combined ^ BigInt((SECRET.readUInt32LE(0) ^ SECRET.readUInt32LE(4)) >>> 0));
}

function hashUpTo128(input: Buffer): bigint {
  const { length } = input;
  let sum = BigInt(length) * PRIME64_1;
  for (let pair = (length - 1) >> 5; pair >= 0; pair--) {
    sum += mix16(input, pair * 16, pair * 32) + mix16(input, length - (pair + 1) * 16, pair * 32 + 16);
  }
  return avalanche(sum);
}

function hashUpTo240(input: Buffer): bigint {
  const { length } = input;
  let sum = BigInt(length) * PRIME64_1;
  for (let at = 0; at < 128; at += 16) sum += mix16(input, at, at);
  sum = avalanche(sum);
  for (let at = 128; at + 16 <= length; at += 16) sum += mix16(input, at, at - 128 + 3);
  return avalanche(sum + mix16(input, length - 16, 136 - 17));
}

function hashLong(input: Buffer): bigint {
  const { length } = input;
  const lanes = [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1];
  const blockCount = Math.floor((length - 1) / BLOCK_BYTES);
  for (let block = 0; block < blockCount; block++) {
    for (let stripe = 0; stripe < STRIPES_PER_BLOCK; stripe++) {
      accumulate(lanes, input, block * BLOCK_BYTES + stripe * STRIPE_BYTES, stripe * 8);
    }
    scramble(lanes);
  }
  const tail = blockCount * BLOCK_BYTES;
  const stripeCount = Math.floor((length - 1 - tail) / STRIPE_BYTES);
  for (let stripe = 0; stripe < stripeCount; stripe++) {
    accumulate(lanes, input, tail + stripe * STRIPE_BYTES, stripe * 8);
  }
  accumulate(lanes, input, length - STRIPE_BYTES, SECRET.length - STRIPE_BYTES - 7);
  let sum = BigInt(length) * PRIME64_1;
  for (let pair = 0; pair < 4; pair++) {
    const at = 11 + 16 * pair;
    sum += fold((lanes[2 * pair] as bigint) ^ secret(at), (lanes[2 * pair + 1] as bigint) ^ secret(at + 8));
  }
  return avalanche(sum);
}

function accumulate(lanes: bigint[], input: Buffer, at: number, secretAt: number): void {
  for (let lane = 0; lane < 8; lane++) {
    const value = input.readBigUInt64LE(at + 8 * lane);
    const keyed = value ^ secret(secretAt + 8 * lane);
    lanes[lane ^ 1] = ((lanes[lane ^ 1] as bigint) + value) & MASK;
    lanes[lane] = ((lanes[lane] as bigint) + (keyed & 0xffff_ffffn) * (keyed >> 32n)) & MASK;
  }
}

function scramble(lanes: bigint[]): void {
  for (let lane = 0; lane < 8; lane++) {
    const value = lanes[lane] as bigint;
    lanes[lane] = ((value ^ (value >> 47n) ^ secret(SECRET.length - STRIPE_BYTES + 8 * lane)) * PRIME32_1) & MASK;
  }
}

function secret(at: number): bigint {
  return SECRET.readBigUInt64LE(at);
}

function mix16(input: Buffer, at: number, secretAt: number): bigint {
  return fold(input.readBigUInt64LE(at) ^ secret(secretAt), input.readBigUInt64LE(at + 8) ^ secret(secretAt + 8));
}

/** Both halves of the product of 128 bits in one. */
function fold(a: bigint, b: bigint): bigint {
  const product = a * b;
  return (product & MASK) ^ (product >> 64n);
}

function rotate(value: bigint, by: bigint): bigint {
  return ((value << by) | (value >> (64n - by))) & MASK;
}

function swap64(value: bigint): bigint {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64LE(value);
  return bytes.readBigUInt64BE();
}

function avalanche(sum: bigint): bigint {
  let value = sum & MASK;
  value ^= value >> 37n;
  value = (value * PRIME_MX1) & MASK;
  return value ^ (value >> 32n);
}

/** As of XXH64. */
function oldAvalanche(start: bigint): bigint {
  let value = start;
  value = ((value ^ (value >> 33n)) * PRIME64_2) & MASK;
  value = ((value ^ (value >> 29n)) * PRIME64_3) & MASK;
  return value ^ (value >> 32n);
}
