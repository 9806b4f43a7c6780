/**
 * What a streams group says about its offsets: who may commit and fetch, in which epoch.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { OffsetCommitter } from "../classic/offset-rules.ts";
import type { PartitionCheck } from "../group-kind.ts";
import type { StreamsGroup } from "./streams-group.ts";
import type { StreamsMember } from "./streams-member.ts";

/**
 * A member commits in its epoch, or in one since which it has had the task that reads the partition without a break: an answer
 * with the new epoch may be on its way.
 */
export function checkStreamsCommit(group: StreamsGroup, committer: OffsetCommitter): ErrorCode | PartitionCheck {
  const { memberId, groupInstanceId, generationId, transactional, knowsEpochs } = committer;
  // An administrator, or a consumer that manages its partitions itself.
  if (generationId < 0 && group.members.size === 0) return ErrorCode.NONE;
  // A producer of before KIP-447, which does not say for whom it commits.
  if (transactional && generationId === -1 && memberId === "" && groupInstanceId === null) return ErrorCode.NONE;
  const member = group.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  if (!transactional && !knowsEpochs) return ErrorCode.UNSUPPORTED_VERSION;
  if (generationId === member.memberEpoch) return ErrorCode.NONE;
  if (generationId > member.memberEpoch) return ErrorCode.STALE_MEMBER_EPOCH;
  return ({ name }, partition) => {
    const since = runsSince(member, group.topology?.readers.get(name), partition);
    return since === undefined || generationId < since ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.NONE;
  };
}

function runsSince(member: StreamsMember, subtopologyId: string | undefined, partition: number): number | undefined {
  if (subtopologyId === undefined) return undefined;
  const { assigned, pendingRevocation } = member;
  return (
    assigned.active.get(subtopologyId)?.get(partition) ?? pendingRevocation.active.get(subtopologyId)?.get(partition)
  );
}

/** May the member see the offsets? Whoever names no member may. @param group as committed. */
export function checkStreamsFetch(group: StreamsGroup, memberId: string | null, memberEpoch: number): ErrorCode {
  if (memberId === null && memberEpoch < 0) return ErrorCode.NONE;
  const member = memberId === null ? undefined : group.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return memberEpoch === member.memberEpoch ? ErrorCode.NONE : ErrorCode.STALE_MEMBER_EPOCH;
}
