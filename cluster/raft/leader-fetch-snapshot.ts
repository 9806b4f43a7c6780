/**
 * FetchSnapshot: replicas that are too far behind the metadata log take a snapshot of it piece by piece (KIP-630).
 */
import { type Answer, Later } from "../../broker/dispatch/answer.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { FetchSnapshotRequest, FetchSnapshotResponse } from "../../protocol/messages/quorum.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import { DiskError } from "../../storage/disk.ts";
import { BOOTSTRAP_SNAPSHOT_ID, compareSnapshotIds, type SnapshotId } from "../metadata/snapshot-format.ts";
import { type LeaderFetchSurroundings, leaderEndpoints, leaderErrorOf } from "./leader-fetch.ts";
import { METADATA_TOPIC } from "./open-metadata-log.ts";
import type { QuorumRequest } from "./quorum-identity.ts";

type Request = Decode<typeof FetchSnapshotRequest>;
type Response = Encode<typeof FetchSnapshotResponse>;
type PartitionAnswer = Response["topics"][number]["partitions"][number];
type Surroundings = Pick<LeaderFetchSurroundings, "core" | "metadataLog" | "identity" | "logger">;

const NO_RECORDS = Buffer.alloc(0);
/** A piece never takes more memory than this, whatever is asked. */
const MAX_PIECE_BYTES = 8 * 1024 * 1024;

export function handleFetchSnapshot(around: Surroundings, request: Request, info: QuorumRequest): Answer<Response> {
  const { core, metadataLog, identity } = around;
  if (request.clusterId !== null && request.clusterId !== identity.clusterId) {
    return { errorCode: ErrorCode.INCONSISTENT_CLUSTER_ID, topics: [] };
  }
  const [topic] = request.topics;
  const [partition] = topic?.partitions ?? [];
  if (request.topics.length !== 1 || topic?.partitions.length !== 1 || partition === undefined) {
    return { errorCode: ErrorCode.INVALID_REQUEST, topics: [] };
  }
  const respond = (answer: Partial<PartitionAnswer>): Response => ({
    errorCode: ErrorCode.NONE,
    topics: [
      {
        name: topic.name,
        partitions: [
          {
            index: partition.partition,
            errorCode: ErrorCode.NONE,
            snapshotId: { endOffset: 0, epoch: 0 },
            currentLeader: { leaderId: core.leaderId, leaderEpoch: core.leaderEpoch },
            size: 0,
            position: 0,
            unalignedRecords: NO_RECORDS,
            ...answer,
          },
        ],
      },
    ],
    ...(info.apiVersion >= 1 ? { nodeEndpoints: leaderEndpoints(around, info) } : {}),
  });
  if (topic.name !== METADATA_TOPIC || partition.partition !== 0) {
    return respond({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
  }
  const leaderError = leaderErrorOf(core, partition.currentLeaderEpoch);
  if (leaderError !== ErrorCode.NONE) return respond({ errorCode: leaderError });
  const { endOffset, epoch } = partition.snapshotId;
  const id: SnapshotId = { endOffset, leaderEpoch: epoch };
  // The bootstrap snapshot is each node's own; what it holds is in the log.
  if (!metadataLog.snapshots.has(id) || compareSnapshotIds(id, BOOTSTRAP_SNAPSHOT_ID) === 0) {
    return respond({ errorCode: ErrorCode.SNAPSHOT_NOT_FOUND });
  }
  const size = metadataLog.snapshots.sizeBytes(id);
  const { position } = partition;
  if (position < 0 || position >= size) return respond({ errorCode: ErrorCode.POSITION_OUT_OF_RANGE });
  const later = new Later<Response>();
  metadataLog.snapshots.read(id, position, Math.min(Math.max(1, request.maxBytes), MAX_PIECE_BYTES)).then(
    (piece) => later.complete(respond({ snapshotId: { endOffset, epoch }, size, position, unalignedRecords: piece })),
    (error: unknown) => {
      const isGone = error instanceof DiskError && error.kind === "gone";
      if (!isGone) around.logger.error({ error, snapshot: id }, "a metadata snapshot could not be read");
      later.complete(respond({ errorCode: isGone ? ErrorCode.SNAPSHOT_NOT_FOUND : ErrorCode.UNKNOWN_SERVER_ERROR }));
    },
  );
  return later;
}
