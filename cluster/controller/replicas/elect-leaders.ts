/**
 * Elections on request (KIP-183, KIP-460) and by the clock: back to preferred leaders, and, where a topic allows it, unclean ones for
 * partitions that have no leader.
 */
import type { TopicImage } from "../../../broker/metadata/metadata-image.ts";
import { NO_LEADER } from "../../../broker/metadata/metadata-image.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { ElectLeadersRequest, ElectLeadersResponse } from "../../../protocol/messages/elect-leaders.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import type { MetadataRecord } from "../../metadata/metadata-record.ts";
import type { ControllerView } from "../controller-view.ts";
import { ACCEPTED, checkBatchSize, type Decision, type Refusal, refusal, splittable } from "../decision.ts";
import { changePartition, topicRules } from "../leadership.ts";
import { type PartitionRef, PartitionSet } from "../partition-index.ts";

type Request = Decode<typeof ElectLeadersRequest>;
type Response = Encode<typeof ElectLeadersResponse>;
type TopicAnswer = Response["replicaElectionResults"][number];

const ElectionType = { PREFERRED: 0, UNCLEAN: 1 } as const;
type ElectionKind = "preferred" | "unclean";

/** Elections made by the clock at a time; what is left follows soon. */
export const MAX_ELECTIONS_AT_ONCE = 1000;

export function decideElectLeaders(view: ControllerView, request: Request): Decision<Response> {
  const kind = electionKind(request.electionType);
  const records: MetadataRecord[] = [];
  const seen = new PartitionSet();
  const results: TopicAnswer[] = [];
  if (request.topicPartitions === null) {
    for (const topic of view.image.topics.values()) {
      const partitionResult = topic.partitions
        .map(({ partition }) => ({
          partitionId: partition,
          ...electLeader(view, topic, partition, kind, seen, records),
        }))
        .filter(({ errorCode }) => errorCode !== ErrorCode.ELECTION_NOT_NEEDED);
      results.push({ topic: topic.name, partitionResult });
    }
  } else {
    for (const { topic: name, partitions } of request.topicPartitions) {
      const topic = view.image.topics.get(name);
      const partitionResult = partitions.map((partitionId) => ({
        partitionId,
        ...(topic === undefined
          ? refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such topic as ${name}`)
          : electLeader(view, topic, partitionId, kind, seen, records)),
      }));
      results.push({ topic: name, partitionResult });
    }
  }
  checkBatchSize(records.length);
  return splittable(records, { errorCode: ErrorCode.NONE, replicaElectionResults: results });
}

function electionKind(electionType: number): ElectionKind {
  if (electionType === ElectionType.PREFERRED) return "preferred";
  if (electionType === ElectionType.UNCLEAN) return "unclean";
  throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown election type ${electionType}`);
}

function electLeader(
  view: ControllerView,
  topic: TopicImage,
  index: number,
  kind: ElectionKind,
  seen: PartitionSet,
  records: MetadataRecord[],
): Refusal {
  const partition = topic.partitions[index];
  if (partition === undefined) {
    return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such partition as ${topic.name}-${index}`);
  }
  const isDone = kind === "preferred" ? partition.leader === partition.replicas[0] : partition.leader !== NO_LEADER;
  if (isDone || seen.has(topic.id, index)) return refusal(ErrorCode.ELECTION_NOT_NEEDED);
  const change = changePartition(view, topicRules(view, topic), partition, { election: kind });
  if (change === undefined) {
    return refusal(
      kind === "preferred" ? ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE : ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
    );
  }
  records.push(change);
  seen.add(topic.id, index);
  return ACCEPTED;
}

/** R51: partitions go back to their preferred leaders where those are in sync. The response says whether more are left. */
export function decidePreferredElections(view: ControllerView): Decision<boolean> {
  return electAll(view, view.partitions.notLedByPreferred, "preferred", () => true);
}

/** Partitions without leader whose topics would rather lose records than wait. The response says whether more are left. */
export function decideUncleanElections(view: ControllerView): Decision<boolean> {
  return electAll(
    view,
    view.partitions.leaderless,
    "unclean",
    (topic) => topicRules(view, topic).uncleanElectionEnabled,
  );
}

function electAll(
  view: ControllerView,
  partitions: Iterable<PartitionRef>,
  kind: ElectionKind,
  isWanted: (topic: TopicImage) => boolean,
): Decision<boolean> {
  const records: MetadataRecord[] = [];
  const seen = new PartitionSet();
  for (const { topicId, partition } of partitions) {
    const topic = view.image.topicsById.get(topicId) as TopicImage;
    if (isWanted(topic)) electLeader(view, topic, partition, kind, seen, records);
    if (records.length >= MAX_ELECTIONS_AT_ONCE) return splittable(records, true);
  }
  return splittable(records, false);
}
