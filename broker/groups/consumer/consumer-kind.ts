/**
 * What is asked of groups of every kind, answered for those of the consumer protocol.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { GroupKind } from "../group-kind.ts";
import { type ConsumerGroup, stateOf } from "./consumer-group.ts";
import { allGone } from "./consumer-records.ts";
import { listConsumerGroup } from "./describe.ts";
import { checkConsumerCommit, checkConsumerFetch } from "./offset-rules.ts";

export const CONSUMER_KIND: GroupKind<ConsumerGroup> = {
  stateName: stateOf,
  listed: listConsumerGroup,
  isEmpty: ({ members }) => members.size === 0,
  checkCommit: checkConsumerCommit,
  checkFetch: checkConsumerFetch,
  // Its heartbeats are.
  heardOfCommitter: () => [],
  checkOffsetDelete: () => ErrorCode.NONE,
  readsTopic: ({ subscriptions }, topic) => subscriptions.has(topic),
  expiryBase: (_, commitTimestampMs) => commitTimestampMs,
  expires: true,
  tombstones: allGone,
};
