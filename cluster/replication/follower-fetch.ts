/**
 * What a follower does with its leader's answer for one partition: truncate where the logs diverge, append, take on the
 * leader's marks, or say why it cannot go on.
 *
 * Owns: the rules of KIP-101, KIP-279, KIP-595 as the follower's side of them. Leaves to ReplicaFetcher: requests, retries.
 * An answer counts only for the request it answers: the leader epoch and the log end must still be the same (KAFKA-18991).
 * The leader is not trusted: whatever it says, the log is left whole, and a leader that keeps saying it is asked more slowly.
 */
import type { Partition } from "../../broker/partition/partition.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { SharedBuffer } from "../../storage/shared-buffer.ts";

/** A partition this broker follows, and where the conversation with its leader stands. */
export interface FollowedPartition {
  readonly partition: Partition;
  /** Epoch of the leader that is asked. */
  readonly leaderEpoch: number;
  /** Not to be asked for before; after an error. */
  retryAtMs: number;
  /** Errors without anything between them that went well. */
  failures: number;
  /** The leader said FENCED: only newer metadata lets it go on. */
  waitsForMetadata: boolean;
  /** What the last request asked for; the answer must find the log there. */
  askedOffset: number;
  /** It had all that its leader had committed when it last answered. */
  isCaughtUp: boolean;
}

export function followedFrom(partition: Partition, leaderEpoch: number): FollowedPartition {
  return {
    partition,
    leaderEpoch,
    retryAtMs: 0,
    failures: 0,
    waitsForMetadata: false,
    askedOffset: -1,
    isCaughtUp: false,
  };
}

export interface LeaderAnswer {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
  readonly divergingEpoch: EpochEnd;
  readonly records: Buffer | null;
}

interface EpochEnd {
  readonly epoch: number;
  readonly endOffset: number;
}

/** What is to be done next about the partition. */
export type FollowOutcome =
  | "go-on"
  /** Something passing: ask again soon, then less and less often. */
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
  return tried(() => {
    if (answer.divergingEpoch.endOffset >= 0) return truncateToLeader(partition, answer.divergingEpoch);
    if (answer.records !== null && answer.records.length > 0) {
      partition.appendAsFollower(answer.records, owner, leaderEpoch);
      // Not one whole batch that fits here: asked again it would be the same.
      if (log.logEndOffset === followed.askedOffset) return "back-off";
    }
    partition.followLeaderMarks(answer.highWatermark, answer.logStartOffset);
    followed.isCaughtUp = log.logEndOffset >= answer.highWatermark;
    return "go-on";
  });
}

function tried(run: () => FollowOutcome): FollowOutcome {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return error.code === ErrorCode.KAFKA_STORAGE_ERROR ? "stop" : "back-off";
  }
}

/**
 * Cuts what the leader does not have, below the log start and the high watermark if need be: after an unclean election the
 * leader's log is what counts. When we do not know its epoch either, our largest epoch below it decides, and another round
 * follows; each round goes down by an epoch at least, so it ends (KIP-279).
 */
function truncateToLeader({ log }: Partition, leader: EpochEnd): FollowOutcome {
  const { logEndOffset, latestLeaderEpoch } = log;
  const own = log.endOffsetForEpoch(leader.epoch);
  log.truncateTo(own.leaderEpoch === -1 ? leader.endOffset : Math.min(own.endOffset, leader.endOffset));
  const isCut = log.logEndOffset !== logEndOffset || log.latestLeaderEpoch !== latestLeaderEpoch;
  return isCut ? "go-on" : "back-off";
}

/** The bounds of a leader's log, for a follower whose end it does not have. */
export interface LeaderBounds {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
}

/** Makes a log that lies outside its leader's bounds fit: cut to the leader's end, or started afresh at its start. */
export function fitTo({ log, state }: Partition, { logStartOffset, logEndOffset }: LeaderBounds): FollowOutcome {
  if (logStartOffset < 0 || logEndOffset < logStartOffset) return "back-off";
  return tried(() => {
    // An epoch that no leader has had yet: a batch's epoch is not under its CRC, and the disk has changed it.
    if (log.latestLeaderEpoch > state.leaderEpoch) {
      log.truncateTo(Math.max(log.logStartOffset, log.endOffsetForEpoch(state.leaderEpoch).endOffset));
    } else if (log.logEndOffset > logEndOffset) log.truncateTo(logEndOffset);
    else if (log.logEndOffset < logStartOffset) log.truncateFullyAndStartAt(logStartOffset);
    else return "back-off"; // it lies inside, and yet the leader does not have it
    return "go-on";
  });
}
