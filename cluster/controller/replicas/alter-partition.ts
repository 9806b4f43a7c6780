/**
 * AlterPartition: the leader of partitions proposes their ISRs (KIP-497).
 *
 * Owns: which proposals are refused, and with which code, in Kafka's order. Leaves what follows from one (reassignments that end,
 * eligible replicas) to partition-change.ts.
 */
import type { PartitionImage } from "../../../broker/metadata/metadata-image.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { AlterPartitionRequest, AlterPartitionResponse } from "../../../protocol/messages/alter-partition.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import type { ClusterImage } from "../../metadata/cluster-image.ts";
import type { MetadataRecord } from "../../metadata/metadata-record.ts";
import { changedPartition, LeaderRecoveryState, NO_LEADER_CHANGE } from "../../metadata/partition-records.ts";
import { type ControllerView, checkBrokerEpoch } from "../controller-view.ts";
import { type Decision, splittable } from "../decision.ts";
import { changePartition, topicRules } from "../leadership.ts";
import { PartitionSet } from "../partition-index.ts";

type Request = Decode<typeof AlterPartitionRequest>;
type Proposal = Request["topics"][number]["partitions"][number];
type Response = Encode<typeof AlterPartitionResponse>;
type PartitionAnswer = Response["topics"][number]["partitions"][number];
type Member = Proposal["newIsrWithEpochs"][number];

/** From this version on the broker epochs of the ISR come along (KIP-903). */
const BROKER_EPOCHS_VERSION = 3;
/** A broker epoch that is not checked. */
const ANY_EPOCH = -1;

export function decideAlterPartition(view: ControllerView, request: Request, apiVersion: number): Decision<Response> {
  checkBrokerEpoch(view.image, request.brokerId, request.brokerEpoch);
  const records: MetadataRecord[] = [];
  const seen = new PartitionSet();
  const topics = request.topics.map(({ topicId, partitions }) => {
    const topic = view.image.topicsById.get(topicId);
    if (topic === undefined) {
      return { topicId, partitions: partitions.map((each) => refused(each, ErrorCode.UNKNOWN_TOPIC_ID)) };
    }
    const rules = topicRules(view, topic);
    const answers = partitions.map((proposal): PartitionAnswer => {
      const partition = topic.partitions[proposal.partitionIndex];
      if (partition === undefined) return refused(proposal, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
      const members = membersOf(proposal, apiVersion);
      const errorCode = checkProposal(view.image, request.brokerId, partition, proposal, members);
      if (errorCode !== ErrorCode.NONE) return refused(proposal, errorCode);
      if (seen.has(topicId, partition.partition)) return refused(proposal, ErrorCode.INVALID_UPDATE_VERSION);
      seen.add(topicId, partition.partition);
      const change = changePartition(view, rules, partition, {
        election: rules.uncleanElectionEnabled ? "unclean" : "online",
        inSyncReplicas: members.map(({ brokerId }) => brokerId),
        leaderRecoveryState: proposal.leaderRecoveryState,
      });
      if (change === undefined) return accepted(partition);
      records.push(change);
      const { leader } = change.data;
      // The ISR it asked for ended a reassignment that takes it out: the one who asked leads no more.
      if (leader !== NO_LEADER_CHANGE && leader !== request.brokerId) {
        return refused(proposal, ErrorCode.NEW_LEADER_ELECTED);
      }
      return accepted(changedPartition(partition, change.data));
    });
    return { topicId, partitions: answers };
  });
  return splittable(records, { errorCode: ErrorCode.NONE, topics });
}

function membersOf({ newIsr, newIsrWithEpochs }: Proposal, apiVersion: number): readonly Member[] {
  if (apiVersion >= BROKER_EPOCHS_VERSION) return newIsrWithEpochs;
  return newIsr.map((brokerId) => ({ brokerId, brokerEpoch: ANY_EPOCH }));
}

function checkProposal(
  image: ClusterImage,
  brokerId: number,
  partition: PartitionImage,
  { leaderEpoch, partitionEpoch, leaderRecoveryState }: Proposal,
  members: readonly Member[],
): ErrorCode {
  // R43: whoever knows more than this controller has heard of a newer one.
  if (leaderEpoch > partition.leaderEpoch || partitionEpoch > partition.partitionEpoch) return ErrorCode.NOT_CONTROLLER;
  if (leaderEpoch < partition.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
  if (brokerId !== partition.leader) return ErrorCode.INVALID_REQUEST;
  if (partitionEpoch < partition.partitionEpoch) return ErrorCode.INVALID_UPDATE_VERSION;
  const ids = members.map((member) => member.brokerId);
  const isSubset = new Set(ids).size === ids.length && ids.every((id) => partition.replicas.includes(id));
  if (!isSubset || !ids.includes(partition.leader)) return ErrorCode.INVALID_REQUEST;
  if (leaderRecoveryState === LeaderRecoveryState.RECOVERING) {
    // Nobody can be in sync with a leader that does not know yet what it has lost.
    if (ids.length > 1) return ErrorCode.INVALID_REQUEST;
    if (partition.leaderRecoveryState === LeaderRecoveryState.RECOVERED) return ErrorCode.INVALID_REQUEST;
  }
  return members.every((member) => isEligible(image, member)) ? ErrorCode.NONE : ErrorCode.INELIGIBLE_REPLICA;
}

/** R39, R40: there, staying, and the incarnation whose fetches the leader has seen. */
function isEligible(image: ClusterImage, { brokerId, brokerEpoch }: Member): boolean {
  const broker = image.brokers.get(brokerId);
  if (broker === undefined || broker.fenced || broker.inControlledShutdown) return false;
  return brokerEpoch === ANY_EPOCH || brokerEpoch === broker.brokerEpoch;
}

function accepted(partition: PartitionImage): PartitionAnswer {
  return {
    partitionIndex: partition.partition,
    errorCode: ErrorCode.NONE,
    leaderId: partition.leader,
    leaderEpoch: partition.leaderEpoch,
    isr: partition.inSyncReplicas,
    leaderRecoveryState: partition.leaderRecoveryState,
    partitionEpoch: partition.partitionEpoch,
  };
}

function refused({ partitionIndex }: Proposal, errorCode: ErrorCode): PartitionAnswer {
  return { partitionIndex, errorCode, leaderId: 0, leaderEpoch: 0, isr: [], partitionEpoch: 0 };
}
