/**
 * AssignReplicasToDirs: a broker tells in which of its directories replicas lie (KIP-858).
 *
 * Owns: a replica in a directory that is not online (LOST above all) leaves the ISR, and leadership moves.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { AssignReplicasToDirsRequest, AssignReplicasToDirsResponse } from "../../../protocol/messages/log-dirs.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { isOnlineDirectory } from "../../metadata/directory-ids.ts";
import type { MetadataRecord } from "../../metadata/metadata-record.ts";
import { type ControllerView, checkBrokerEpoch, metadataVersionIn } from "../controller-view.ts";
import { type Decision, splittable } from "../decision.ts";
import { changePartition, topicRules } from "../leadership.ts";
import { PartitionSet } from "../partition-index.ts";

type Request = Decode<typeof AssignReplicasToDirsRequest>;
type Response = Encode<typeof AssignReplicasToDirsResponse>;

export function decideAssignDirectories(view: ControllerView, request: Request): Decision<Response> {
  if (!metadataVersionIn(view.image).hasDirectories) {
    throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION, "Directory assignment is not supported yet.");
  }
  const { brokerId } = request;
  const broker = checkBrokerEpoch(view.image, brokerId, request.brokerEpoch);
  const records: MetadataRecord[] = [];
  const seen = new PartitionSet();
  const directories = request.directories.map(({ id, topics }) => {
    const isOnline = isOnlineDirectory(id, broker.directories);
    const answers = topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: assign(view, brokerId, { id, isOnline }, topicId, partitionIndex, seen, records),
      })),
    }));
    return { id, topics: answers };
  });
  return splittable(records, { errorCode: ErrorCode.NONE, directories });
}

function assign(
  view: ControllerView,
  brokerId: number,
  directory: { readonly id: string; readonly isOnline: boolean },
  topicId: string,
  index: number,
  seen: PartitionSet,
  records: MetadataRecord[],
): ErrorCode {
  const topic = view.image.topicsById.get(topicId);
  if (topic === undefined) return ErrorCode.UNKNOWN_TOPIC_ID;
  const partition = topic.partitions[index];
  if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  if (!partition.replicas.includes(brokerId)) return ErrorCode.NOT_LEADER_OR_FOLLOWER;
  if (seen.has(topicId, index)) return ErrorCode.INVALID_REQUEST;
  seen.add(topicId, index);
  const rules = topicRules(view, topic);
  // One record for both, where Kafka writes one for the directory and another for leader and ISR.
  const change = changePartition(view, rules, partition, {
    directory: { brokerId, id: directory.id },
    election: rules.uncleanElectionEnabled ? "unclean" : "online",
    // It stays an eligible leader: it leads only once its log is there again, which needs no more than room on a disk, or its
    // broker's start, which finds out whether records may be lost.
    ...(directory.isOnline ? {} : { inSyncReplicas: partition.inSyncReplicas.filter((id) => id !== brokerId) }),
  });
  if (change !== undefined) records.push(change);
  return ErrorCode.NONE;
}
