/**
 * What a group's topics look like, in one number: a group whose number differs from the one in its record needs a new assignment.
 *
 * The bytes that are hashed are Kafka's (KIP-1101), so that a group keeps its number when its coordinator moves between
 * brokers of either make. Leaves out leaders and in-sync replicas, which change no assignment.
 */
import type { BrokerImage, MetadataImage, TopicImage } from "../../metadata/metadata-image.ts";
import { xxh3 } from "./xxh3.ts";

/** The version of what is hashed of a topic. */
const TOPIC_HASH_VERSION = 0;

/** By topic as it is now: when a topic changes it is another object. A broker's rack counts from the topic's next change on. */
const topicHashes = new WeakMap<TopicImage, bigint>();

/** The hash of the topics that exist; 0 when none does. */
export function metadataHash(topicNames: Iterable<string>, image: MetadataImage): bigint {
  const topics: TopicImage[] = [];
  for (const name of topicNames) {
    const topic = image.topics.get(name);
    if (topic !== undefined) topics.push(topic);
  }
  if (topics.length === 0) return 0n;
  topics.sort((a, b) => (a.name < b.name ? -1 : 1));
  const bytes = Buffer.allocUnsafe(8 * topics.length);
  topics.forEach((topic, index) => {
    bytes.writeBigInt64LE(topicHash(topic, image.brokers), 8 * index);
  });
  return xxh3(bytes);
}

function topicHash(topic: TopicImage, brokers: ReadonlyMap<number, BrokerImage>): bigint {
  let hash = topicHashes.get(topic);
  if (hash === undefined) {
    hash = xxh3(hashedBytes(topic, brokers));
    topicHashes.set(topic, hash);
  }
  return hash;
}

function hashedBytes(topic: TopicImage, brokers: ReadonlyMap<number, BrokerImage>): Buffer {
  const id = Buffer.from(topic.id, "base64url");
  const parts = [Buffer.from([TOPIC_HASH_VERSION]), int64(id.readBigInt64BE(0)), int64(id.readBigInt64BE(8))];
  parts.push(text(topic.name), int32(topic.partitions.length));
  topic.partitions.forEach(({ replicas }, index) => {
    parts.push(int32(index));
    const racks = replicas.flatMap((replica) => brokers.get(replica)?.rack ?? []);
    for (const rack of racks.sort()) parts.push(int32(rack.length), text(rack));
  });
  return Buffer.concat(parts);
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}

/** UTF-16 units, then how many. */
function text(value: string): Buffer {
  return Buffer.concat([Buffer.from(value, "utf16le"), int32(value.length)]);
}
