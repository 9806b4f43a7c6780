/**
 * What consumers of the classic protocol hand each other through the coordinator, in blobs: read and written here where such
 * members are in a consumer group, which has to know their topics and tells them their partitions.
 */
import { DecodeError } from "../../../protocol/bytes/decode-error.ts";
import { Reader } from "../../../protocol/bytes/reader.ts";
import { Writer } from "../../../protocol/bytes/writer.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from "../../../protocol/messages/consumer-protocol.ts";
import { decode, encode } from "../../../protocol/schema/codec.ts";
import type { Decode, Message } from "../../../protocol/schema/message.ts";
import type { MetadataImage } from "../../metadata/metadata-image.ts";
import { type Assignment, ascending, type TopicPartitions } from "./assignment.ts";

/** Newer ones begin as this one does. */
const NEWEST_VERSION = 3;

export type EmbeddedSubscription = Decode<typeof ConsumerProtocolSubscription>;

/** Undefined when it cannot be read. */
export function readSubscription(blob: Buffer): EmbeddedSubscription | undefined {
  return read(ConsumerProtocolSubscription, blob);
}

export interface EmbeddedAssignment {
  readonly assigned: Assignment;
  /** Of a client-side assignor of its own, which a consumer group cannot carry on. */
  readonly hasUserData: boolean;
}

/** Undefined when it cannot be read; topics that are gone are left out. */
export function readAssignment(blob: Buffer, image: MetadataImage): EmbeddedAssignment | undefined {
  if (blob.length === 0) return { assigned: new Map(), hasUserData: false };
  const said = read(ConsumerProtocolAssignment, blob);
  if (said === undefined) return undefined;
  const assigned = new Map<string, readonly number[]>();
  for (const { topicId, partitions } of withIds(said.assignedPartitions, image)) {
    assigned.set(topicId, ascending(new Set([...(assigned.get(topicId) ?? []), ...partitions])));
  }
  return { assigned, hasUserData: (said.userData?.length ?? 0) > 0 };
}

/** In the version of the subscription of the member that will read it. */
export function writeAssignment(assignment: Assignment, subscription: Buffer, image: MetadataImage): Buffer {
  const version = Math.min(versionOf(subscription), NEWEST_VERSION);
  const assignedPartitions = [...assignment].flatMap(([topicId, partitions]) => {
    const topic = image.topicsById.get(topicId);
    return topic === undefined || partitions.length === 0 ? [] : [{ topic: topic.name, partitions: [...partitions] }];
  });
  const writer = new Writer();
  writer.int16(version);
  encode(ConsumerProtocolAssignment, version, { assignedPartitions, userData: null }, writer);
  return writer.finishOne();
}

/** Partitions by the ids of their topics, those left out that do not exist. */
export function withIds(
  topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
  image: MetadataImage,
): TopicPartitions[] {
  return topics.flatMap(({ topic, partitions }) => {
    const known = image.topics.get(topic);
    if (known === undefined) return [];
    return [{ topicId: known.id, partitions: partitions.filter((p) => known.partitions[p] !== undefined) }];
  });
}

function versionOf(blob: Buffer): number {
  return blob.length < 2 ? 0 : Math.max(blob.readInt16BE(0), 0);
}

function read<M extends Message>(message: M, blob: Buffer): Decode<M> | undefined {
  try {
    const reader = new Reader(blob);
    const version = reader.int16();
    return version < 0 ? undefined : decode(message, Math.min(version, NEWEST_VERSION), reader);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return undefined;
  }
}
