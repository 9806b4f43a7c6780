/**
 * The target assignment of a group: who is to have which partition, by the assignor most of its members ask for.
 *
 * Owns: what assignors are told, and which records their answer takes: one per member for whom something changed.
 */
import type { MetadataImage } from "../../metadata/metadata-image.ts";
import { NO_PARTITIONS, sameAssignment } from "./assignment.ts";
import { type Assignor, type AssignorInput, type AssignorMember, visited } from "./assignors/assignor.ts";
import { assignRanges } from "./assignors/range-assignor.ts";
import { assignUniformly } from "./assignors/uniform-assignor.ts";
import { sizedSetOrder, sizedTableOrder, stringHash, timelineTableOrder } from "./assignors/visiting-order.ts";
import type { ConsumerDraft } from "./consumer-draft.ts";
import { type ConsumerGroup, isHomogeneous, targetOf, topicNamesOf } from "./consumer-group.ts";
import { memberTargeted, targetComputed } from "./consumer-records.ts";

const ASSIGNORS: ReadonlyMap<string, Assignor> = new Map([
  ["uniform", assignUniformly],
  ["range", assignRanges],
]);

/** The name of the assignor that most members ask for. @param names those the broker offers; the first is used where nobody asks. */
function assignorNameOf({ assignorCounts }: ConsumerGroup, names: readonly string[]): string {
  const madeFor = Math.trunc(assignorCounts.size / 0.75) + 1;
  return mostAsked(sizedTableOrder([...assignorCounts.entries()], nameHash, madeFor), names);
}

/** The same as Kafka tells it, whose answer comes from a table of another order: it shows where two have as many members. */
export function toldAssignorName({ assignorCounts }: ConsumerGroup, names: readonly string[]): string {
  return mostAsked(timelineTableOrder([...assignorCounts.entries()], nameHash), names);
}

const nameHash = ([name]: readonly [string, number]): number => stringHash(name);

/** Among equals the first counts. */
function mostAsked(counts: readonly (readonly [string, number])[], names: readonly string[]): string {
  let most = 0;
  let name = names[0] as string;
  for (const [asked, count] of counts) {
    if (count > most && names.includes(asked)) [most, name] = [count, asked];
  }
  return name;
}

/** Computes and writes the target for the group's present epoch. @param nowMs wall clock. */
export function assignTarget(
  draft: ConsumerDraft,
  image: MetadataImage,
  assignorNames: readonly string[],
  nowMs: number,
): void {
  const { group } = draft;
  const assign = ASSIGNORS.get(assignorNameOf(group, assignorNames)) ?? assignUniformly;
  const members = visited(assignorMembers(group, image));
  const wasAssigned = partitionsOf(members);
  const assigned =
    members.length === 0
      ? new Map()
      : assign({
          members,
          homogeneous: isHomogeneous(group),
          partitionCount: (topicId) => image.topicsById.get(topicId)?.partitions.length ?? 0,
          wasAssigned,
        });
  for (const { memberId } of members) {
    const now = assigned.get(memberId) ?? NO_PARTITIONS;
    const before = group.targetAssignment.get(memberId);
    if (before !== undefined && sameAssignment(before, now)) continue;
    draft.step(memberTargeted(draft.group, memberId, now));
  }
  draft.step(targetComputed(draft.group, draft.group.groupEpoch, nowMs));
}

function assignorMembers(group: ConsumerGroup, image: MetadataImage): AssignorMember[] {
  // Members that read the same topics, as most do, share one list.
  const known = new Map<string, readonly string[]>();
  return [...group.members.values()].map((member) => {
    const names = topicNamesOf(group, member);
    const key = names.join("\n");
    let topicIds = known.get(key);
    if (topicIds === undefined) {
      topicIds = sizedSetOrder(names, stringHash).flatMap((name) => image.topics.get(name)?.id ?? []);
      known.set(key, topicIds);
    }
    const { memberId, instanceId } = member;
    return { memberId, instanceId, topicIds, topicNameCount: names.length, assignment: targetOf(group, memberId) };
  });
}

/** Whether a partition was to be anybody's until now. */
function partitionsOf(members: readonly AssignorMember[]): AssignorInput["wasAssigned"] {
  const assigned = new Map<string, Set<number>>();
  for (const { assignment } of members) {
    for (const [topicId, partitions] of assignment) {
      const known = assigned.get(topicId) ?? new Set();
      for (const partition of partitions) known.add(partition);
      assigned.set(topicId, known);
    }
  }
  return (topicId, partition) => assigned.get(topicId)?.has(partition) === true;
}
