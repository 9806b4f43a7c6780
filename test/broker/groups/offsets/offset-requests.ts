/** Requests about offsets of topic t1, as their versions name topics; and answers, short. */
import { type GroupWorld, T1 } from "../group-world.ts";

export function offset(partitionIndex: number, committedOffset: number, committedMetadata: string | null = "") {
  return { partitionIndex, committedOffset, committedMetadata };
}

/** Topics of a commit as the version names them. */
export function committing(version: number, partitions: ReturnType<typeof offset>[], topic = T1) {
  return [version >= 10 ? { topicId: topic.id, partitions } : { name: topic.name, partitions }];
}

export function fetching(version: number, partitionIndexes: number[], topic = T1) {
  return [version >= 10 ? { topicId: topic.id, partitionIndexes } : { name: topic.name, partitionIndexes }];
}

/** What a group has committed for partitions of t1: offsets, or error codes where there are any. */
export function fetched(world: GroupWorld, partitionIndexes: number[], requireStable = false, groupId = "g") {
  const { answer } = world.fetch(9, { groups: [{ groupId, topics: fetching(9, partitionIndexes) }], requireStable });
  const group = answer?.groups[0];
  if (group === undefined) return undefined;
  if (group.errorCode !== 0) return { error: group.errorCode };
  return group.topics[0]?.partitions.map((p) => (p.errorCode === 0 ? p.committedOffset : { error: p.errorCode }));
}

export function codes(answer: { topics: { partitions: { errorCode: number }[] }[] } | undefined) {
  return answer?.topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode));
}
