/**
 * What is asked of groups of every kind, answered for those of the classic protocol.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { GroupKind } from "../group-kind.ts";
import { type ClassicGroup, isSubscribedTo } from "./classic-group.ts";
import { listClassicGroup } from "./describe.ts";
import { classicGroupGone } from "./group-record.ts";
import { sessionOf } from "./heartbeat.ts";
import { checkClassicCommit, classicExpiryBase } from "./offset-rules.ts";

export const CLASSIC_KIND: GroupKind<ClassicGroup> = {
  stateName: ({ state }) => state,
  listed: listClassicGroup,
  isEmpty: ({ state }) => state === "Empty",
  checkCommit: checkClassicCommit,
  checkFetch: () => ErrorCode.NONE,
  /** A commit is a sign of life while the group is stable or members join. */
  heardOfCommitter(group, { memberId }) {
    if (group.state === "Empty" || group.state === "CompletingRebalance") return [];
    const member = group.members.get(memberId);
    return member === undefined ? [] : [sessionOf(group, member)];
  },
  checkOffsetDelete({ state, protocolType }) {
    return state === "Empty" || protocolType === "consumer" ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP;
  },
  readsTopic: isSubscribedTo,
  expiryBase: classicExpiryBase,
  expires: true,
  tombstones: ({ groupId }) => [classicGroupGone(groupId)],
};
