/**
 * The uniform assignor where all members read the same topics: each keeps up to its share, and what is over goes to those below it.
 *
 * Linear in partitions and members. Balance comes before stickiness.
 */
import { strict as assert } from "node:assert";
import { type Assignment, ascending } from "../assignment.ts";
import type { AssignorInput, AssignorMember, AssignorOutput } from "./assignor.ts";
import { grownTableOrder, integerHash, sizedSetOrder, sizedTableOrder, uuidHash } from "./visiting-order.ts";

interface FreePartition {
  readonly topicId: string;
  readonly partition: number;
}

interface Unfilled {
  readonly memberId: string;
  readonly missing: number;
}

export function assignUniformlyToAlike(input: AssignorInput): AssignorOutput {
  const { members } = input;
  const [first] = members as readonly [AssignorMember, ...AssignorMember[]];
  const topicIds = sizedSetOrder(first.topicIds, uuidHash, first.topicNameCount);
  const assignments = new Map<string, Assignment>();
  if (topicIds.length === 0) return assignments;
  const free: FreePartition[] = [];
  let total = 0;
  for (const topicId of topicIds) {
    const count = input.partitionCount(topicId);
    for (let partition = 0; partition < count; partition++) {
      if (!input.wasAssigned(topicId, partition)) free.push({ topicId, partition });
    }
    total += count;
  }
  const counts = new Map(topicIds.map((topicId) => [topicId, input.partitionCount(topicId)]));
  const unfilled = keepShares(members, counts, total, free, assignments);
  let next = 0;
  for (const { memberId, missing } of unfilled) {
    const taken = free.slice(next, next + missing);
    next += taken.length;
    assignments.set(memberId, extended(assignments.get(memberId) as Assignment, taken));
  }
  assert(next >= free.length, "partitions are left without an owner");
  return assignments;
}

/** What each member keeps goes into `assignments`, what it gives up to `free`; returns who has room. */
function keepShares(
  members: readonly AssignorMember[],
  counts: ReadonlyMap<string, number>,
  total: number,
  free: FreePartition[],
  assignments: Map<string, Assignment>,
): Unfilled[] {
  const unfilled: Unfilled[] = [];
  const share = Math.floor(total / members.length);
  // Shares do not divide evenly: so many members get one more.
  let extras = total % members.length;
  members.forEach(({ memberId, assignment }, index) => {
    let mayHaveExtra = extras > 0;
    let room = share + Number(mayHaveExtra);
    const kept = new Map<string, readonly number[]>();
    let changed = false;
    for (const topicId of grownTableOrder([...assignment.keys()], uuidHash)) {
      const count = counts.get(topicId);
      if (count === undefined) {
        changed = true;
        continue;
      }
      const had = assignment.get(topicId) as readonly number[];
      // A coordinator whose metadata is behind does not know all that its predecessor assigned.
      const partitions = had.every((partition) => partition < count) ? had : had.filter((p) => p < count);
      changed ||= partitions !== had;
      if (partitions.length <= room) {
        kept.set(topicId, partitions);
        room -= partitions.length;
        continue;
      }
      const inOrder = sizedSetOrder(partitions, integerHash);
      if (room > 0) kept.set(topicId, ascending(inOrder.slice(0, room)));
      for (const partition of inOrder.slice(room)) free.push({ topicId, partition });
      room = 0;
      changed = true;
    }
    // Leaves the extra one to somebody who has it already, unless only those are left who must take one.
    if (room > 0 && mayHaveExtra && members.length - index > extras) {
      room--;
      mayHaveExtra = false;
    }
    if (room > 0) unfilled.push({ memberId, missing: room });
    if (mayHaveExtra) extras--;
    assignments.set(memberId, changed ? copied(kept, assignment.size) : kept);
  });
  return unfilled;
}

function extended(assignment: Assignment, taken: readonly FreePartition[]): Assignment {
  if (taken.length === 0) return assignment;
  const added = new Map<string, number[]>();
  for (const { topicId, partition } of taken) {
    const partitions = added.get(topicId);
    if (partitions === undefined) added.set(topicId, [partition]);
    else partitions.push(partition);
  }
  const whole = new Map<string, readonly number[]>();
  // Java's tables put what is computed for a key before what was put.
  for (const [topicId, partitions] of [...added].reverse()) {
    if (!assignment.has(topicId)) whole.set(topicId, ascending(partitions));
  }
  for (const [topicId, partitions] of assignment) {
    whole.set(topicId, ascending([...partitions, ...(added.get(topicId) ?? [])]));
  }
  return copied(whole, assignment.size);
}

/** With its topics in the order in which Kafka, which changes a copy made for the size it had, writes them. */
function copied(assignment: Assignment, sizeBefore: number): Assignment {
  return new Map(sizedTableOrder([...assignment], ([topicId]) => uuidHash(topicId), sizeBefore));
}
