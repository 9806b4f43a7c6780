/** The writer: slabs that are never shared by two messages, pieces by reference, lengths known only at the end. */
import { describe, expect, test } from "vitest";
import { Reader } from "../../../protocol/bytes/reader.ts";
import { Writer } from "../../../protocol/bytes/writer.ts";

const SLAB_BYTES = 64 * 1024;

function written(write: (writer: Writer) => void): Buffer {
  const writer = new Writer();
  write(writer);
  return writer.finishOne();
}

describe("slabs", () => {
  test("messages that were finished keep their bytes, whatever is written after them", () => {
    const messages = Array.from({ length: 3000 }, (_, i) => ({
      bytes: written((writer) => {
        writer.int32(i);
        writer.string("x".repeat(i % 200));
      }),
      i,
    }));
    for (const { bytes, i } of messages) {
      const reader = new Reader(bytes);
      expect(reader.int32()).toBe(i);
      expect(reader.text(reader.int16())).toBe("x".repeat(i % 200));
      expect(reader.remaining).toBe(0);
    }
  });

  test("two writers open at once do not write into each other", () => {
    const outer = new Writer();
    outer.int32(1);
    const inner = new Writer();
    inner.int32(2);
    outer.int32(3);
    const innerBytes = inner.finishOne();
    const third = written((writer) => writer.int32(4));
    outer.int32(5);
    expect(outer.finishOne().toString("hex")).toBe("000000010000000300000005");
    expect(innerBytes.toString("hex")).toBe("00000002");
    expect(third.toString("hex")).toBe("00000004");
  });

  test("a writer abandoned in the middle of a message harms none", () => {
    const before = written((writer) => writer.int32(1));
    const abandoned = new Writer();
    abandoned.int32(2);
    expect(() => abandoned.uuid("no uuid")).toThrow("not a uuid");
    const after = written((writer) => writer.int32(3));
    abandoned.int32(4);
    expect([before, after].map((bytes) => bytes.toString("hex"))).toEqual(["00000001", "00000003"]);
  });

  test("a message larger than a slab is whole, and the next one does not lie in its memory", () => {
    const large = written((writer) => {
      for (let i = 0; i < 100_000; i++) writer.int32(i);
    });
    expect(large).toHaveLength(400_000);
    for (let i = 0; i < 100_000; i += 997) expect(large.readInt32BE(4 * i)).toBe(i);
    expect(written((writer) => writer.int32(1)).buffer).not.toBe(large.buffer);
  });

  test.each([1, 100, SLAB_BYTES - 600, SLAB_BYTES - 513, SLAB_BYTES - 4])("a slab with %i bytes used", (used) => {
    const first = written((writer) => writer.raw(Buffer.alloc(Math.min(used, 4096), 1)));
    for (let left = used - first.length; left > 0; left -= 4096)
      written((writer) => writer.raw(Buffer.alloc(Math.min(left, 4096), 2)));
    const next = written((writer) => {
      for (let i = 0; i < 1000; i++) writer.int16(i);
    });
    expect(next.readInt16BE(1998)).toBe(999);
    expect(first.every((byte) => byte === 1)).toBe(true);
  });
});

describe("pieces", () => {
  test("byte strings over 4 KiB are kept by reference, in order, smaller ones copied", () => {
    const small = Buffer.alloc(4096, 1);
    const large = Buffer.alloc(4097, 2);
    const writer = new Writer();
    writer.int32(7);
    writer.raw(small);
    writer.raw(large);
    writer.int32(8);
    expect(writer.sizeBytes).toBe(4 + 4096 + 4097 + 4);
    const pieces = writer.finish();
    expect(pieces.map((piece) => piece.length)).toEqual([4100, 4097, 4]);
    expect(pieces[1]).toBe(large);
    small.fill(9);
    expect(pieces[0]?.subarray(4).every((byte) => byte === 1)).toBe(true);
  });

  test("records may come in several buffers", () => {
    const pieces = [Buffer.from("ab"), Buffer.alloc(5000, 3), Buffer.from("c")];
    const bytes = written((writer) => writer.records(pieces));
    expect(bytes).toEqual(Buffer.concat([Buffer.from([0, 0, 0x13, 0x8b]), ...pieces]));
    const compact = written((writer) => writer.compactRecords(pieces));
    expect(compact).toEqual(Buffer.concat([Buffer.from([0x8c, 0x27]), ...pieces]));
  });

  test("a length in front is patched before and after pieces", () => {
    for (const size of [10, 5000]) {
      const writer = new Writer();
      writer.int32(0);
      writer.raw(Buffer.alloc(size));
      writer.patchInt32(0, writer.sizeBytes - 4);
      expect(writer.finishOne().readInt32BE(0)).toBe(size);
    }
  });

  test("nothing written is one empty message", () => {
    expect(new Writer().finishOne()).toHaveLength(0);
  });
});

describe("tagged fields", () => {
  test.each([0, 1, 126, 127, 128, 5000, 16_383, 16_384, 70_000])("one of %i bytes", (size) => {
    const payload = Buffer.alloc(size, 5);
    const bytes = written((writer) => {
      writer.int8(1);
      const outer = writer.openTaggedField(3);
      const inner = writer.openTaggedField(200);
      writer.raw(payload);
      writer.closeTaggedField(inner);
      writer.closeTaggedField(outer);
      writer.int8(2);
    });
    const reader = new Reader(bytes, 1);
    const outer = { tag: reader.uvarint(), size: reader.uvarint() };
    expect(outer).toEqual({ tag: 3, size: reader.remaining - 1 });
    expect({ tag: reader.uvarint(), size: reader.uvarint() }).toEqual({ tag: 200, size });
    expect(reader.view(size).equals(payload)).toBe(true);
    expect(reader.int8()).toBe(2);
  });
});

describe("text", () => {
  const texts = [
    "",
    "a",
    "x".repeat(24),
    "x".repeat(25),
    "é".repeat(24),
    "日".repeat(24),
    "日".repeat(42),
    "😀".repeat(12),
    "x".repeat(0x7fff),
  ];

  test.each(texts.map((text) => [text.length, text] as const))("of %i characters", (_, text) => {
    const size = Buffer.byteLength(text);
    const plain = written((writer) => writer.string(text));
    expect(plain.readInt16BE(0)).toBe(size);
    expect(plain.toString("utf8", 2)).toBe(text);
    const reader = new Reader(written((writer) => writer.compactString(text)));
    expect(reader.compactLength()).toBe(size);
    expect(reader.text(size)).toBe(text);
    expect(reader.remaining).toBe(0);
  });

  test("past 32767 bytes is refused, short or compact", () => {
    for (const text of ["x".repeat(0x8000), "é".repeat(0x4000)]) {
      expect(() => written((writer) => writer.string(text))).toThrow("does not fit");
      expect(() => written((writer) => writer.compactString(text))).toThrow("does not fit");
    }
  });

  test("half a surrogate pair becomes a replacement character", () => {
    expect(written((writer) => writer.string("a\ud83d")).toString("utf8", 2)).toBe("a\ufffd");
  });
});

test("uuids are written from their text, known or new, and nothing else is", () => {
  for (const uuid of ["AAAAAAAAAAAAAAAAAAAAAQ", "AAAAAAAAAAAAAAAAAAAAAg", "-_-_-_-_-_-_-_-_-_-_-w"]) {
    for (let again = 0; again < 2; again++)
      expect(written((writer) => writer.uuid(uuid)).toString("base64url")).toBe(uuid);
  }
  for (const text of ["", "AAAAAAAAAAAAAAAAAAAAAQA", "AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAA AAAAAAAAAAA"])
    expect(() => written((writer) => writer.uuid(text)), text).toThrow("not a uuid");
});
