/**
 * Decisions about groups, in the words of this machine: what can change, and which deadlines there are.
 */
import type { Decision } from "../state-machine/decision.ts";
import type { ClassicDeadline } from "./classic/deadline-keys.ts";
import type { Group } from "./group.ts";

/** A group became this, and no record says so. */
export interface GroupChange {
  readonly groupId: string;
  readonly group: Group;
}

export type GroupDeadline =
  | ClassicDeadline
  /** Look for offsets and groups that have expired: among these groups, or among all. */
  | { readonly kind: "expire"; readonly groupIds: readonly string[] | undefined };

export type GroupDecision<R> = Decision<R, GroupChange, GroupDeadline>;

export function groupChange(group: Group): GroupChange {
  return { groupId: group.groupId, group };
}
