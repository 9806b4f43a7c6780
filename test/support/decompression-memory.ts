/**
 * A program that unpacks bombs, one after another, and prints how far its peak memory rose with each: one JSON object a line.
 *
 * A process of its own, because a peak can only be seen from outside a synchronous call, and never goes back.
 * Usage: tsx decompression-memory.ts native|fallback CAP_BYTES
 */
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { Codec } from "../../protocol/records/codec.ts";
import { compress, decompress } from "../../protocol/records/compression.ts";
import { loadCodecs } from "../../protocol/records/native-modules.ts";
import {
  lz4Frame,
  lz4Zeros,
  snappyZeros,
  uvarint,
  XERIAL_HEADER,
  xerialChunk,
  zstdFrame,
  zstdSkippable,
  zstdZeros,
} from "./hand-made-frames.ts";

const MEBIBYTE = 1 << 20;
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

function bombs(): [string, Codec, Buffer][] {
  const zeros = gzipSync(Buffer.alloc(64 * MEBIBYTE), { level: 9 });
  const block = lz4Zeros(4 * MEBIBYTE);
  const shortBlock = lz4Zeros(40);
  const chunk = xerialChunk(snappyZeros(MEBIBYTE + 1));
  return [
    ["gzip: 1 GiB in 16 members", Codec.GZIP, Buffer.concat(times(16, zeros))],
    [
      "gzip: 64 MiB, and a trailer that promises 4 GiB",
      Codec.GZIP,
      Buffer.concat([zeros.subarray(0, -4), Buffer.alloc(4, 0xff)]),
    ],
    ["gzip: 1 GiB, and junk", Codec.GZIP, Buffer.concat([...times(16, zeros), Buffer.from("junk")])],
    ["snappy: 1 GiB in chunks", Codec.SNAPPY, Buffer.concat([XERIAL_HEADER, ...times(1024, chunk)])],
    ["snappy: a block that announces 2 GiB", Codec.SNAPPY, Buffer.concat([uvarint(0x7fffffff), Buffer.alloc(100)])],
    [
      "snappy: 100 MB that could hold 2 GiB",
      Codec.SNAPPY,
      Buffer.concat([uvarint(0x7fffffff), Buffer.alloc(100_000_000)]),
    ],
    [
      "snappy: a chunk of 2 GiB",
      Codec.SNAPPY,
      Buffer.concat([XERIAL_HEADER, xerialChunk(Buffer.alloc(9), 0x7fffffff)]),
    ],
    ["lz4: 1 GiB in blocks of 4 MiB", Codec.LZ4, lz4Frame(times(256, { bytes: block }), { blockCode: 7 })],
    [
      "lz4: a content size of 2^63",
      Codec.LZ4,
      lz4Frame(times(256, { bytes: block }), { blockCode: 7, contentSize: 2n ** 63n }),
    ],
    [
      "lz4: 500,000 blocks that could hold 1.5 GB",
      Codec.LZ4,
      lz4Frame(times(500_000, { bytes: shortBlock }), { blockCode: 7 }),
    ],
    ["zstd: 1 GiB in 32 kB", Codec.ZSTD, zstdFrame(zstdZeros(8192))],
    ["zstd: 1 GiB in frames of 2 MiB", Codec.ZSTD, Buffer.concat(times(512, zstdFrame(zstdZeros(16))))],
    ["zstd: 1 GiB as a content size says", Codec.ZSTD, zstdFrame(zstdZeros(8192), { contentSize: 2n ** 30n })],
    ["zstd: a content size of 2^63", Codec.ZSTD, zstdFrame(zstdZeros(8192), { contentSize: 2n ** 63n })],
    ["zstd: a window of 2 GiB", Codec.ZSTD, zstdFrame(zstdZeros(2), { windowDescriptor: 21 << 3 })],
    [
      "zstd: a million skippable frames, then 1 GiB",
      Codec.ZSTD,
      Buffer.concat([Buffer.alloc(8_000_000, zstdSkippable(Buffer.alloc(0))), zstdFrame(zstdZeros(8192))]),
    ],
  ];
}

const [mode, cap] = process.argv.slice(2);
const maxBytes = Number(cap);
loadCodecs({ native: mode === "native" });
const all = bombs();
// What is loaded and compiled on first use is no bomb's doing.
for (const codec of [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD])
  decompress(codec, compress(codec, Buffer.alloc(100_000, "abc")), maxBytes);
for (const [name, codec, payload] of all) {
  const before = resetPeak();
  const started = performance.now();
  let outcome = "unpacked";
  try {
    decompress(codec, payload, maxBytes);
  } catch (error) {
    const { name: type, reason } = error as { name: string; reason?: string };
    outcome = `${type} ${reason}`;
  }
  const grownBytes = peakBytes() - before;
  console.log(JSON.stringify({ name, outcome, grownBytes, spentMs: Math.round(performance.now() - started) }));
}

/** Where Linux lets it, the peak starts again from what is resident now. */
function resetPeak(): number {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // Elsewhere it is the peak since the start: smaller growth goes unseen, larger does not.
  }
  return peakBytes();
}

function peakBytes(): number {
  try {
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
    if (peak !== null) return Number(peak[1]) * 1024;
  } catch {
    // No Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}
