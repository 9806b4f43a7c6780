/**
 * How leaders of classic groups share out partitions: all anew, or so that nobody gets what another still has.
 */
import { Reader } from "../../../protocol/bytes/reader.ts";
import { Writer } from "../../../protocol/bytes/writer.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
} from "../../../protocol/messages/consumer-protocol.ts";
import { decode, encode } from "../../../protocol/schema/codec.ts";
import { keyOf, topicOf } from "./held-positions.ts";

const SUBSCRIPTION_VERSION = 2;
const ASSIGNMENT_VERSION = 1;

export interface Subscription {
  readonly memberId: string;
  readonly topics: readonly string[];
  readonly owned: readonly string[];
  readonly generation: number;
}

export function encodeSubscription(topics: readonly string[], owned: Iterable<string>, generation: number): Buffer {
  const writer = new Writer();
  writer.int16(SUBSCRIPTION_VERSION);
  const ownedPartitions = byTopic(owned);
  encode(
    ConsumerProtocolSubscription,
    SUBSCRIPTION_VERSION,
    { topics: [...topics], ownedPartitions, generationId: generation },
    writer,
  );
  return writer.finishOne();
}

export function decodeSubscription(memberId: string, metadata: Buffer): Subscription {
  const reader = new Reader(metadata);
  const version = Math.min(reader.int16(), SUBSCRIPTION_VERSION);
  const { topics, ownedPartitions, generationId } = decode(ConsumerProtocolSubscription, version, reader);
  return { memberId, topics, owned: keysOf(ownedPartitions), generation: generationId };
}

/** @param name what the assignment calls itself; undefined in groups that may become consumer groups, which carry no such thing on. */
export function encodeAssignment(partitions: Iterable<string>, name: string | undefined): Buffer {
  const writer = new Writer();
  writer.int16(ASSIGNMENT_VERSION);
  const assignment = {
    assignedPartitions: byTopic(partitions),
    userData: name === undefined ? null : Buffer.from(name),
  };
  encode(ConsumerProtocolAssignment, ASSIGNMENT_VERSION, assignment, writer);
  return writer.finishOne();
}

export function decodeAssignment(bytes: Buffer): { readonly partitions: string[]; readonly name: string | undefined } {
  if (bytes.length === 0) return { partitions: [], name: undefined };
  const reader = new Reader(bytes);
  const version = Math.min(reader.int16(), ASSIGNMENT_VERSION);
  const { assignedPartitions, userData } = decode(ConsumerProtocolAssignment, version, reader);
  return { partitions: keysOf(assignedPartitions), name: userData?.toString() };
}

/** Whoever reads a topic, and has fewest, gets the next partition. */
export function assignAnew(members: readonly Subscription[], partitions: readonly string[]): Map<string, string[]> {
  return fill(new Map(members.map(({ memberId }) => [memberId, []])), members, partitions);
}

/**
 * Everyone keeps what it has as far as that is its share. What another has is given to nobody yet: who has it gives it up first, and
 * the next generation shares it out.
 */
export function assignCooperatively(
  members: readonly Subscription[],
  partitions: readonly string[],
): Map<string, string[]> {
  const owners = new Map<string, Subscription>();
  for (const member of members) {
    for (const key of member.owned) {
      const other = owners.get(key);
      if (other === undefined || other.generation < member.generation) owners.set(key, member);
    }
  }
  const share = Math.ceil(partitions.length / Math.max(1, members.length));
  const kept = new Map<string, string[]>(members.map(({ memberId }) => [memberId, []]));
  for (const key of partitions) {
    const owner = owners.get(key);
    const own = owner === undefined ? undefined : kept.get(owner.memberId);
    if (own !== undefined && own.length < share && owner?.topics.includes(topicOf(key).topic)) own.push(key);
  }
  const taken = new Set([...kept.values()].flat());
  const target = fill(
    kept,
    members,
    partitions.filter((key) => !taken.has(key)),
  );
  for (const [memberId, keys] of target) {
    const free = keys.filter((key) => (owners.get(key)?.memberId ?? memberId) === memberId);
    target.set(memberId, free);
  }
  return target;
}

function fill(
  assigned: Map<string, string[]>,
  members: readonly Subscription[],
  partitions: readonly string[],
): Map<string, string[]> {
  for (const key of partitions) {
    let least: string[] | undefined;
    for (const { memberId, topics } of members) {
      const own = assigned.get(memberId) as string[];
      if (topics.includes(topicOf(key).topic) && (least === undefined || own.length < least.length)) least = own;
    }
    least?.push(key);
  }
  return assigned;
}

function byTopic(keys: Iterable<string>): { topic: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const key of keys) {
    const { topic, partition } = topicOf(key);
    topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

function keysOf(topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[]): string[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map((partition) => keyOf(topic, partition)));
}
