/** Payloads that promise a gigabyte: refused, with no more memory than the cap allows, with native code and without. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const CAP_BYTES = 16 * 1024 * 1024;
/** Room for the output once more where it is gathered, and for the collector, which does not run at once. */
const GROWTH_BYTES = 3 * CAP_BYTES;
/** Far more than any takes here; what this finds is work that grows with what a payload promises. */
const LIMIT_MS = 10_000;
const TEST_TIMEOUT_MS = 60_000;

interface Result {
  readonly name: string;
  readonly outcome: string;
  readonly grownBytes: number;
  readonly spentMs: number;
}

async function unpackBombs(mode: "native" | "fallback"): Promise<Result[]> {
  const program = fileURLToPath(new URL("../../support/decompression-memory.ts", import.meta.url));
  const args = ["--import", "tsx", program, mode, `${CAP_BYTES}`];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const lines = stdout.trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Result);
}

describe.each(["native", "fallback"] as const)("%s", (mode) => {
  test(
    "B50, B51, B52, B53: bombs and lies are refused within bounds",
    async () => {
      const results = await unpackBombs(mode);
      expect(results.map(({ name, outcome }) => `${name}: ${outcome}`)).toEqual([
        "gzip: 1 GiB in 16 members: CompressionError tooLarge",
        "gzip: 64 MiB, and a trailer that promises 4 GiB: CompressionError tooLarge",
        "gzip: 1 GiB, and junk: CompressionError tooLarge",
        "snappy: 1 GiB in chunks: CompressionError tooLarge",
        "snappy: a block that announces 2 GiB: CompressionError corrupt",
        "snappy: 100 MB that could hold 2 GiB: CompressionError tooLarge",
        "snappy: a chunk of 2 GiB: CompressionError corrupt",
        "lz4: 1 GiB in blocks of 4 MiB: CompressionError tooLarge",
        "lz4: a content size of 2^63: CompressionError tooLarge",
        "lz4: 500,000 blocks that could hold 1.5 GB: CompressionError tooLarge",
        "zstd: 1 GiB in 32 kB: CompressionError tooLarge",
        "zstd: 1 GiB in frames of 2 MiB: CompressionError tooLarge",
        "zstd: 1 GiB as a content size says: CompressionError tooLarge",
        "zstd: a content size of 2^63: CompressionError corrupt",
        "zstd: a window of 2 GiB: CompressionError unsupported",
        "zstd: a million skippable frames, then 1 GiB: CompressionError tooLarge",
      ]);
      for (const { name, grownBytes, spentMs } of results) {
        expect(grownBytes, name).toBeLessThan(GROWTH_BYTES);
        expect(spentMs, name).toBeLessThan(LIMIT_MS);
      }
    },
    TEST_TIMEOUT_MS,
  );
});
