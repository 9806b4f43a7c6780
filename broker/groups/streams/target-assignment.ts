/**
 * The target assignment of a streams group: who is to have which task.
 *
 * Owns: when a target is due, what the assignor is told, and which records its answer takes: one per member for whom something
 * changed.
 */
import { mayAssignAgain } from "../consumer/member-progress.ts";
import { assignTasks } from "./assignor/sticky-assignor.ts";
import type { StreamsDraft } from "./streams-draft.ts";
import { targetOf } from "./streams-group.ts";
import { memberTargeted, targetComputed } from "./streams-records.ts";
import type { StreamsRules } from "./streams-rules.ts";
import { NO_TASKS, sameTasks } from "./tasks.ts";

/** What the assignor is told beside members and tasks; a change of it calls for another assignment. */
export const STANDBY_REPLICAS_CONFIG = "num.standby.replicas";

/** Why there is no new target yet, in Kafka's words. */
export type Delay =
  | "Assignment delayed due to the configured initial rebalance delay."
  | "Assignment delayed due to the configured assignment interval.";

/** Computes the target for the group's present epoch if it is due; otherwise says why it is not. */
export function updateTarget(draft: StreamsDraft, rules: StreamsRules): Delay | undefined {
  const { group } = draft;
  if (isHeldBack(draft, rules)) return "Assignment delayed due to the configured initial rebalance delay.";
  if (group.assignmentEpoch >= group.groupEpoch) return undefined;
  if (!mayAssignAgain(group.assignmentTimestampMs, rules.assignmentIntervalMs, rules.nowMs)) {
    return "Assignment delayed due to the configured assignment interval.";
  }
  assign(draft, rules.nowMs);
  return undefined;
}

/** The first assignment waits; a clock that was set back does not make it wait longer. */
export function isHeldBack({ group: { delay } }: StreamsDraft, { nowMs }: StreamsRules): boolean {
  return delay !== undefined && nowMs >= delay.sinceMs && nowMs < delay.untilMs;
}

function assign(draft: StreamsDraft, nowMs: number): void {
  const { group } = draft;
  const { configured, assignmentConfigs } = group;
  const members = [...group.members.values()].map(({ memberId, processId }) => ({
    memberId,
    processId,
    target: targetOf(group, memberId),
  }));
  const runs = configured?.problem === undefined && configured?.subtopologies !== undefined;
  const subtopologies = runs
    ? [...configured.subtopologies].map(([subtopologyId, each]) => ({ subtopologyId, ...each }))
    : [];
  const assigned = assignTasks(members, subtopologies, Number(assignmentConfigs.get(STANDBY_REPLICAS_CONFIG) ?? 0));
  for (const { memberId } of members) {
    const now = assigned.get(memberId) ?? NO_TASKS;
    const before = group.targetAssignment.get(memberId);
    if (before === undefined || !sameTasks(before, now)) draft.step(memberTargeted(draft.group, memberId, now));
  }
  draft.step(targetComputed(draft.group, draft.group.groupEpoch, nowMs));
}
