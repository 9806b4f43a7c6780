/**
 * DescribeQuorum: who votes, who only follows, and how far each has come (KIP-595, KIP-836).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { DescribeQuorumRequest, DescribeQuorumResponse } from "../../protocol/messages/quorum.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import type { Clock } from "../../storage/clock.ts";
import { METADATA_TOPIC } from "./open-metadata-log.ts";
import type { QuorumIdentity } from "./quorum-identity.ts";
import type { RaftCore, ReplicaProgress } from "./raft-core.ts";

type Request = Decode<typeof DescribeQuorumRequest>;
type Response = Encode<typeof DescribeQuorumResponse>;

/** From this version on replicas have directory ids, and nodes their listeners. */
const NODES_VERSION = 2;

export function describeQuorum(
  core: RaftCore,
  identity: QuorumIdentity,
  clock: Clock,
  request: Request,
  apiVersion: number,
): Response {
  const [topic] = request.topics;
  const isMetadata =
    request.topics.length === 1 && topic?.topicName === METADATA_TOPIC && topic.partitions.length === 1;
  if (!isMetadata || topic.partitions[0]?.partitionIndex !== 0) {
    return refused(request, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  }
  if (core.role !== "leader") return refused(request, ErrorCode.NOT_LEADER_OR_FOLLOWER);
  const { voters, observers } = core.progress(clock.monotonicMs(), clock.wallMs());
  const state = ({ key, endOffset, lastFetchWallMs, lastCaughtUpWallMs }: ReplicaProgress) => ({
    replicaId: key.id,
    ...(apiVersion >= NODES_VERSION ? { replicaDirectoryId: key.directoryId } : {}),
    logEndOffset: endOffset,
    lastFetchTimestamp: lastFetchWallMs,
    lastCaughtUpTimestamp: lastCaughtUpWallMs,
  });
  return {
    errorCode: ErrorCode.NONE,
    topics: [
      {
        topicName: METADATA_TOPIC,
        partitions: [
          {
            partitionIndex: 0,
            errorCode: ErrorCode.NONE,
            errorMessage: null,
            leaderId: core.leaderId,
            leaderEpoch: core.leaderEpoch,
            highWatermark: core.highWatermark,
            currentVoters: voters.map(state),
            observers: observers.map(state),
          },
        ],
      },
    ],
    ...(apiVersion >= NODES_VERSION
      ? {
          errorMessage: null,
          nodes: voters.map(({ key }) => ({
            nodeId: key.id,
            listeners:
              key.id === identity.nodeId
                ? identity.endpoints().map(({ name, host, port }) => ({ name, host, port }))
                : [],
          })),
        }
      : {}),
  };
}

function refused({ topics }: Request, errorCode: ErrorCode): Response {
  return {
    errorCode: ErrorCode.NONE,
    topics: topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode,
        leaderId: 0,
        leaderEpoch: 0,
        highWatermark: 0,
        currentVoters: [],
        observers: [],
      })),
    })),
  };
}
