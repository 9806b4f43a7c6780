/**
 * The assignor of share groups, `simple`: partitions are spread evenly over members, several to a partition where members are more.
 *
 * Every partition has as many members as it takes for every member to have one (balance), and as much as can be stays where it is
 * (stickiness); balance comes first. Where members do not all read the same topics each topic is spread by itself.
 */
import { type Assignment, NO_PARTITIONS } from "../consumer/assignment.ts";

export interface SimpleMember {
  readonly memberId: string;
  /** Of topics that exist. */
  readonly topicIds: readonly string[];
  /** What it was to read until now. */
  readonly assignment: Assignment;
}

/** A partition to be spread, and who is to read it. */
interface Spread {
  readonly topicId: string;
  readonly partition: number;
  readonly readers: Set<number>;
}

/** By member id. @param assignable partitions of a topic that may be read, in ascending order. */
export function assignSimply(
  members: readonly SimpleMember[],
  isHomogeneous: boolean,
  assignable: (topicId: string) => readonly number[],
): Map<string, Assignment> {
  const topicIds = [...new Set(members.flatMap((member) => member.topicIds))].sort();
  const rounds = isHomogeneous ? [topicIds] : topicIds.map((topicId) => [topicId]);
  const result: Map<string, number[]>[] = members.map(() => new Map());
  for (const round of rounds) {
    const [first] = round;
    const reading = members.flatMap((member, index) => {
      return first !== undefined && member.topicIds.includes(first) ? [index] : [];
    });
    const spread = spreadOver(
      reading.map((index) => (members[index] as SimpleMember).assignment),
      round.flatMap((topicId) => assignable(topicId).map((partition) => ({ topicId, partition }))),
    );
    for (const { topicId, partition, readers } of spread) {
      for (const reader of readers) {
        const own = result[reading[reader] as number] as Map<string, number[]>;
        const partitions = own.get(topicId);
        if (partitions === undefined) own.set(topicId, [partition]);
        else partitions.push(partition);
      }
    }
  }
  return new Map(
    members.map(({ memberId }, index) => {
      const own = result[index] as Map<string, number[]>;
      return [memberId, own.size === 0 ? NO_PARTITIONS : own];
    }),
  );
}

/** @param before what each member had. */
function spreadOver(
  before: readonly Assignment[],
  partitions: readonly { readonly topicId: string; readonly partition: number }[],
): Spread[] {
  const spread: Spread[] = partitions.map((each) => ({ ...each, readers: new Set() }));
  const readerCount = before.length;
  if (spread.length === 0 || readerCount === 0) return spread;
  const perPartition = Math.ceil(readerCount / spread.length);
  const wanted = wantedCounts(readerCount, perPartition * spread.length);
  const counts: number[] = new Array(readerCount).fill(0);
  keepWhatFits(spread, before, perPartition, wanted, counts);
  fillUp(spread, perPartition, wanted, counts);
  return spread;
}

/** So many places, spread over members: each gets its part, rounded one way or the other. */
function wantedCounts(readerCount: number, places: number): number[] {
  const part = places / readerCount;
  return Array.from({ length: readerCount }, (_, i) => Math.ceil(part * (i + 1)) - Math.ceil(part * i));
}

function keepWhatFits(
  spread: readonly Spread[],
  before: readonly Assignment[],
  perPartition: number,
  wanted: readonly number[],
  counts: number[],
): void {
  const had = before.map((assignment) => new Map([...assignment].map(([id, indexes]) => [id, new Set(indexes)])));
  for (const { topicId, partition, readers } of spread) {
    for (let reader = 0; reader < before.length && readers.size < perPartition; reader++) {
      const count = counts[reader] as number;
      if (count >= (wanted[reader] as number) || had[reader]?.get(topicId)?.has(partition) !== true) continue;
      readers.add(reader);
      counts[reader] = count + 1;
    }
  }
}

/** Those who lack something take turns. A partition nobody reads finds somebody, as there are as many places as are wanted. */
function fillUp(spread: readonly Spread[], perPartition: number, wanted: readonly number[], counts: number[]): void {
  let lacking = counts.flatMap((count, reader) => (count < (wanted[reader] as number) ? [reader] : []));
  let turn = 0;
  for (const { readers } of spread) {
    for (let tried = 0; readers.size < perPartition && tried < lacking.length; ) {
      if (turn >= lacking.length) turn = 0;
      const reader = lacking[turn] as number;
      if (readers.has(reader)) {
        turn++;
        tried++;
        continue;
      }
      readers.add(reader);
      counts[reader] = (counts[reader] as number) + 1;
      if ((counts[reader] as number) >= (wanted[reader] as number)) lacking = lacking.filter((each) => each !== reader);
      else turn++;
      tried = 0;
    }
  }
}
