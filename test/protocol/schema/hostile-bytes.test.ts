/**
 * Bytes that lie: both engines refuse them with a DecodeError before they allocate, or read them as leniently as Apache Kafka.
 */
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { apiByKey } from "../../../protocol/apis.ts";
import { DecodeError } from "../../../protocol/bytes/decode-error.ts";
import { Reader } from "../../../protocol/bytes/reader.ts";
import { FetchRequest } from "../../../protocol/messages/fetch.ts";
import { RequestHeader } from "../../../protocol/messages/headers.ts";
import { MetadataRequest } from "../../../protocol/messages/metadata.ts";
import { ProduceRequest } from "../../../protocol/messages/produce.ts";
import { DeleteTopicsRequest } from "../../../protocol/messages/topics.ts";
import { type Api, requestHeaderVersion } from "../../../protocol/schema/api.ts";
import type { Field } from "../../../protocol/schema/field.ts";
import type { Message } from "../../../protocol/schema/message.ts";
import { allMessages } from "../../support/all-messages.ts";
import { type Engine, engines } from "../../support/engines.ts";
import { goldenFrames } from "../../support/golden-frames.ts";
import { lengthPlaces, withLength } from "../../support/length-places.ts";
import { plainMessage } from "../../support/plain-message.ts";

const messages = await allMessages();
const both = engines();
const [compiled, interpreted] = both;
const eachEngine = both.map((engine) => [engine.name, engine] as const);
/** Oldest and newest version: both encodings of lengths where a message has both. */
const extremes = messages.flatMap((message) => {
  const { min, max } = message.validVersions;
  return [...new Set([min, max])].map((version) => [`${message.name} v${version}`, message, version] as const);
});

/** What an engine makes of bytes: a value, or DecodeError. Any other error is a failure. */
function outcomeOf(engine: Engine, message: Message, version: number, bytes: Buffer): unknown {
  try {
    return engine.decode(message, version, bytes);
  } catch (error) {
    if (error instanceof DecodeError) return DecodeError;
    throw error;
  }
}

function expectRefused(message: Message, version: number, bytes: Buffer, where: string): void {
  for (const engine of both)
    expect(outcomeOf(engine, message, version, bytes), `${engine.name}: ${where}`).toBe(DecodeError);
}

function expectSameOutcome(message: Message, version: number, bytes: Buffer, where: string): void {
  const [one, other] = both.map((engine) => outcomeOf(engine, message, version, bytes));
  if (!isDeepStrictEqual(one, other)) expect(one, where).toEqual(other);
}

describe("B22, B23: lengths and counts", () => {
  test("are found in nearly every message", () => {
    const found = extremes.filter(([, message, version]) => {
      const bytes = compiled.encode(message, version, plainMessage(message, version).value);
      return lengthPlaces(interpreted, message, version, bytes).length > 0;
    });
    expect(found.length).toBeGreaterThan(0.8 * extremes.length);
  });

  test.each(extremes)("%s: too large is refused, negative is null or refused", (name, message, version) => {
    const bytes = compiled.encode(message, version, plainMessage(message, version).value);
    for (const place of lengthPlaces(interpreted, message, version, bytes)) {
      const where = `${name}: ${place.of} at ${place.at}`;
      const remaining = bytes.length - place.at - place.size;
      expectRefused(message, version, withLength(bytes, place, place.kind === "int16" ? 0x7fff : 0x7fffffff), where);
      expectRefused(message, version, withLength(bytes, place, remaining + 1), where);
      for (const negative of [-1, -2]) expectSameOutcome(message, version, withLength(bytes, place, negative), where);
    }
  });

  test.each(eachEngine)("%s: -2 is null where null is allowed, refused where not", (_, engine) => {
    const topics = (count: number) => {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32BE(count);
      return bytes;
    };
    expect(engine.decode(MetadataRequest, 1, topics(-2))).toMatchObject({ topics: null });
    expect(outcomeOf(engine, MetadataRequest, 0, topics(-2))).toBe(DecodeError);
    expect(engine.decode(RequestHeader, 1, Buffer.from("00030001000000ff" + "fffe", "hex"))).toMatchObject({
      clientId: null,
    });
    // A name of length -2, and one that is null.
    expect(outcomeOf(engine, MetadataRequest, 1, Buffer.from("00000001" + "fffe", "hex"))).toBe(DecodeError);
    expect(outcomeOf(engine, MetadataRequest, 9, Buffer.from("02" + "00" + "00" + "01000000", "hex"))).toBe(
      DecodeError,
    );
  });

  test.each(eachEngine)(
    "%s: a compact count of 2^31-1 is refused, 2^32-1 is null where null is allowed",
    (_, engine) => {
      const metadata = (count: string) => outcomeOf(engine, MetadataRequest, 9, Buffer.from(`${count}01000000`, "hex"));
      const deleteTopics = (count: string) =>
        outcomeOf(engine, DeleteTopicsRequest, 4, Buffer.from(`${count}0000000000`, "hex"));
      for (const count of ["ffffffff07", "8080808008"]) expect(metadata(count), count).toBe(DecodeError);
      expect(metadata("ffffffff0f")).toMatchObject({ topics: null });
      expect(deleteTopics("ffffffff0f")).toBe(DecodeError);
    },
  );

  test.each(eachEngine)("%s: a string of 32768 bytes is refused also where its length is a varint", (_, engine) => {
    const name = (length: number) => {
      const size = length + 1;
      const varint = [(size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14];
      return Buffer.concat([Buffer.from([2, ...varint]), Buffer.alloc(length, 97), Buffer.from("0001000000", "hex")]);
    };
    expect(engine.decode(MetadataRequest, 9, name(0x7fff))).toMatchObject({ topics: [{ name: "a".repeat(0x7fff) }] });
    expect(outcomeOf(engine, MetadataRequest, 9, name(0x8000))).toBe(DecodeError);
  });

  test.each(eachEngine)("%s: records that reach over the frame are refused", (_, engine) => {
    const bytes = compiled.encode(ProduceRequest, 7, {
      acks: 1,
      timeoutMs: 1,
      topicData: [{ name: "t", partitionData: [{ index: 0, records: Buffer.alloc(10) }] }],
    });
    bytes.writeInt32BE(11, bytes.length - 14);
    expect(outcomeOf(engine, ProduceRequest, 7, bytes)).toBe(DecodeError);
  });
});

describe("B25: truncation", () => {
  test.each(extremes)("%s cut at each byte is refused", (name, message, version) => {
    const bytes = compiled.encode(message, version, plainMessage(message, version).value);
    for (let length = 0; length < bytes.length; length++)
      expectRefused(message, version, bytes.subarray(0, length), `${name} cut at ${length} of ${bytes.length}`);
  });
});

describe("B26: flipped bits", () => {
  /** The shortest request of each API, and no long ones: each of their bits is tried. */
  const shortest = new Map<number, { api: Api; version: number; bytes: Buffer }>();
  for (const frame of goldenFrames()) {
    const api = apiByKey(frame.apiKey) as Api;
    if (frame.apiVersion > api.request.validVersions.max) continue;
    const reader = new Reader(frame.request);
    compiled.decode(RequestHeader, requestHeaderVersion(api, frame.apiVersion), reader);
    const bytes = frame.request.subarray(reader.offset);
    const known = shortest.get(frame.apiKey);
    if (known === undefined || bytes.length < known.bytes.length)
      shortest.set(frame.apiKey, { api, version: frame.apiVersion, bytes });
  }
  const requests = [...shortest.values()].filter(({ bytes }) => bytes.length > 0 && bytes.length < 400);

  test("most APIs have a short request", () => {
    expect(requests.length).toBeGreaterThan(60);
  });

  test.each(requests.map((request) => [request.api.name, request] as const))(
    "%s: each single bit leaves both engines agreed",
    (name, { api, version, bytes }) => {
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
        expectSameOutcome(api.request, version, flipped, `${name} v${version}, bit ${bit}`);
      }
    },
  );
});

describe.each(eachEngine)("%s", (_, engine) => {
  /** Metadata v9 without topics, its tagged section to be written behind. */
  const metadata = (tags: string) => Buffer.from(`00010000${tags}`, "hex");

  test("B27: unknown tagged fields survive, duplicates and disorder included", () => {
    const bytes = metadata("04" + "0501aa" + "0500" + "0301bb" + "ffffffff0f" + "00");
    const value = engine.decode(MetadataRequest, 9, bytes);
    expect(value).toMatchObject({
      unknownTaggedFields: [
        { tag: 5, data: Buffer.from("aa", "hex") },
        { tag: 5, data: Buffer.alloc(0) },
        { tag: 3, data: Buffer.from("bb", "hex") },
        { tag: -1, data: Buffer.alloc(0) },
      ],
    });
    expect(engine.encode(MetadataRequest, 9, value).toString("hex")).toBe(bytes.toString("hex"));
  });

  test("B27: a count of 2^31 or 2^32-1 means none, 1000 with nothing behind and sizes beyond the end are refused", () => {
    const none = engine.decode(MetadataRequest, 9, metadata("00"));
    expect(engine.decode(MetadataRequest, 9, metadata("8080808008"))).toEqual(none);
    expect(engine.decode(MetadataRequest, 9, metadata("ffffffff0f"))).toEqual(none);
    for (const tags of ["e807", "0105", "010502aa", "0105ffffffff0f", "0105808080808001"])
      expect(outcomeOf(engine, MetadataRequest, 9, metadata(tags)), tags).toBe(DecodeError);
  });

  test("B27: the size of a tagged field that is known is not looked at", () => {
    const value = { clusterId: "cluster", maxWaitMs: 1, minBytes: 1, topics: [] };
    const bytes = engine.encode(FetchRequest, 18, value);
    const expected = engine.decode(FetchRequest, 18, bytes);
    const sizeAt = bytes.length - "cluster".length - 2;
    expect(bytes[sizeAt]).toBe("cluster".length + 1);
    for (const size of [0, 1, 127]) {
      bytes[sizeAt] = size;
      expect(engine.decode(FetchRequest, 18, bytes)).toEqual(expected);
    }
  });

  test("an unknown tagged field between known ones keeps its place", () => {
    const value = {
      clusterId: "c",
      replicaState: { replicaId: 1, replicaEpoch: 2 },
      maxWaitMs: 1,
      minBytes: 1,
      topics: [{ partitions: [{ partition: 1, fetchOffset: 2, partitionMaxBytes: 3, highWatermark: 4 }] }],
      unknownTaggedFields: [{ tag: 7, data: Buffer.from("x") }],
    };
    const partition = value.topics[0]?.partitions[0] as Record<string, unknown>;
    partition.unknownTaggedFields = [{ tag: 0, data: Buffer.from("y") }];
    const hex = engine.encode(FetchRequest, 18, value).toString("hex");
    expect(hex).toContain("02" + "000179" + "01080000000000000004");
    expect(hex.endsWith("07" + "01" + "78")).toBe(true);
  });

  test("B28: a million empty elements are read, more than two million refused", () => {
    const topics = (count: number) => {
      const bytes = Buffer.alloc(4 + 2 * count);
      bytes.writeInt32BE(count);
      return bytes;
    };
    const read = engine.decode(MetadataRequest, 1, topics(1_000_000)) as { topics: unknown[] };
    expect(read.topics).toHaveLength(1_000_000);
    expect(read.topics[999_999]).toMatchObject({ name: "" });
    expect(outcomeOf(engine, MetadataRequest, 1, topics(2_000_001))).toBe(DecodeError);
  });

  test("B30, B32: names are values, however often and whatever they are called", () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "", "a", "a"];
    const value = { topics: names.map((name) => ({ name })) };
    const decoded = engine.decode(MetadataRequest, 4, engine.encode(MetadataRequest, 4, value));
    const read = (decoded as { topics: { name: string }[] }).topics.map((topic) => topic.name);
    expect(read).toEqual(names);
  });

  test("B31: text that is not UTF-8 becomes replacement characters, NUL and controls stay", () => {
    for (const hex of ["c080", "ff", "eda080", "f8888080", "61c3", "00", "e280ae", "f09f9880"]) {
      const bytes = Buffer.from(hex, "hex");
      const count = bytes.length.toString(16).padStart(4, "0");
      const decoded = engine.decode(MetadataRequest, 1, Buffer.from(`00000001${count}${hex}`, "hex"));
      expect(decoded, hex).toMatchObject({ topics: [{ name: bytes.toString("utf8") }] });
    }
  });

  test("B34: an int64 beyond 2^53 saturates, and travels on as the extreme", () => {
    const request = engine.encode(FetchRequest, 4, {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ topic: "t", partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1024 }] }],
    });
    const fetch = (offset: string) => {
      const bytes = Buffer.from(request);
      bytes.write(offset, bytes.length - 12, "hex");
      return bytes;
    };
    const offsetOf = (bytes: Buffer) =>
      (engine.decode(FetchRequest, 4, bytes) as { topics: { partitions: { fetchOffset: number }[] }[] }).topics[0]
        ?.partitions[0]?.fetchOffset;
    expect(offsetOf(fetch("7fffffffffffffff"))).toBe(Number.MAX_SAFE_INTEGER);
    expect(offsetOf(fetch("0020000000000000"))).toBe(Number.MAX_SAFE_INTEGER);
    expect(offsetOf(fetch("001ffffffffffffe"))).toBe(Number.MAX_SAFE_INTEGER - 1);
    expect(offsetOf(fetch("8000000000000000"))).toBe(Number.MIN_SAFE_INTEGER);
    expect(offsetOf(fetch("ffe0000000000002"))).toBe(Number.MIN_SAFE_INTEGER + 1);
    expect(offsetOf(fetch("fffffffffffffffe"))).toBe(-2);
    const extreme = fetch("7fffffffffffffff");
    const again = engine.encode(FetchRequest, 4, engine.decode(FetchRequest, 4, extreme));
    expect(again.toString("hex")).toBe(extreme.toString("hex"));
  });
});

test("B29: no message nests deeper than a few structs, whatever a sender writes", () => {
  const depthOf = (fields: Message["fields"]): number =>
    1 + Math.max(0, ...Object.values(fields as Record<string, Field>).map(fieldDepth));
  const fieldDepth = (field: Field): number => {
    if (field.type === "struct") return depthOf(field.fields);
    return field.type === "array" && field.element.type === "struct" ? depthOf(field.element.fields) : 0;
  };
  expect(Math.max(...messages.map((message) => depthOf(message.fields)))).toBeLessThanOrEqual(6);
});
