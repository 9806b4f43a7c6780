/**
 * What is asked of groups of every kind, answered for share groups: they have no committed offsets.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { GroupKind } from "../group-kind.ts";
import { listShareGroup } from "./describe.ts";
import { type ShareGroup, stateOf } from "./share-group.ts";
import { allGone } from "./share-records.ts";

export const SHARE_KIND: GroupKind<ShareGroup> = {
  stateName: stateOf,
  listed: listShareGroup,
  isEmpty: ({ members }) => members.size === 0,
  checkCommit: () => ErrorCode.GROUP_ID_NOT_FOUND,
  checkFetch: () => ErrorCode.NONE,
  heardOfCommitter: () => [],
  checkOffsetDelete: () => ErrorCode.GROUP_ID_NOT_FOUND,
  readsTopic: ({ subscriptions }, topic) => subscriptions.has(topic),
  expiryBase: () => undefined,
  expires: false,
  tombstones: allGone,
};
