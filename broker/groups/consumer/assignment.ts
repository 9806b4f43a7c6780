/**
 * Partitions of topics: those a member is to have, and those it has, each with the epoch in which it got it.
 *
 * Values are never changed in place. Partitions are in ascending order; topics in the order of the record they came from.
 */

/** Partitions by topic id; no topic without one. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

/** Epoch by partition, by topic id (KIP-1251). */
export type OwnedPartitions = ReadonlyMap<string, ReadonlyMap<number, number>>;

export const NO_PARTITIONS: Assignment = new Map();
export const NOTHING_OWNED: OwnedPartitions = new Map();

/** What comes on the wire, and what records hold. */
export interface TopicPartitions {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

export function sameAssignment(a: Assignment, b: Assignment): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId);
    if (others?.length !== partitions.length) return false;
    for (let i = 0; i < partitions.length; i++) if (partitions[i] !== others[i]) return false;
  }
  return true;
}

/** Epochs count. */
export function sameOwned(a: OwnedPartitions, b: OwnedPartitions): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [topicId, epochs] of a) {
    const others = b.get(topicId);
    if (others?.size !== epochs.size) return false;
    for (const [partition, epoch] of epochs) if (others.get(partition) !== epoch) return false;
  }
  return true;
}

/** Everything owned since one epoch. */
export function ownedSince(assignment: Assignment, epoch: number): OwnedPartitions {
  const owned = new Map<string, ReadonlyMap<number, number>>();
  for (const [topicId, partitions] of assignment) {
    owned.set(topicId, new Map(partitions.map((partition) => [partition, epoch])));
  }
  return owned;
}

export function withoutEpochs(owned: OwnedPartitions): Assignment {
  const assignment = new Map<string, readonly number[]>();
  for (const [topicId, epochs] of owned) assignment.set(topicId, ascending(epochs.keys()));
  return assignment;
}

export function ascending(partitions: Iterable<number>): number[] {
  return [...partitions].sort((a, b) => a - b);
}

export function topicPartitionsOf(assignment: Assignment): { topicId: string; partitions: number[] }[] {
  return [...assignment].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions] }));
}

/** Whether all of them are owned. */
export function ownsAll(owned: OwnedPartitions, asked: readonly TopicPartitions[]): boolean {
  return asked.every(({ topicId, partitions }) => {
    const epochs = owned.get(topicId);
    return epochs !== undefined && partitions.every((partition) => epochs.has(partition));
  });
}

/** Whether any of them is owned. */
export function ownsAny(owned: OwnedPartitions, asked: readonly TopicPartitions[]): boolean {
  return asked.some(({ topicId, partitions }) => {
    const epochs = owned.get(topicId);
    return epochs !== undefined && partitions.some((partition) => epochs.has(partition));
  });
}
