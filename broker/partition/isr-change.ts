/**
 * One ISR change of a leader on its way to the controller (KIP-497).
 *
 * Owns: what is sent, and what each answer means. Leaves to Partition: when to propose, and what follows from a new ISR; to the
 * port: where the controller is.
 * Invariant: an answer counts only while its proposal is the one in flight; newer metadata or a newer epoch settles the matter first.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { PartitionImage } from "../metadata/metadata-image.ts";
import type { AlterPartitionAnswer, AlterPartitionData } from "../ports.ts";
import type { IsrProposal } from "./in-sync-replicas.ts";
import type { LeaderState } from "./leader-state.ts";
import type { PartitionSurroundings } from "./partition.ts";

/** Codes after which a leader waits for newer metadata before it proposes again. */
const WAIT_FOR_METADATA: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
  ErrorCode.INVALID_UPDATE_VERSION,
  ErrorCode.FENCED_LEADER_EPOCH,
  ErrorCode.INVALID_REQUEST,
  ErrorCode.NEW_LEADER_ELECTED,
]);
/** Codes that say: the change was not made, by this controller or any other. */
const NOT_MADE: ReadonlySet<number> = new Set([ErrorCode.INELIGIBLE_REPLICA, ErrorCode.OPERATION_NOT_ATTEMPTED]);

/** Between asking again about what the controller had no other answer to. */
const RETRY_MS = 50;

/** The partition whose ISR is to change. */
export interface ChangingPartition {
  readonly topicId: string;
  readonly index: number;
  readonly leader: LeaderState | undefined;
  readonly state: PartitionImage;
  isrChanged(answer: AlterPartitionAnswer): void;
  isrStays(): void;
}

/** Proposes an ISR for a partition led here; the proposal is then in flight until something settles it. */
export function proposeIsr(
  partition: ChangingPartition,
  leader: LeaderState,
  proposal: IsrProposal,
  around: PartitionSurroundings,
): void {
  leader.inSync.proposal = proposal;
  const { state } = partition;
  // Built once: a replica that restarts meanwhile is still proposed as the incarnation that had caught up (KAFKA-15221).
  const change: AlterPartitionData = {
    partitionIndex: partition.index,
    leaderEpoch: leader.leaderEpoch,
    partitionEpoch: state.partitionEpoch,
    leaderRecoveryState: 0, // leading is having recovered
    newIsrWithEpochs: proposal.replicas.map((brokerId) => ({
      brokerId,
      brokerEpoch: brokerId === around.nodeId ? around.brokerEpoch() : (leader.follower(brokerId)?.brokerEpoch ?? -1),
    })),
  };
  const inFlight = (): boolean => partition.leader === leader && leader.inSync.proposal === proposal;
  const send = (): void => {
    around.isr.alterPartition(partition.topicId, change).onComplete((answer) => {
      if (typeof answer === "symbol" || !inFlight()) return;
      if (takeIn(partition, leader, answer)) return;
      around.clock.after(RETRY_MS, () => {
        if (inFlight()) send();
      });
    });
  };
  send();
}

/** False when the controller has to be asked again. */
function takeIn(partition: ChangingPartition, leader: LeaderState, answer: AlterPartitionAnswer): boolean {
  const { errorCode } = answer;
  if (errorCode === ErrorCode.NONE) {
    if (answer.leaderEpoch !== leader.leaderEpoch || answer.partitionEpoch < partition.state.partitionEpoch)
      return true;
    leader.inSync.committed = answer.isr;
    leader.inSync.proposal = undefined;
    partition.isrChanged(answer);
    return true;
  }
  if (NOT_MADE.has(errorCode)) {
    leader.inSync.proposal = undefined;
    partition.isrStays();
    return true;
  }
  return WAIT_FOR_METADATA.has(errorCode);
}
