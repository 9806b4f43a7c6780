/**
 * How fast messages become bytes and bytes messages: Produce, Fetch and Metadata at the versions that clients send.
 *
 * Owns: messages of realistic sizes (a Produce of one batch of 100 bytes, a Fetch of 50 partitions, a Metadata of 100 topics).
 * `records` are counted in the bytes although neither side copies them when they are large.
 */
import { Writer } from "../../protocol/bytes/writer.ts";
import { FetchRequest, FetchResponse } from "../../protocol/messages/fetch.ts";
import { MetadataRequest, MetadataResponse } from "../../protocol/messages/metadata.ts";
import { ProduceRequest, ProduceResponse } from "../../protocol/messages/produce.ts";
import { decode, encode, encodeToBuffer } from "../../protocol/schema/codec.ts";
import type { Encode, Message } from "../../protocol/schema/message.ts";

export interface CodecRate {
  readonly message: string;
  readonly version: number;
  readonly direction: "decode" | "encode";
  readonly sizeBytes: number;
  readonly nanoseconds: number;
  readonly messagesPerSecond: number;
  readonly megabytesPerSecond: number;
}

const WARM_UP_MS = 150;
const ROUND_MS = 100;
const ROUNDS = 5;

const topicName = (i: number) => `service-${i}.events`;
const topicId = (i: number) => Buffer.alloc(16, (i * 37 + 11) & 0xff).toString("base64url");
const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

function produceRequest(version: number, topics: number, batchBytes: number): Encode<typeof ProduceRequest> {
  return {
    acks: -1,
    timeoutMs: 30_000,
    topicData: times(topics, (i) => ({
      ...(version >= 13 ? { topicId: topicId(i) } : { name: topicName(i) }),
      partitionData: [{ index: i, records: Buffer.alloc(batchBytes, 7) }],
    })),
  };
}

function produceResponse(version: number, topics: number): Encode<typeof ProduceResponse> {
  return {
    responses: times(topics, (i) => ({
      ...(version >= 13 ? { topicId: topicId(i) } : { name: topicName(i) }),
      partitionResponses: [{ index: i, errorCode: 0, baseOffset: 123_456_789_012 + i, logStartOffset: 0 }],
    })),
  };
}

function fetchRequest(version: number, partitions: number): Encode<typeof FetchRequest> {
  return {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: 50 << 20,
    sessionId: 1_234_567,
    sessionEpoch: 5,
    topics: times(Math.ceil(partitions / 5), (i) => ({
      ...(version >= 13 ? { topicId: topicId(i) } : { topic: topicName(i) }),
      partitions: times(5, (p) => ({
        partition: p,
        currentLeaderEpoch: 3,
        fetchOffset: 5_000_000_000 + p,
        lastFetchedEpoch: -1,
        logStartOffset: -1,
        partitionMaxBytes: 1 << 20,
      })),
    })),
  };
}

function fetchResponse(version: number, partitions: number, recordBytes: number): Encode<typeof FetchResponse> {
  return {
    sessionId: 1_234_567,
    responses: times(Math.ceil(partitions / 5), (i) => ({
      ...(version >= 13 ? { topicId: topicId(i) } : { topic: topicName(i) }),
      partitions: times(5, (p) => ({
        partitionIndex: p,
        errorCode: 0,
        highWatermark: 5_000_000_100,
        lastStableOffset: 5_000_000_100,
        logStartOffset: 0,
        abortedTransactions: null,
        records: Buffer.alloc(recordBytes, 7),
      })),
    })),
  };
}

function metadataResponse(topics: number): Encode<typeof MetadataResponse> {
  return {
    brokers: times(3, (i) => ({ nodeId: i + 1, host: "127.0.0.1", port: 9092 + i, rack: null })),
    clusterId: "6PMpHYL9QkeyXRj9Nrp4KA",
    controllerId: 1,
    topics: times(topics, (i) => ({
      errorCode: 0,
      name: topicName(i),
      topicId: topicId(i),
      isInternal: false,
      partitions: times(3, (p) => ({
        errorCode: 0,
        partitionIndex: p,
        leaderId: 1 + (p % 3),
        leaderEpoch: 4,
        replicaNodes: [1, 2, 3],
        isrNodes: [1, 2, 3],
        offlineReplicas: [],
      })),
    })),
  };
}

interface Case {
  readonly message: Message;
  readonly version: number;
  readonly what: string;
  readonly value: unknown;
}

function cases(): Case[] {
  const of = <M extends Message>(message: M, version: number, what: string, value: Encode<M>): Case => ({
    message,
    version,
    what,
    value,
  });
  return [
    of(ProduceRequest, 7, "1 batch of 100 B", produceRequest(7, 1, 100)),
    of(ProduceRequest, 10, "1 batch of 100 B", produceRequest(10, 1, 100)),
    of(ProduceRequest, 13, "1 batch of 100 B", produceRequest(13, 1, 100)),
    of(ProduceRequest, 13, "4 batches of 16 KiB", produceRequest(13, 4, 16_384)),
    of(ProduceResponse, 7, "1 partition", produceResponse(7, 1)),
    of(ProduceResponse, 10, "1 partition", produceResponse(10, 1)),
    of(ProduceResponse, 13, "1 partition", produceResponse(13, 1)),
    of(FetchRequest, 11, "50 partitions", fetchRequest(11, 50)),
    of(FetchRequest, 18, "50 partitions", fetchRequest(18, 50)),
    of(FetchResponse, 11, "50 partitions of 1 KiB", fetchResponse(11, 50, 1024)),
    of(FetchResponse, 18, "50 partitions of 1 KiB", fetchResponse(18, 50, 1024)),
    of(FetchResponse, 18, "50 partitions of 16 KiB", fetchResponse(18, 50, 16_384)),
    of(MetadataRequest, 13, "1 topic", { topics: [{ name: topicName(1) }] }),
    of(MetadataResponse, 8, "100 topics", metadataResponse(100)),
    of(MetadataResponse, 13, "100 topics", metadataResponse(100)),
  ];
}

/** Measures every case in both directions; the best of a few rounds each, as noise only ever slows. */
export function benchCodec(): CodecRate[] {
  return cases().flatMap(({ message, version, what, value }) => {
    const bytes = encodeToBuffer(message, version, value as Encode<Message>);
    const rate = (direction: "decode" | "encode", run: () => void): CodecRate => {
      const messagesPerSecond = perSecond(run);
      const megabytesPerSecond = (messagesPerSecond * bytes.length) / 1e6;
      return {
        message: `${message.name}, ${what}`,
        version,
        direction,
        sizeBytes: bytes.length,
        nanoseconds: 1e9 / messagesPerSecond,
        messagesPerSecond,
        megabytesPerSecond,
      };
    };
    return [
      rate("decode", () => decode(message, version, bytes)),
      rate("encode", () => {
        const writer = new Writer();
        encode(message, version, value as Encode<Message>, writer);
        writer.finish();
      }),
    ];
  });
}

function perSecond(run: () => void): number {
  measure(run, WARM_UP_MS);
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) best = Math.max(best, measure(run, ROUND_MS));
  return best;
}

function measure(run: () => void, milliseconds: number): number {
  const started = performance.now();
  let runs = 0;
  let elapsed = 0;
  while (elapsed < milliseconds) {
    for (let i = 0; i < 50; i++) run();
    runs += 50;
    elapsed = performance.now() - started;
  }
  return (runs / elapsed) * 1000;
}
