/**
 * `range`: of each topic a member gets a run of neighbouring partitions; who comes first gets one more where they do not divide.
 *
 * Static members come first, by instance id, then the others by member id: the same members get the same ranges, and topics with
 * equally many partitions are cut alike (co-partitioned).
 */
import type { AssignorInput, AssignorMember, AssignorOutput } from "./assignor.ts";

interface TopicRange {
  readonly partitionCount: number;
  readers: number;
  /** Where the next range begins. */
  next: number;
  /** How many have had one. */
  served: number;
}

export function assignRanges(input: AssignorInput): AssignorOutput {
  const members = [...input.members].sort(compareMembers);
  const topics = new Map<string, TopicRange>();
  for (const { topicIds } of members) {
    for (const topicId of topicIds) {
      const topic = topics.get(topicId);
      if (topic === undefined) {
        topics.set(topicId, { partitionCount: input.partitionCount(topicId), readers: 1, next: 0, served: 0 });
      } else topic.readers++;
    }
  }
  const assignments = new Map<string, ReadonlyMap<string, readonly number[]>>();
  for (const { memberId, topicIds } of members) {
    const assignment = new Map<string, readonly number[]>();
    for (const topicId of topicIds) {
      const range = nextRange(topics.get(topicId) as TopicRange);
      if (range.length > 0) assignment.set(topicId, range);
    }
    assignments.set(memberId, assignment);
  }
  return assignments;
}

function nextRange(topic: TopicRange): number[] {
  const { partitionCount, readers, next, served } = topic;
  const extra = served < partitionCount % readers ? 1 : 0;
  const length = Math.floor(partitionCount / readers) + extra;
  topic.next += length;
  topic.served++;
  return Array.from({ length }, (_, index) => next + index);
}

function compareMembers(a: AssignorMember, b: AssignorMember): number {
  if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId);
  if (a.instanceId !== null) return -1;
  if (b.instanceId !== null) return 1;
  return compare(a.memberId, b.memberId);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
