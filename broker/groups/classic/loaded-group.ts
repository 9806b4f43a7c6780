/**
 * What a new coordinator does with a group it has read: its members have their whole session to show that they are there.
 */
import type { GroupDecision } from "../group-decision.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { GroupDraft } from "./group-draft.ts";
import { prepareRebalance } from "./rebalance.ts";

export function loadedGroup(
  group: ClassicGroup,
  rules: { readonly maxGroupSize: number; readonly initialRebalanceDelayMs: number },
  nowMs: number,
): GroupDecision<never> {
  if (group.members.size === 0) return {};
  const draft = new GroupDraft(group, nowMs);
  for (const member of group.members.values()) draft.restartSession(member);
  // The limit was lowered: who joins again first stays.
  if (group.members.size > rules.maxGroupSize) prepareRebalance(draft, rules.initialRebalanceDelayMs);
  return draft.decide();
}
