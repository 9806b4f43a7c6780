/**
 * What is asked of groups of every kind, answered for streams groups.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { GroupKind } from "../group-kind.ts";
import { listStreamsGroup } from "./describe.ts";
import { checkStreamsCommit, checkStreamsFetch } from "./offset-rules.ts";
import { readerOf, type StreamsGroup, stateOf } from "./streams-group.ts";
import { allGone } from "./streams-records.ts";

export const STREAMS_KIND: GroupKind<StreamsGroup> = {
  stateName: stateOf,
  listed: listStreamsGroup,
  isEmpty: ({ members }) => members.size === 0,
  checkCommit: checkStreamsCommit,
  checkFetch: checkStreamsFetch,
  // Its heartbeats are.
  heardOfCommitter: () => [],
  checkOffsetDelete: () => ErrorCode.NONE,
  readsTopic: (group, topic) => readerOf(group, topic) !== undefined,
  expiryBase: (_, commitTimestampMs) => commitTimestampMs,
  expires: true,
  tombstones: allGone,
};
