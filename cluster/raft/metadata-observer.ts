/**
 * An observer of the metadata quorum: a broker fetches the log from the quorum's leader, cuts its own where it diverges, and
 * downloads a snapshot when it is too far behind (KIP-595, KIP-630).
 *
 * Owns: one request at a time and what its answer means. Leaves to raft-core.ts: who leads and what is committed; to
 * metadata-copy.ts: applying it; to the channel: addresses and connections.
 */
import type { BrokerConfig } from "../../broker/config/broker-configs.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { Fetch, type FetchResponse } from "../../protocol/messages/fetch.ts";
import { FetchSnapshot, type FetchSnapshotResponse } from "../../protocol/messages/quorum.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import { METADATA_TOPIC_ID } from "../../protocol/uuid.ts";
import type { Clock, Timer } from "../../storage/clock.ts";
import type { Disk } from "../../storage/disk.ts";
import type { Logger } from "../../storage/logger.ts";
import type { SnapshotId } from "../metadata/snapshot-format.ts";
import { MetadataCopy } from "./metadata-copy.ts";
import type { MetadataLog } from "./metadata-log.ts";
import type { ObserverChannel } from "./observer-channel.ts";
import { METADATA_TOPIC } from "./open-metadata-log.ts";
import { QuorumStateFile } from "./quorum-state-file.ts";
import { RaftCore, type RaftOutput, type RaftRequest } from "./raft-core.ts";
import type { SnapshotSettings } from "./snapshot-generator.ts";
import type { SnapshotWriter } from "./snapshot-store.ts";

export type ObserverSettings = SnapshotSettings &
  Pick<
    BrokerConfig,
    | "controllerQuorumFetchMaxBytes"
    | "controllerQuorumFetchSnapshotMaxBytes"
    | "controllerQuorumFetchTimeoutMs"
    | "controllerQuorumRetryBackoffMs"
  >;

export interface ObserverOptions {
  readonly nodeId: number;
  readonly clusterId: string;
  /** Of the metadata directory. */
  readonly directoryId: string;
  readonly settings: ObserverSettings;
}

export interface ObserverSurroundings {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
}

type FetchAnswer = Decode<typeof FetchResponse>;
type SnapshotAnswer = Decode<typeof FetchSnapshotResponse>;

/** What to ask after an answer; `pauses`: not before a short while. */
interface Next {
  readonly send: readonly RaftRequest[];
  readonly pauses: boolean;
}

const FETCH_VERSION = 18;
const FETCH_SNAPSHOT_VERSION = 1;
/** Kafka's raft client waits this long for something new. */
const MAX_WAIT_MS = 500;
const FIND_LEADER: Next = { send: [{ type: "findLeader" }], pauses: true };

export class MetadataObserver {
  readonly copy: MetadataCopy;
  /** Called once when the copy cannot go on: a disk that fails, another cluster, records this release cannot read. */
  onFailure: ((error: unknown) => void) | undefined;
  private readonly around: ObserverSurroundings;
  private readonly metadataLog: MetadataLog;
  private readonly options: ObserverOptions;
  private readonly channel: ObserverChannel;
  private readonly core: RaftCore;
  private readonly stateFile: QuorumStateFile;
  private download: SnapshotWriter | undefined;
  /** Counts requests: the answer to one that was given up is dropped (R21). */
  private request = 0;
  private askedAtMs = 0;
  /** An answer that is being worked on; nothing is asked before it is done. */
  private work: Promise<void> | undefined;
  private retryTimer: Timer | undefined;
  private watchTimer: Timer | undefined;
  private stopped = false;

  constructor(
    around: ObserverSurroundings,
    metadataLog: MetadataLog,
    channel: ObserverChannel,
    options: ObserverOptions,
  ) {
    const { settings, nodeId, clusterId } = options;
    this.around = around;
    this.metadataLog = metadataLog;
    this.channel = channel;
    this.options = options;
    this.copy = new MetadataCopy(around, metadataLog, clusterId, settings);
    this.core = new RaftCore({ nodeId, fetchTimeoutMs: settings.controllerQuorumFetchTimeoutMs });
    this.stateFile = new QuorumStateFile(around.disk, metadataLog.log.path);
  }

  /** What the leader has committed, as far as it is here; -1 unknown. */
  get highWatermark(): number {
    return this.core.highWatermark;
  }

  /** -1 unknown. */
  get leaderId(): number {
    return this.core.leaderId;
  }

  get leaderEpoch(): number {
    return this.core.leaderEpoch;
  }

  /** Applies the newest snapshot and begins to fetch. @throws CorruptMetadata, UnknownMetadataRecord, DiskError. */
  async start(): Promise<void> {
    await this.copy.applyLatestSnapshot();
    this.core.step({ type: "appended", endOffset: this.metadataLog.endOffset });
    const output = this.core.step({
      type: "started",
      voters: [],
      stored: this.stateFile.read(),
      logEpoch: this.metadataLog.lastEpoch,
      nowMs: this.around.clock.monotonicMs(),
    });
    this.watch();
    this.ask({ send: output.send, pauses: false });
  }

  /** Nothing is fetched or applied any more. The log is the caller's to close. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.request++;
    this.retryTimer?.cancel();
    this.watchTimer?.cancel();
    await this.copy.stop();
    await this.work;
    this.endDownload();
  }

  /** An answer that stays away must not hold up the search for another leader. */
  private watch(): void {
    const { clock } = this.around;
    this.watchTimer = clock.after(this.options.settings.controllerQuorumFetchTimeoutMs / 2, () =>
      clock.afterPoll(() => {
        if (this.stopped) return;
        const { send } = this.core.step({ type: "tick", nowMs: clock.monotonicMs() });
        if (this.work === undefined) this.ask({ send, pauses: false });
        this.watch();
      }),
    );
  }

  private ask({ send, pauses }: Next): void {
    const [next] = send;
    if (next === undefined || this.stopped) return;
    this.retryTimer?.cancel();
    if (pauses) {
      const { controllerQuorumRetryBackoffMs: backoffMs } = this.options.settings;
      this.retryTimer = this.around.clock.after(backoffMs, () => this.ask({ send, pauses: false }));
      return;
    }
    const request = ++this.request;
    this.askedAtMs = this.around.clock.monotonicMs();
    const leaderId = next.type === "fetchFromLeader" ? next.leaderId : undefined;
    const { download } = this;
    if (download !== undefined && leaderId !== undefined) {
      this.askForPiece(download, leaderId).then(
        (answer) => this.handle(request, () => this.onPiece(answer, download)),
        () => this.unreachable(request),
      );
    } else {
      this.askForRecords(leaderId).then(
        (answer) => this.handle(request, () => this.onRecords(answer)),
        () => this.unreachable(request),
      );
    }
  }

  private unreachable(request: number): void {
    if (request === this.request) this.ask(FIND_LEADER);
  }

  private handle(request: number, onAnswer: () => Promise<Next>): void {
    if (request !== this.request) return;
    this.work = onAnswer().then(
      (next) => {
        this.work = undefined;
        this.ask(next);
      },
      (error: unknown) => {
        this.work = undefined;
        this.fail(error);
      },
    );
  }

  private fail(error: unknown): void {
    if (this.stopped) return;
    this.stopped = true;
    this.watchTimer?.cancel();
    this.around.logger.error({ error }, "the metadata cannot be followed any more");
    this.onFailure?.(error);
  }

  private askForRecords(leaderId: number | undefined): Promise<FetchAnswer> {
    const { settings, clusterId, nodeId, directoryId } = this.options;
    const partition = {
      partition: 0,
      currentLeaderEpoch: this.core.leaderEpoch,
      fetchOffset: this.metadataLog.endOffset,
      lastFetchedEpoch: this.metadataLog.lastEpoch,
      partitionMaxBytes: 0,
      replicaDirectoryId: directoryId,
      highWatermark: this.core.highWatermark,
    };
    const request = {
      clusterId,
      replicaState: { replicaId: nodeId, replicaEpoch: -1 },
      maxWaitMs: leaderId === undefined ? 0 : MAX_WAIT_MS,
      minBytes: 0,
      maxBytes: settings.controllerQuorumFetchMaxBytes,
      topics: [{ topicId: METADATA_TOPIC_ID, partitions: [partition] }],
      forgottenTopicsData: [],
    };
    return this.channel.send(Fetch, FETCH_VERSION, request, leaderId);
  }

  private async onRecords(answer: FetchAnswer): Promise<Next> {
    const partition = answer.responses[0]?.partitions[0];
    if (answer.errorCode !== ErrorCode.NONE || partition === undefined) return refusedWith(answer.errorCode);
    const { leaderId } = partition.currentLeader;
    const learned = this.learn(partition.currentLeader, answer.nodeEndpoints);
    if (partition.errorCode !== ErrorCode.NONE) {
      await this.persist(learned);
      return learned.send.length > 0 ? { send: learned.send, pauses: false } : FIND_LEADER;
    }
    if (this.core.role !== "follower" || leaderId !== this.core.leaderId) return FIND_LEADER;
    const { divergingEpoch, snapshotId, highWatermark, records } = partition;
    const before = { endOffset: this.metadataLog.endOffset, highWatermark: this.core.highWatermark };
    if (divergingEpoch.epoch >= 0) {
      this.truncate(divergingEpoch.epoch, divergingEpoch.endOffset);
    } else if (snapshotId.epoch >= 0 && snapshotId.endOffset >= 0) {
      this.beginDownload({ endOffset: snapshotId.endOffset, leaderEpoch: snapshotId.epoch });
    } else if (records !== null && records.length > 0) {
      // In the turn in which they came: they are not good for longer.
      if (!this.append(records)) return FIND_LEADER;
    }
    await this.persist(learned);
    const next = await this.leaderAnswered(highWatermark);
    const isNews =
      this.download !== undefined ||
      this.metadataLog.endOffset !== before.endOffset ||
      this.core.highWatermark !== before.highWatermark;
    // An answer that brings nothing has taken its time; one that has not is not asked for again at once.
    const hasWaited = this.around.clock.monotonicMs() - this.askedAtMs >= MAX_WAIT_MS;
    return { ...next, pauses: !isNews && !hasWaited };
  }

  private askForPiece({ id, sizeBytes }: SnapshotWriter, leaderId: number): Promise<SnapshotAnswer> {
    const { settings, clusterId, nodeId, directoryId } = this.options;
    const partition = {
      partition: 0,
      currentLeaderEpoch: this.core.leaderEpoch,
      snapshotId: { endOffset: id.endOffset, epoch: id.leaderEpoch },
      position: sizeBytes,
      replicaDirectoryId: directoryId,
    };
    const request = {
      clusterId,
      replicaId: nodeId,
      maxBytes: settings.controllerQuorumFetchSnapshotMaxBytes,
      topics: [{ name: METADATA_TOPIC, partitions: [partition] }],
    };
    return this.channel.send(FetchSnapshot, FETCH_SNAPSHOT_VERSION, request, leaderId);
  }

  private async onPiece(answer: SnapshotAnswer, download: SnapshotWriter): Promise<Next> {
    const partition = answer.topics[0]?.partitions[0];
    if (answer.errorCode !== ErrorCode.NONE || partition === undefined) return refusedWith(answer.errorCode);
    const learned = this.learn(partition.currentLeader, answer.nodeEndpoints);
    const { position, size, unalignedRecords: piece } = partition;
    if (
      this.download !== download ||
      partition.errorCode !== ErrorCode.NONE ||
      position !== download.sizeBytes ||
      piece === null ||
      piece.length === 0
    ) {
      // The leader has another snapshot by now, or another leads: the next fetch says which.
      this.endDownload();
      await this.persist(learned);
      return { send: learned.send.length > 0 ? learned.send : this.askLeader(), pauses: true };
    }
    download.append(piece);
    await this.persist(learned);
    if (download.sizeBytes < size) return { send: this.askLeader(), pauses: false };
    this.download = undefined;
    await download.finish();
    await this.copy.takeOver(download.id);
    this.core.step({ type: "appended", endOffset: this.metadataLog.endOffset });
    return this.leaderAnswered(download.id.endOffset);
  }

  private async leaderAnswered(highWatermark: number): Promise<Next> {
    const nowMs = this.around.clock.monotonicMs();
    const { apply, send } = this.core.step({ type: "leaderAnswered", highWatermark, nowMs });
    if (apply !== undefined && !this.stopped) await this.copy.applyUpTo(apply);
    return { send, pauses: false };
  }

  private learn(
    { leaderId, leaderEpoch }: { readonly leaderId: number; readonly leaderEpoch: number },
    endpoints: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[],
  ): RaftOutput {
    const nowMs = this.around.clock.monotonicMs();
    const output = this.core.step({ type: "leaderLearned", leaderId, leaderEpoch, nowMs });
    if (leaderId >= 0 && this.core.leaderId === leaderId) {
      this.channel.leaderIs(
        leaderId,
        endpoints.find(({ nodeId }) => nodeId === leaderId),
      );
    }
    // Its successor may have another one.
    if (output.persist !== undefined) this.endDownload();
    return output;
  }

  private async persist({ persist }: RaftOutput): Promise<void> {
    if (persist !== undefined) await this.stateFile.write(persist, this.core.voters, this.copy.kraftVersion);
  }

  private askLeader(): readonly RaftRequest[] {
    return [{ type: "fetchFromLeader", leaderId: this.core.leaderId }];
  }

  /** False when the records are damaged or not those that come next: they are asked for again (B91). */
  private append(records: Buffer): boolean {
    try {
      this.metadataLog.log.appendAsFollower(records, undefined, this.core.leaderEpoch);
    } catch (error) {
      const isDamaged =
        error instanceof KafkaError &&
        (error.code === ErrorCode.CORRUPT_MESSAGE || error.code === ErrorCode.OFFSET_OUT_OF_RANGE);
      if (!isDamaged) throw error;
      this.around.logger.warn({ error }, "the controller sent metadata that cannot be appended");
      return false;
    }
    this.core.step({ type: "appended", endOffset: this.metadataLog.endOffset });
    return true;
  }

  private truncate(leaderEpoch: number, endOffset: number): void {
    const offset = this.metadataLog.divergingOffset(leaderEpoch, endOffset);
    if (offset < this.core.highWatermark) {
      throw new Error(`the controller has lost committed metadata: its log parts from this one at offset ${offset}`);
    }
    this.metadataLog.log.truncateTo(offset);
    this.core.step({ type: "appended", endOffset: offset });
    this.around.logger.info({ offset, leaderEpoch }, "the metadata log was cut where it diverged");
  }

  private beginDownload(id: SnapshotId): void {
    this.endDownload();
    this.download = this.metadataLog.snapshots.create(id);
  }

  private endDownload(): void {
    this.download?.discard();
    this.download = undefined;
  }
}

/** @throws KafkaError when it is another cluster's controller: trying on would bring nothing. */
function refusedWith(errorCode: number): Next {
  if (errorCode !== ErrorCode.INCONSISTENT_CLUSTER_ID) return FIND_LEADER;
  throw new KafkaError(errorCode, "the controller belongs to another cluster");
}
