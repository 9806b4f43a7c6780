/**
 * What an assignor is told of a group, and what it makes of it (KIP-848: assignors run in the coordinator).
 *
 * Pure and synchronous. Every partition of every topic that somebody reads gets one owner among those who read it.
 */
import type { Assignment } from "../assignment.ts";
import { grownTableOrder, stringHash } from "./visiting-order.ts";

/** A member, as assignors see it. */
export interface AssignorMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** Of the topics it reads, those that exist. */
  readonly topicIds: readonly string[];
  /** Topics it names, whether they exist or not. */
  readonly topicNameCount: number;
  /** What it was to have until now. */
  readonly assignment: Assignment;
}

export interface AssignorInput {
  /** At least one, in the order in which they are visited. */
  readonly members: readonly AssignorMember[];
  /** All members read the same topics. */
  readonly homogeneous: boolean;
  partitionCount(topicId: string): number;
  /** Whether a partition was to be somebody's until now. */
  wasAssigned(topicId: string, partition: number): boolean;
}

/** Target assignment by member id; who is missing gets nothing. */
export type AssignorOutput = ReadonlyMap<string, Assignment>;

export type Assignor = (input: AssignorInput) => AssignorOutput;

/** Members in the order in which they are visited. */
export function visited(members: readonly AssignorMember[]): AssignorMember[] {
  return grownTableOrder(members, ({ memberId }) => stringHash(memberId));
}
