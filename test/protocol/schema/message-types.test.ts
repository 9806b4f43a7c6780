/**
 * A wrong message does not compile. Each `@ts-expect-error` below is an error of the type check when the line it stands over is
 * accepted; what the encoder does with the same mistake is checked besides.
 */
import { describe, expect, expectTypeOf, test } from "vitest";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import {
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataValue,
} from "../../../protocol/messages/group-records.ts";
import { MetadataResponse } from "../../../protocol/messages/metadata.ts";
import { Produce, ProduceRequest } from "../../../protocol/messages/produce.ts";
import { decode, encodeToBuffer } from "../../../protocol/schema/codec.ts";
import type { UnknownTaggedField } from "../../../protocol/schema/field.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";

type Request = Encode<typeof ProduceRequest>;
const partition = { index: 0, records: Buffer.from("batch") };
const encodeProduce = (value: Request) => encodeToBuffer(ProduceRequest, 9, value);

describe("a message to encode", () => {
  test("with what has no default is enough", () => {
    const value: Request = { acks: 1, timeoutMs: 100, topicData: [{ name: "t", partitionData: [partition] }] };
    expect(decode(ProduceRequest, 9, encodeProduce(value))).toEqual({
      transactionalId: null,
      acks: 1,
      timeoutMs: 100,
      topicData: [{ name: "t", topicId: "AAAAAAAAAAAAAAAAAAAAAA", partitionData: [partition] }],
    });
  });

  test("a required field is missing", () => {
    // @ts-expect-error timeoutMs has no default
    const value: Request = { acks: 1, topicData: [] };
    expect(decode(ProduceRequest, 9, encodeProduce(value)).timeoutMs).toBe(0);
    // @ts-expect-error index has no default
    const nested: Request = { acks: 1, timeoutMs: 1, topicData: [{ name: "t", partitionData: [{ records: null }] }] };
    expect(decode(ProduceRequest, 9, encodeProduce(nested)).topicData[0]?.partitionData[0]?.index).toBe(0);
  });

  test("a field has the wrong type", () => {
    // @ts-expect-error a list of topics, not one
    const value: Request = { acks: 1, timeoutMs: 1, topicData: 7 };
    expect(decode(ProduceRequest, 9, encodeProduce({ ...value, topicData: [] })).topicData).toEqual([]);
    // @ts-expect-error records are bytes
    const topic: Request["topicData"][number] = { name: "t", partitionData: [{ index: 0, records: "b" }] };
    const text: Request = { acks: 1, timeoutMs: 1, topicData: [topic] };
    expect(() => encodeProduce(text)).toThrow(TypeError);
    // @ts-expect-error a hash is a bigint
    const hash: Encode<typeof ConsumerGroupMetadataValue> = { epoch: 1, metadataHash: 5 };
    expect(() => encodeToBuffer(ConsumerGroupMetadataValue, 0, hash)).toThrow(TypeError);
  });

  test("a field is unknown", () => {
    // @ts-expect-error it is called timeoutMs
    const value: Request = { acks: 1, timeoutMs: 1, topicData: [], timeout: 2 };
    expect(decode(ProduceRequest, 9, encodeProduce(value))).not.toHaveProperty("timeout");
  });

  test("null stands where it is not allowed", () => {
    // @ts-expect-error a list of topics is never null
    const value: Request = { acks: 1, timeoutMs: 1, topicData: null };
    expect(() => encodeProduce(value)).toThrow("topicData must not be null");
    // @ts-expect-error nor is a name
    const name: Request = { acks: 1, timeoutMs: 1, topicData: [{ name: null, partitionData: [] }] };
    expect(() => encodeProduce(name)).toThrow("name must not be null");
  });

  test("null stands where it is allowed, several buffers where records are wanted", () => {
    const records = [Buffer.from("a"), Buffer.from("b")];
    const value: Request = {
      transactionalId: null,
      acks: 1,
      timeoutMs: 1,
      topicData: [
        {
          name: "t",
          partitionData: [
            { index: 0, records: null },
            { index: 1, records },
          ],
        },
      ],
    };
    const [none, both] = decode(ProduceRequest, 9, encodeProduce(value)).topicData[0]?.partitionData ?? [];
    expect([none?.records, both?.records?.toString()]).toEqual([null, "ab"]);
  });
});

describe("a decoded message", () => {
  test("has every field, null only where the schema allows it", () => {
    type Decoded = Decode<typeof ProduceRequest>;
    expectTypeOf<Decoded["transactionalId"]>().toEqualTypeOf<string | null>();
    expectTypeOf<Decoded["acks"]>().toEqualTypeOf<number>();
    expectTypeOf<Decoded["topicData"][number]["partitionData"][number]["records"]>().toEqualTypeOf<Buffer | null>();
    expectTypeOf<Decoded["unknownTaggedFields"]>().toEqualTypeOf<UnknownTaggedField[] | undefined>();
    expectTypeOf<Decode<typeof MetadataResponse>["brokers"][number]["rack"]>().toEqualTypeOf<string | null>();
    expectTypeOf<Decode<typeof ConsumerGroupMetadataValue>["metadataHash"]>().toEqualTypeOf<bigint>();
    const value = decode(MetadataResponse, 0, Buffer.from("0000000000000000", "hex"));
    expect(value).toMatchObject({ throttleTimeMs: 0, clusterId: null, controllerId: -1, errorCode: 0 });
  });

  test("of a consumer group's member: no classic metadata is one without protocols, null is written", () => {
    type Member = Decode<typeof ConsumerGroupMemberMetadataValue>;
    expectTypeOf<Member["classicMemberMetadata"]>().extract<null>().toEqualTypeOf<null>();
    const member: Encode<typeof ConsumerGroupMemberMetadataValue> = {
      instanceId: null,
      rackId: null,
      clientId: "",
      clientHost: "",
      subscribedTopicNames: [],
      subscribedTopicRegex: null,
      serverAssignor: null,
    };
    const left = encodeToBuffer(ConsumerGroupMemberMetadataValue, 0, member);
    const none = encodeToBuffer(ConsumerGroupMemberMetadataValue, 0, { ...member, classicMemberMetadata: null });
    // The bytes are those that Kafka's own class writes.
    expect([left.toString("hex"), none.toString("hex")]).toEqual([
      "000001010100ffffffff0000",
      "000001010100ffffffff0001000100",
    ]);
    const metadataOf = (bytes: Buffer) => decode(ConsumerGroupMemberMetadataValue, 0, bytes).classicMemberMetadata;
    expect(metadataOf(left)).toEqual({ sessionTimeoutMs: 0, supportedProtocols: [] });
    expect(metadataOf(none)).toBeNull();
  });

  test("of an API is that of its request or response", () => {
    expectTypeOf<Decode<(typeof Produce)["request"]>>().toEqualTypeOf<Decode<typeof ProduceRequest>>();
    expectTypeOf<
      Encode<(typeof Fetch)["response"]>["responses"][number]["partitions"][number]["records"]
    >().toEqualTypeOf<Buffer | readonly Buffer[] | null>();
    expect([Produce.request.name, Fetch.response.name]).toEqual(["ProduceRequest", "FetchResponse"]);
  });
});
