/**
 * Fetch on a controller: replicas of the metadata log ask for what comes next (KIP-595, KIP-630, KIP-1166).
 *
 * Owns: the checks in Kafka's order, and fetches parked until there is something new. Leaves progress and high watermark to
 * raft-core.ts.
 * With one voter only what is committed is sent: nobody else's copy could make it so, and followers need one answer, not two.
 */
import { type Answer, Later, withRelease } from "../../broker/dispatch/answer.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf } from "../../protocol/kafka-error.ts";
import type { FetchRequest, FetchResponse } from "../../protocol/messages/fetch.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import { METADATA_TOPIC_ID } from "../../protocol/uuid.ts";
import type { Clock, Timer } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import type { LogRead } from "../../storage/partition-log.ts";
import type { MetadataLog } from "./metadata-log.ts";
import { METADATA_TOPIC } from "./open-metadata-log.ts";
import type { QuorumIdentity, QuorumRequest } from "./quorum-identity.ts";
import type { RaftCore, RaftOutput } from "./raft-core.ts";

type Request = Decode<typeof FetchRequest>;
type FetchPartition = Request["topics"][number]["partitions"][number];
type Response = Encode<typeof FetchResponse>;
type PartitionAnswer = Response["responses"][number]["partitions"][number];

/** From this version on topics are named by id. */
const TOPIC_ID_VERSION = 13;
const REPLICA_STATE_VERSION = 15;
const NO_RECORDS = Buffer.alloc(0);
/** Longer waits than this are cut to it. */
const MAX_WAIT_MS = 60_000;

export interface LeaderFetchSurroundings {
  readonly core: RaftCore;
  readonly metadataLog: MetadataLog;
  readonly identity: QuorumIdentity;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What raft-core.ts makes of a fetch. */
  readonly carryOut: (output: RaftOutput) => void;
}

interface ParkedFetch {
  readonly complete: () => void;
  readonly timer: Timer;
}

export class LeaderFetch {
  private readonly around: LeaderFetchSurroundings;
  private readonly parked = new Set<ParkedFetch>();

  constructor(around: LeaderFetchSurroundings) {
    this.around = around;
  }

  handle(request: Request, info: QuorumRequest): Answer<Response> {
    const { clusterId } = this.around.identity;
    if (request.clusterId !== null && request.clusterId !== clusterId) {
      return { errorCode: ErrorCode.INCONSISTENT_CLUSTER_ID, responses: [] };
    }
    const partition = metadataPartition(request, info.apiVersion);
    if (partition === undefined) return { errorCode: ErrorCode.INVALID_REQUEST, responses: [] };
    if (
      request.maxWaitMs < 0 ||
      partition.fetchOffset < 0 ||
      partition.lastFetchedEpoch < 0 ||
      partition.lastFetchedEpoch > partition.currentLeaderEpoch
    ) {
      return this.refused(ErrorCode.INVALID_REQUEST, info);
    }
    return this.answer(request, partition, info, true);
  }

  /** There is something new: who waited for it is answered. */
  wake(): void {
    for (const fetch of [...this.parked]) fetch.complete();
  }

  /** Nobody is answered any more than with what there is. */
  stop(): void {
    this.wake();
  }

  private answer(request: Request, partition: FetchPartition, info: QuorumRequest, mayWait: boolean): Answer<Response> {
    const { core, metadataLog, clock } = this.around;
    const errorCode = leaderErrorOf(core, partition.currentLeaderEpoch);
    if (errorCode !== ErrorCode.NONE) return this.refused(errorCode, info);
    const position = metadataLog.positionOf(partition.fetchOffset, partition.lastFetchedEpoch);
    if (position.kind === "snapshot") {
      const { endOffset, leaderEpoch } = position.id;
      return this.response(info, { records: NO_RECORDS, snapshotId: { endOffset, epoch: leaderEpoch } });
    }
    if (position.kind === "diverging") {
      const { endOffset, leaderEpoch } = position;
      return this.response(info, { records: NO_RECORDS, divergingEpoch: { endOffset, epoch: leaderEpoch } });
    }
    const replicaId = info.apiVersion >= REPLICA_STATE_VERSION ? request.replicaState.replicaId : request.replicaId;
    const replica = { id: replicaId, directoryId: partition.replicaDirectoryId };
    this.around.carryOut(
      core.step({
        type: "fetched",
        replica,
        fetchOffset: partition.fetchOffset,
        nowMs: clock.monotonicMs(),
        wallMs: clock.wallMs(),
      }),
    );
    const availableEnd = core.voters.length > 1 ? metadataLog.endOffset : core.highWatermark;
    if (partition.fetchOffset < availableEnd) return this.records(request, partition, info, availableEnd);
    // KIP-1166: a follower that is behind in what is committed is told at once.
    const isNews = partition.highWatermark < core.highWatermark;
    if (!mayWait || isNews || request.maxWaitMs === 0) return this.response(info, { records: NO_RECORDS });
    return this.park(request, partition, info);
  }

  private records(
    request: Request,
    partition: FetchPartition,
    info: QuorumRequest,
    availableEnd: number,
  ): Answer<Response> {
    const later = new Later<Response>();
    const answer = (read: LogRead): void => {
      later.complete(this.response(info, { records: [...read.pieces] }), () => read.release());
    };
    const failed = (error: unknown): void => {
      this.around.logger.error({ error, offset: partition.fetchOffset }, "the metadata log could not be read");
      later.complete(this.refused(errorCodeOf(error), info));
    };
    try {
      const read = this.around.metadataLog.read(partition.fetchOffset, request.maxBytes, availableEnd);
      if (!(read instanceof Promise)) {
        return withRelease(this.response(info, { records: [...read.pieces] }), () => read.release());
      }
      read.then(answer, failed);
    } catch (error) {
      failed(error);
    }
    return later;
  }

  private park(request: Request, partition: FetchPartition, info: QuorumRequest): Later<Response> {
    const later = new Later<Response>();
    const leave = (): void => {
      this.parked.delete(fetch);
      fetch.timer.cancel();
    };
    const complete = (): void => {
      leave();
      const answer = this.answer(request, partition, info, false);
      if (answer instanceof Later) answer.onComplete((value, whenSent) => later.complete(value, whenSent));
      else later.complete(answer);
    };
    const timer = this.around.clock.after(Math.min(request.maxWaitMs, MAX_WAIT_MS), complete);
    const fetch: ParkedFetch = { complete, timer };
    this.parked.add(fetch);
    later.whenCancelled(leave);
    return later;
  }

  private refused(errorCode: ErrorCode, info: QuorumRequest): Response {
    return this.response(info, { errorCode, records: NO_RECORDS, highWatermark: -1 });
  }

  private response(info: QuorumRequest, answer: Partial<PartitionAnswer>): Response {
    const { core, metadataLog } = this.around;
    return {
      errorCode: ErrorCode.NONE,
      responses: [
        {
          ...(info.apiVersion >= TOPIC_ID_VERSION ? { topicId: METADATA_TOPIC_ID } : { topic: METADATA_TOPIC }),
          partitions: [
            {
              partitionIndex: 0,
              errorCode: ErrorCode.NONE,
              highWatermark: core.highWatermark,
              logStartOffset: metadataLog.startOffset,
              currentLeader: { leaderId: core.leaderId, leaderEpoch: core.leaderEpoch },
              abortedTransactions: [],
              records: NO_RECORDS,
              ...answer,
            },
          ],
        },
      ],
      ...(info.apiVersion >= 16 ? { nodeEndpoints: leaderEndpoints(this.around, info) } : {}),
    };
  }
}

/** The partition asked for, if it is that of the metadata and no other. */
function metadataPartition({ topics }: Request, apiVersion: number): FetchPartition | undefined {
  const [topic] = topics;
  const isMetadata =
    apiVersion >= TOPIC_ID_VERSION ? topic?.topicId === METADATA_TOPIC_ID : topic?.topic === METADATA_TOPIC;
  if (topics.length !== 1 || topic === undefined || !isMetadata || topic.partitions.length !== 1) return undefined;
  const [partition] = topic.partitions;
  return partition?.partition === 0 ? partition : undefined;
}

/** Whether this node may answer as the leader of an epoch. */
export function leaderErrorOf(core: RaftCore, leaderEpoch: number): ErrorCode {
  if (leaderEpoch < core.leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
  if (leaderEpoch > core.leaderEpoch) return ErrorCode.UNKNOWN_LEADER_EPOCH;
  return core.role === "leader" ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER;
}

/** How the leader is reached on the listener a request came in on, as far as this node can say. */
export function leaderEndpoints(
  { core, identity }: Pick<LeaderFetchSurroundings, "core" | "identity">,
  { listenerName }: QuorumRequest,
): { nodeId: number; host: string; port: number }[] {
  if (core.leaderId !== identity.nodeId) return [];
  return identity
    .endpoints()
    .filter(({ name }) => name === listenerName)
    .map(({ host, port }) => ({ nodeId: identity.nodeId, host, port }));
}
