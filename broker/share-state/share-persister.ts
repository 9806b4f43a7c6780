/**
 * Where the state of share partitions is kept, as the brokers that need it see it: the group coordinator starts and ends it, the
 * leader of a partition reads and writes it (KIP-932).
 *
 * Owns: the words. PeerSharePersister asks the share coordinator of each share partition, wherever that is.
 *
 * Every call is answered, with NONE or why not: FENCED_STATE_EPOCH (another incarnation of the group's offsets), FENCED_LEADER_EPOCH
 * (another leader has read since), UNKNOWN_TOPIC_OR_PARTITION (the topic is gone), INVALID_REQUEST (nothing was initialized), or
 * COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, NETWORK_EXCEPTION once trying again has been given up.
 * A write that was given up may have been stored.
 */
import type { ErrorCode } from "../../protocol/error-codes.ts";
import type { Later } from "../dispatch/answer.ts";
import type { SharePartitionKey } from "./share-partition-key.ts";

/** Records of one state. `lastOffset` is inclusive. */
export interface StateBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** 0 available, 2 acknowledged, 4 archived; nobody stores what is only acquired. */
  readonly deliveryState: number;
  readonly deliveryCount: number;
}

export interface PersisterResult {
  readonly errorCode: ErrorCode;
  readonly errorMessage: string | null;
}

/** Of no meaning where there is an error. */
export interface ShareState extends PersisterResult {
  readonly stateEpoch: number;
  /** -1: not known yet; the leader finds it by share.auto.offset.reset. */
  readonly startOffset: number;
  /** Sorted, none overlapping another, all from the start offset on. */
  readonly stateBatches: readonly StateBatch[];
}

export interface ShareStateSummary extends PersisterResult {
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  readonly startOffset: number;
  /** Records from the start offset on that are done with; -1: not known. */
  readonly deliveryCompleteCount: number;
}

export interface InitialShareState {
  readonly stateEpoch: number;
  /** -1: to be found by the leader. */
  readonly startOffset: number;
}

/**
 * A change of state. Where a batch lies over what is known already, the higher delivery count is kept; of equal ones, the higher
 * state.
 */
export interface ShareStateChange {
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  /** -1: as it was. What lies before it is forgotten. */
  readonly startOffset: number;
  /** -1: not said. */
  readonly deliveryCompleteCount: number;
  readonly stateBatches: readonly StateBatch[];
}

export interface SharePersister {
  initialize(key: SharePartitionKey, state: InitialShareState): Later<PersisterResult>;
  /** From here on older leaders are fenced. */
  read(key: SharePartitionKey, leaderEpoch: number): Later<ShareState>;
  /** Writes of one share partition are stored in the order in which they were asked for. */
  write(key: SharePartitionKey, change: ShareStateChange): Later<PersisterResult>;
  delete(key: SharePartitionKey): Later<PersisterResult>;
  /** Fences nobody. What was never initialized is told as startOffset -1. */
  readSummary(key: SharePartitionKey, leaderEpoch: number): Later<ShareStateSummary>;
}
