/**
 * Strings that come again and again (topic names, ids of topics, groups and members, host names), kept by their bytes.
 *
 * A broker reads the same names in every request. Finding the string that was made last time costs a fifth of decoding the bytes
 * again, and leaves one string, already hashed, where there were thousands. What is kept is bounded: a slot holds one text, the
 * last that fell into it. Owns: no meaning; a text is the same whether it was found or made.
 */

const SLOT_BITS = 11;
const SLOTS = 1 << SLOT_BITS;
/** Longer texts are decoded each time: member ids, the longest names that repeat, have about 60 bytes. */
const MAX_BYTES = 64;
const WORDS = MAX_BYTES / 4;
/** 2^32 divided by the golden ratio, and odd: spreads a word over all bits. */
const SPREAD = 0x9e3779b1;

const texts: string[] = new Array(SLOTS).fill("");
const textBytes = new Int32Array(SLOTS).fill(-1);
const textWords = new Int32Array(SLOTS * WORDS);

/** The text of `length` bytes of UTF-8 at `at`. */
export function textAt(buffer: Buffer, data: DataView, at: number, length: number): string {
  if (length > MAX_BYTES) return buffer.toString("utf8", at, at + length);
  if (length < 4) return shortTextAt(buffer, at, length);
  // The last word may overlap the one before it; all bytes are covered.
  const last = at + length - 4;
  let hash = length;
  for (let p = at; p < last; p += 4) hash = Math.imul(hash ^ data.getInt32(p), SPREAD) ^ (hash >>> 15);
  hash = Math.imul(hash ^ data.getInt32(last), SPREAD);
  const slot = (hash ^ (hash >>> 13)) >>> (32 - SLOT_BITS);
  if (textBytes[slot] === length && hasWords(slot, data, at, last)) return texts[slot] as string;
  const text = buffer.toString("utf8", at, at + length);
  let word = slot * WORDS;
  for (let p = at; p < last; p += 4) textWords[word++] = data.getInt32(p);
  textWords[word] = data.getInt32(last);
  textBytes[slot] = length;
  texts[slot] = text;
  return text;
}

function hasWords(slot: number, data: DataView, at: number, last: number): boolean {
  let word = slot * WORDS;
  for (let p = at; p < last; p += 4) if (textWords[word++] !== data.getInt32(p)) return false;
  return textWords[word] === data.getInt32(last);
}

function shortTextAt(buffer: Buffer, at: number, length: number): string {
  if (length === 0) return "";
  const a = buffer[at] as number;
  const b = length > 1 ? (buffer[at + 1] as number) : 0;
  const c = length > 2 ? (buffer[at + 2] as number) : 0;
  if ((a | b | c) > 0x7f) return buffer.toString("utf8", at, at + length);
  if (length === 1) return String.fromCharCode(a);
  return length === 2 ? String.fromCharCode(a, b) : String.fromCharCode(a, b, c);
}

const UUID_BYTES = 16;
const UUID_CHARACTERS = 22;
const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";

const uuids: string[] = new Array(SLOTS).fill(ZERO_UUID);
const uuidWords = new Int32Array(SLOTS * 4);

/** The uuid of 16 bytes at `at` in Kafka's text form. */
export function uuidAt(buffer: Buffer, data: DataView, at: number): string {
  const a = data.getInt32(at);
  const b = data.getInt32(at + 4);
  const c = data.getInt32(at + 8);
  const d = data.getInt32(at + 12);
  const slot = uuidSlot(a ^ d);
  const word = slot * 4;
  if (uuidWords[word] === a && uuidWords[word + 1] === b && uuidWords[word + 2] === c && uuidWords[word + 3] === d)
    return uuids[slot] as string;
  const text = buffer.toString("base64url", at, at + UUID_BYTES);
  uuids[slot] = text;
  uuidWords[word] = a;
  uuidWords[word + 1] = b;
  uuidWords[word + 2] = c;
  uuidWords[word + 3] = d;
  return text;
}

function uuidSlot(mixed: number): number {
  return Math.imul(mixed, SPREAD) >>> (32 - SLOT_BITS);
}

const writtenUuids: string[] = new Array(SLOTS).fill(ZERO_UUID);
const writtenWords = new Int32Array(SLOTS * 4);

/** Writes a uuid's 16 bytes at `at`. @throws Error when the text is not a uuid. */
export function writeUuidAt(buffer: Buffer, data: DataView, at: number, text: string): void {
  // Uuids are random: four of their characters tell them apart well enough.
  const mixed =
    text.charCodeAt(1) ^ (text.charCodeAt(5) << 6) ^ (text.charCodeAt(12) << 12) ^ (text.charCodeAt(19) << 18);
  const slot = uuidSlot(mixed);
  const word = slot * 4;
  if (writtenUuids[slot] === text) {
    for (let i = 0; i < 4; i++) data.setInt32(at + 4 * i, writtenWords[word + i] as number);
    return;
  }
  const written = text.length === UUID_CHARACTERS ? buffer.write(text, at, UUID_BYTES, "base64url") : 0;
  if (written !== UUID_BYTES) throw new Error(`not a uuid: "${text}"`);
  for (let i = 0; i < 4; i++) writtenWords[word + i] = data.getInt32(at + 4 * i);
  writtenUuids[slot] = text;
}
