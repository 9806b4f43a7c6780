/**
 * What a follower does with its leader's answer for one partition: truncate where the logs diverge, append, take on the
 * leader's marks, or say why it cannot go on.
 *
 * Owns: the rules of KIP-101, KIP-279, KIP-595 as the follower's side of them. Leaves to ReplicaFetcher: requests, retries.
 * An answer counts only for the request it answers: the leader epoch and the log end must still be the same (KAFKA-18991).
 */
import type { Partition } from "../../broker/partition/partition.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type { SharedBuffer } from "../../storage/shared-buffer.ts";

/** A partition this broker follows, and where the conversation with its leader stands. */
export interface FollowedPartition {
  readonly partition: Partition;
  /** Epoch of the leader that is asked. */
  readonly leaderEpoch: number;
  /** Not to be asked for before; after an error. */
  retryAtMs: number;
  /** The leader said FENCED: only newer metadata lets it go on. */
  waitsForMetadata: boolean;
  /** What the last request asked for; the answer must find the log there. */
  askedOffset: number;
}

export interface LeaderAnswer {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly divergingEpoch: { readonly epoch: number; readonly endOffset: number };
  readonly records: Buffer | null;
}

/** What is to be done next about the partition. */
export type FollowOutcome =
  | "go-on"
  /** Something passing: ask again after replica.fetch.backoff.ms. */
  | "back-off"
  /** The leader does not have our offset: its log bounds have to be asked for. */
  | "out-of-range"
  | "wait-for-metadata"
  /** The log failed; nothing more to fetch. */
  | "stop";

/** Takes in the leader's answer. @param owner of the memory that `records` is a view of. */
export function takeIn(
  followed: FollowedPartition,
  answer: LeaderAnswer,
  owner: SharedBuffer | undefined,
): FollowOutcome {
  const { partition, leaderEpoch } = followed;
  const { log } = partition;
  if (log.offline) return "stop";
  // The epoch went on, or somebody truncated, since we asked: the answer is about another log.
  if (partition.isLeader || partition.state.leaderEpoch !== leaderEpoch) return "wait-for-metadata";
  if (log.logEndOffset !== followed.askedOffset) return "go-on";
  switch (answer.errorCode) {
    case ErrorCode.NONE:
      break;
    case ErrorCode.OFFSET_OUT_OF_RANGE:
      return "out-of-range";
    case ErrorCode.FENCED_LEADER_EPOCH:
      return "wait-for-metadata";
    default:
      return "back-off";
  }
  try {
    if (answer.divergingEpoch.endOffset >= 0) {
      truncateToLeader(partition, answer.divergingEpoch);
      return "go-on";
    }
    if (answer.records !== null && answer.records.length > 0) {
      partition.appendAsFollower(answer.records, owner, leaderEpoch);
    }
    partition.followLeaderMarks(answer.highWatermark, answer.logStartOffset);
    return "go-on";
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return errorCodeOf(error) === ErrorCode.KAFKA_STORAGE_ERROR ? "stop" : "back-off";
  }
}

/**
 * Cuts what the leader does not have. When we do not know its epoch either, our largest epoch below it decides, and another
 * round follows; each round goes down by an epoch at least, so it ends (KIP-279).
 */
function truncateToLeader(partition: Partition, leader: { readonly epoch: number; readonly endOffset: number }): void {
  const { log } = partition;
  const own = log.endOffsetForEpoch(leader.epoch);
  const to = own.leaderEpoch === -1 ? log.logStartOffset : Math.min(own.endOffset, leader.endOffset);
  log.truncateTo(Math.max(to, log.logStartOffset));
}

/** The bounds of a leader's log, for a follower whose end it does not have. */
export interface LeaderBounds {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
}

/** Makes a log that lies outside its leader's bounds fit: cut to the leader's end, or started afresh at its start. */
export function fitTo(partition: Partition, bounds: LeaderBounds): void {
  const { log } = partition;
  if (log.logEndOffset > bounds.logEndOffset) log.truncateTo(Math.max(bounds.logEndOffset, log.logStartOffset));
  else if (log.logEndOffset < bounds.logStartOffset) log.truncateFullyAndStartAt(bounds.logStartOffset);
}
