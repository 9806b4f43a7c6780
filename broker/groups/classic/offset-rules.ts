/**
 * What a classic group says about its offsets: who may commit, and when they grow old.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { type ClassicGroup, checkMember, usesConsumerProtocol } from "./classic-group.ts";

/** Who commits, as the request says. */
export interface OffsetCommitter {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** Negative: no member of any generation. */
  readonly generationId: number;
  /** Inside a transaction: then the phase of the group does not matter (KIP-447). */
  readonly transactional: boolean;
  /** The request is of a version whose answer can name a stale epoch (KIP-848). */
  readonly knowsEpochs: boolean;
}

export function checkClassicCommit(group: ClassicGroup, committer: OffsetCommitter): ErrorCode {
  const { memberId, groupInstanceId, generationId, transactional } = committer;
  // An administrator, or a consumer that manages its partitions itself.
  if (generationId < 0 && group.state === "Empty") return ErrorCode.NONE;
  if (generationId >= 0 || memberId !== "" || groupInstanceId !== null) {
    const known = checkMember(group, memberId, groupInstanceId);
    if (known !== ErrorCode.NONE) return known;
    if (generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  } else if (!transactional) {
    return ErrorCode.UNKNOWN_MEMBER_ID;
  }
  // The member knows its generation and not yet its assignment: what it has is of the generation before.
  if (!transactional && group.state === "CompletingRebalance") return ErrorCode.REBALANCE_IN_PROGRESS;
  return ErrorCode.NONE;
}

/** Rebalancing groups keep their offsets whatever their age (KAFKA-13636). */
export function classicExpiryBase(group: ClassicGroup, commitTimestampMs: number): number | undefined {
  if (group.protocolType === null) return commitTimestampMs;
  if (group.state === "Empty") return group.stateTimestampMs === -1 ? commitTimestampMs : group.stateTimestampMs;
  const knowsTopics = usesConsumerProtocol(group) && group.subscribedTopics !== null;
  return knowsTopics && group.state === "Stable" ? commitTimestampMs : undefined;
}
