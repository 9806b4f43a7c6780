/**
 * What a new coordinator does with a share group it has read: its members have their whole session to show that they are there.
 */
import type { GroupDecision } from "../group-decision.ts";
import { sessionOf } from "./share-deadlines.ts";
import type { ShareGroup } from "./share-group.ts";
import type { ShareRules } from "./share-rules.ts";

export function loadedShareGroup({ groupId, members }: ShareGroup, rules: ShareRules): GroupDecision<never> {
  return { timers: [...members.keys()].map((memberId) => sessionOf(groupId, memberId, rules.sessionTimeoutMs)) };
}
