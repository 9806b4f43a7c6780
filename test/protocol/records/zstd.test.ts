/** zstd frames at their edges, in WebAssembly and where node:zlib has zstd: the same is read and refused. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadCodecs } from "../../../protocol/records/native-modules.ts";
import { compressZstd, decompressZstd } from "../../../protocol/records/zstd.ts";
import { type ZstdBlock, zstdFrame, zstdSkippable, zstdZeros } from "../../support/hand-made-frames.ts";

const ROOM = 1_000_000;
const corrupt = expect.objectContaining({ name: "CompressionError", reason: "corrupt" });
const unsupported = expect.objectContaining({ name: "CompressionError", reason: "unsupported" });
const tooLarge = expect.objectContaining({ name: "CompressionError", reason: "tooLarge" });
const raw = (text: string): ZstdBlock => ({ type: "raw", size: text.length, bytes: Buffer.from(text) });

afterEach(() => {
  loadCodecs({ native: true });
});

describe.each([
  ["as the runtime has it", true],
  ["in WebAssembly", false],
])("%s", (_, native) => {
  beforeEach(() => {
    loadCodecs({ native });
  });

  test("frames without a content size are read, of one block or many", () => {
    expect(decompressZstd(zstdFrame([raw("hello")]), ROOM).toString()).toBe("hello");
    expect(decompressZstd(zstdFrame([raw("hello, "), raw(""), raw("world")]), ROOM).toString()).toBe("hello, world");
    expect(decompressZstd(zstdFrame(zstdZeros(5)), ROOM).equals(Buffer.alloc(5 * 131_072))).toBe(true);
  });

  test("frames with a content size, and of one segment, are read", () => {
    expect(decompressZstd(zstdFrame([raw("hello")], { contentSize: 5n }), ROOM).toString()).toBe("hello");
    const oneSegment = Buffer.from("28b52ffd20052900006865 6c6c6f".replace(" ", ""), "hex");
    expect(decompressZstd(oneSegment, ROOM).toString()).toBe("hello");
    const content = "x".repeat(300);
    const twoBytes = Buffer.concat([
      Buffer.from("28b52ffd602c00", "hex"),
      Buffer.from([0x61, 0x09, 0x00]),
      Buffer.from(content),
    ]);
    expect(decompressZstd(twoBytes, ROOM).toString()).toBe(content);
  });

  test("B51: frames one behind another are one, skippable ones skipped", () => {
    const frames = [
      zstdSkippable(Buffer.from("ignored")),
      compressZstd(Buffer.from("one, "), 3),
      zstdSkippable(Buffer.alloc(0)),
    ];
    const payload = Buffer.concat([...frames, zstdFrame([raw("two")]), zstdSkippable(Buffer.alloc(9))]);
    expect(decompressZstd(payload, ROOM).toString()).toBe("one, two");
    expect(decompressZstd(zstdSkippable(Buffer.alloc(3)), ROOM)).toHaveLength(0);
  });

  test("B51: a million skippable frames are skipped", () => {
    const payload = Buffer.concat([Buffer.alloc(8_000_000, zstdSkippable(Buffer.alloc(0))), zstdFrame([raw("end")])]);
    expect(decompressZstd(payload, ROOM).toString()).toBe("end");
  });

  test("B51: more frames than anyone writes are refused", () => {
    const frame = zstdFrame([raw("x")]);
    expect(decompressZstd(Buffer.alloc(frame.length * 100, frame), ROOM).toString()).toBe("x".repeat(100));
    expect(() => decompressZstd(Buffer.alloc(frame.length * 10_001, frame), ROOM)).toThrow(corrupt);
  });

  test("B51: a window up to 128 MiB is read, beyond it refused", () => {
    const window = (windowLog: number, mantissa = 0) =>
      zstdFrame([raw("x")], { windowDescriptor: ((windowLog - 10) << 3) | mantissa });
    expect(decompressZstd(window(10), ROOM).toString()).toBe("x");
    expect(decompressZstd(window(27), ROOM).toString()).toBe("x");
    for (const frame of [window(27, 1), window(28), window(31), window(41, 7)])
      expect(() => decompressZstd(frame, ROOM)).toThrow(unsupported);
  });

  test("B51: dictionaries and reserved bits are refused, dictionary 0 is none", () => {
    expect(() => decompressZstd(zstdFrame([raw("x")], { dictionaryId: 1 }), ROOM)).toThrow(unsupported);
    expect(decompressZstd(zstdFrame([raw("x")], { dictionaryId: 0 }), ROOM).toString()).toBe("x");
    expect(() => decompressZstd(zstdFrame([raw("x")], { reservedBit: true }), ROOM)).toThrow(corrupt);
  });

  test.each([0n, 4n, 6n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n])(
    "B51: a content size of %i where there are 5 bytes",
    (contentSize) => {
      expect(() => decompressZstd(zstdFrame([raw("hello")], { contentSize }), ROOM)).toThrow(corrupt);
    },
  );

  test("B51: a content size that blocks could hold and do not", () => {
    const plain = Buffer.from("the quick brown fox ".repeat(50));
    const frame = compressZstd(plain, 3);
    const body = frame.subarray(frame.length - lastBlockBytes(frame));
    const block = (contentSize: bigint) => {
      const header = zstdFrame([], { contentSize });
      return Buffer.concat([header, body]);
    };
    expect(decompressZstd(block(1_000n), ROOM).equals(plain)).toBe(true);
    for (const lie of [999n, 1_001n, 100_000n]) expect(() => decompressZstd(block(lie), ROOM)).toThrow(corrupt);
  });

  test("B51: blocks of a reserved type, or larger than the window or 128 KiB, are refused", () => {
    expect(() => decompressZstd(zstdFrame([{ type: "reserved", size: 1, bytes: Buffer.alloc(1) }]), ROOM)).toThrow(
      corrupt,
    );
    const large: ZstdBlock = { type: "repeated", size: 131_073, bytes: Buffer.alloc(1) };
    expect(() => decompressZstd(zstdFrame([large]), ROOM)).toThrow(corrupt);
    const overWindow: ZstdBlock = { type: "repeated", size: 1_025, bytes: Buffer.alloc(1) };
    expect(() => decompressZstd(zstdFrame([overWindow], { windowDescriptor: 0 }), ROOM)).toThrow(corrupt);
  });

  test("B51: a wrong checksum is refused", () => {
    expect(() => decompressZstd(zstdFrame([raw("hello")], { checksum: 12_345 }), ROOM)).toThrow(corrupt);
  });

  test("junk, a frame cut short, or junk behind a frame", () => {
    const frame = zstdFrame([raw("hello")]);
    for (const payload of [
      Buffer.from("junk, and enough of it"),
      Buffer.concat([frame, Buffer.from("junk")]),
      Buffer.concat([frame, Buffer.from("junk, and enough of it")]),
      Buffer.concat([frame, frame.subarray(0, -1)]),
      zstdSkippable(Buffer.alloc(3), 4),
      zstdSkippable(Buffer.alloc(3), 0xffffffff),
      zstdFrame([{ type: "compressed", size: 3, bytes: Buffer.from("abc") }]),
    ])
      expect(() => decompressZstd(payload, ROOM)).toThrow(corrupt);
  });

  test("the cap is on all frames together", () => {
    const frame = zstdFrame([raw("12345")]);
    const payload = Buffer.concat([frame, frame]);
    expect(decompressZstd(payload, 10)).toHaveLength(10);
    for (const cap of [9, 5, 4, 0]) expect(() => decompressZstd(payload, cap), `${cap}`).toThrow(tooLarge);
    expect(() => decompressZstd(compressZstd(Buffer.alloc(100_000), 3), 99_999)).toThrow(tooLarge);
  });
});

/** Bytes of the only block of a frame, its header included. */
function lastBlockBytes(frame: Buffer): number {
  for (let at = 5; at < 20; at++) {
    const header = frame.readUIntLE(at, 3);
    if ((header & 7) === 5 && at + 3 + (header >> 3) === frame.length) return frame.length - at;
  }
  throw new Error("not a frame of one compressed block");
}
