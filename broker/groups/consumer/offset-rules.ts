/**
 * What a consumer group says about its offsets: who may commit and fetch, in which epoch.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { OffsetCommitter } from "../classic/offset-rules.ts";
import type { PartitionCheck } from "../group-kind.ts";
import type { ConsumerGroup } from "./consumer-group.ts";
import type { ConsumerMember } from "./consumer-member.ts";

/**
 * A member commits in its epoch, or in one since which it has had the partition without a break (KIP-1251): an answer with the
 * new epoch may be on its way.
 */
export function checkConsumerCommit(group: ConsumerGroup, committer: OffsetCommitter): ErrorCode | PartitionCheck {
  const { memberId, groupInstanceId, generationId, transactional, knowsEpochs } = committer;
  // An administrator, or a consumer that manages its partitions itself.
  if (generationId < 0 && group.members.size === 0) return ErrorCode.NONE;
  // A producer of before KIP-447, which does not say for whom it commits.
  if (transactional && generationId === -1 && memberId === "" && groupInstanceId === null) return ErrorCode.NONE;
  const member = group.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  if (!transactional && member.classic === null && !knowsEpochs) return ErrorCode.UNSUPPORTED_VERSION;
  if (generationId === member.memberEpoch) return ErrorCode.NONE;
  const stale = staleCode(member);
  if (generationId > member.memberEpoch) return stale;
  return ({ topicId }, partition) => {
    const since = member.assigned.get(topicId)?.get(partition) ?? member.pendingRevocation.get(topicId)?.get(partition);
    return since === undefined || generationId < since ? stale : ErrorCode.NONE;
  };
}

/** May the member see the offsets? Whoever names no member may. @param group as committed. */
export function checkConsumerFetch(group: ConsumerGroup, memberId: string | null, memberEpoch: number): ErrorCode {
  if (memberId === null && memberEpoch < 0) return ErrorCode.NONE;
  const member = memberId === null ? undefined : group.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return memberEpoch === member.memberEpoch ? ErrorCode.NONE : staleCode(member);
}

function staleCode(member: ConsumerMember): ErrorCode {
  return member.classic === null ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.ILLEGAL_GENERATION;
}
