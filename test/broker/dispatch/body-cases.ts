/**
 * Bodies that are well formed and strange: a million elements, names nobody should choose, numbers beyond what a double holds.
 * Runs against any broker in plain text that has no topics of these names.
 */
import { describe, expect, test } from "vitest";
import type { Address } from "../../../broker/network/network.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Fetch, FetchResponse } from "../../../protocol/messages/fetch.ts";
import { ListOffsets } from "../../../protocol/messages/list-offsets.ts";
import { DescribeTopicPartitions, Metadata, MetadataResponse } from "../../../protocol/messages/metadata.ts";
import { decode } from "../../../protocol/schema/codec.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import { framed, headerOf, outcomeOf, probe, request, type Target, WireClient } from "../network/wire-client.ts";

const { INVALID_TOPIC_EXCEPTION, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode;

type MetadataTopic = Decode<typeof MetadataResponse>["topics"][number];

async function metadataOf(address: Address, bytes: Buffer, version: number): Promise<MetadataTopic[]> {
  using client = await WireClient.open(address);
  client.send(bytes);
  const answer = await client.frame();
  if (answer === undefined) throw new Error("closed");
  return decode(MetadataResponse, version, answer.subarray(version >= 9 ? 5 : 4)).topics;
}

/** Metadata v9 for one name, whatever bytes that is. */
function metadataForName(name: Buffer): Buffer {
  const topics = Buffer.concat([Buffer.from([2]), compact(name), Buffer.from([0])]);
  return framed(headerOf(Metadata, 9), topics, Buffer.from([0, 0, 0, 0]));
}

function compact(text: Buffer): Buffer {
  const length = text.length + 1;
  const prefix = length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  return Buffer.concat([Buffer.from(prefix), text]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function bodyCases(start: () => Promise<Target>): void {
  test("B22: a count of -2 where null is allowed is taken as null", async () => {
    await using target = await start();
    expect(await outcomeOf(target.address, framed(headerOf(Metadata, 1), int32(-2)))).not.toBe("closed");
  });

  test("B28: a million empty names are answered soon, once", async () => {
    await using target = await start();
    const names = Buffer.alloc(2_000_000);
    const startMs = performance.now();
    const topics = await metadataOf(target.address, framed(headerOf(Metadata, 1), int32(1_000_000), names), 1);
    expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([["", INVALID_TOPIC_EXCEPTION]]);
    expect(performance.now() - startMs).toBeLessThan(15_000);
    await probe(target.address);
  });

  test("B29: a nullable struct is there when its first byte is not negative, however it is written", async () => {
    await using target = await start();
    const head = Buffer.from("010000000a", "hex"); // no topics, a limit of 10 partitions
    for (const [first, cursor] of [
      ["ff", ""],
      ["80", ""],
      ["01", "0261 00000000 00"],
      ["7f", "0261 00000000 00"],
    ] as const) {
      const body = Buffer.from(`${first}${cursor.replaceAll(" ", "")}00`, "hex");
      const answer = await outcomeOf(target.address, framed(headerOf(DescribeTopicPartitions, 0), head, body));
      expect(answer, first).not.toBe("closed");
    }
    const cut = Buffer.from("01", "hex");
    expect(await outcomeOf(target.address, framed(headerOf(DescribeTopicPartitions, 0), head, cut))).toBe("closed");
  });

  test("B30: one topic a hundred thousand times is answered once", async () => {
    await using target = await start();
    const name = Buffer.from([0, 4, ...Buffer.from("nope")]);
    const names = Buffer.concat(Array.from({ length: 100_000 }, () => name));
    const noCreation = Buffer.from([0]);
    const topics = await metadataOf(
      target.address,
      framed(headerOf(Metadata, 4), int32(100_000), names, noCreation),
      4,
    );
    expect(topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([["nope", UNKNOWN_TOPIC_OR_PARTITION]]);
    await probe(target.address);
  });

  describe("B31: names that are no UTF-8, or hide", () => {
    const names: readonly [what: string, name: Buffer][] = [
      ["an overlong slash", Buffer.from([0x61, 0xc0, 0xaf, 0x62])],
      ["a lone surrogate", Buffer.from([0xed, 0xa0, 0x80])],
      ["a NUL", Buffer.from("a\0b")],
      ["U+202E", Buffer.from("a\u202eb")],
      ["bytes that are no UTF-8", Buffer.from([0xff, 0xfe])],
      ["a name cut within a character", Buffer.from([0x61, 0xe2, 0x82])],
    ];
    test.each(names)("%s is no topic", async (_, name) => {
      await using target = await start();
      const [topic] = await metadataOf(target.address, metadataForName(name), 9);
      expect(topic?.errorCode).toBe(INVALID_TOPIC_EXCEPTION);
    });
  });

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "B32: %s is a name like any other",
    async (name) => {
      await using target = await start();
      const [topic] = await metadataOf(target.address, metadataForName(Buffer.from(name)), 9);
      expect([topic?.name, topic?.errorCode]).toEqual([name, UNKNOWN_TOPIC_OR_PARTITION]);
      await probe(target.address);
    },
  );

  test.each([
    [".", INVALID_TOPIC_EXCEPTION],
    ["..", INVALID_TOPIC_EXCEPTION],
    ["a/b", INVALID_TOPIC_EXCEPTION],
    ["..\\x", INVALID_TOPIC_EXCEPTION],
    ["a b", INVALID_TOPIC_EXCEPTION],
    ["é", INVALID_TOPIC_EXCEPTION],
    ["@metadata", INVALID_TOPIC_EXCEPTION],
    ["x".repeat(250), INVALID_TOPIC_EXCEPTION],
    ["x".repeat(249), UNKNOWN_TOPIC_OR_PARTITION],
    ["A.b_c-D", UNKNOWN_TOPIC_OR_PARTITION],
  ])("B33: the topic name %s", async (name, errorCode) => {
    await using target = await start();
    const [topic] = await metadataOf(target.address, metadataForName(Buffer.from(name)), 9);
    expect([topic?.name, topic?.errorCode]).toEqual([name, errorCode]);
  });

  test("B34: offsets and timestamps beyond 2^53 are answered", async () => {
    await using target = await start();
    for (const value of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
      // The ends of the safe range are written as the ends of int64.
      const fetchPartition = { partition: 0, fetchOffset: value, partitionMaxBytes: 1000 };
      const fetch = request(Fetch, 11, {
        replicaId: -1,
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 1000,
        topics: [{ topic: "nope", partitions: [fetchPartition] }],
        forgottenTopicsData: [],
      });
      expect(fetch.includes(value > 0 ? "7fffffffffffffff" : "8000000000000000", 0, "hex")).toBe(true);
      const answer = await outcomeOf(target.address, fetch);
      if (answer === "closed") throw new Error("closed");
      expect(decode(FetchResponse, 11, answer.subarray(4)).responses[0]?.partitions).toHaveLength(1);
      const listPartition = { partitionIndex: 0, timestamp: value };
      const topics = [{ name: "nope", partitions: [listPartition] }];
      const list = request(ListOffsets, 7, { replicaId: -1, isolationLevel: 0, topics });
      expect(await outcomeOf(target.address, list)).not.toBe("closed");
    }
  });
}
