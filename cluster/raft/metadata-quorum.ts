/**
 * A voter of the metadata quorum: raft-core.ts with a log, files and those who fetch.
 *
 * Owns: that quorum-state is on the device before a vote or an epoch counts, that records are on the device before they count as
 * committed, in every durability mode, and that a failing disk ends it. Leaves to the controller: what records mean.
 */
import { strict as assert } from "node:assert";
import type { Answer } from "../../broker/dispatch/answer.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { FetchRequest, FetchResponse } from "../../protocol/messages/fetch.ts";
import type {
  DescribeQuorumRequest,
  DescribeQuorumResponse,
  FetchSnapshotRequest,
  FetchSnapshotResponse,
} from "../../protocol/messages/quorum.ts";
import type { Decode, Encode } from "../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../protocol/uuid.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Disk } from "../../storage/disk.ts";
import type { Logger } from "../../storage/logger.ts";
import type { PreparedAppend } from "../../storage/partition-log.ts";
import { type BatchRecord, writeBatch } from "../metadata/batch-writer.ts";
import { type ControlRecord, controlRecord } from "../metadata/control-records.ts";
import { encodeMetadataBatch, type MetadataBatch } from "../metadata/metadata-batch.ts";
import type { MetadataRecord } from "../metadata/metadata-record.ts";
import { BOOTSTRAP_SNAPSHOT_ID, type DecodedSnapshot, type SnapshotId } from "../metadata/snapshot-format.ts";
import { describeQuorum } from "./describe-quorum.ts";
import { LeaderFetch } from "./leader-fetch.ts";
import { handleFetchSnapshot } from "./leader-fetch-snapshot.ts";
import type { MetadataLog } from "./metadata-log.ts";
import type { QuorumIdentity, QuorumRequest } from "./quorum-identity.ts";
import { QuorumStateFile } from "./quorum-state-file.ts";
import { RaftCore, type RaftOutput } from "./raft-core.ts";

type VotersRecord = ControlRecord<"Voters">["data"];

export interface QuorumSurroundings {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Takes in what the log holds, in its order, before the node leads. */
export interface LogVisitor {
  snapshot(id: SnapshotId, content: DecodedSnapshot): void;
  batches(batches: readonly MetadataBatch[]): void;
}

export class MetadataQuorum {
  /** Called when more is committed, with the new high watermark. */
  onCommit: ((highWatermark: number) => void) | undefined;
  /** Called once when the disk failed: nothing is appended or committed any more. */
  onFailure: ((error: unknown) => void) | undefined;
  readonly metadataLog: MetadataLog;
  private readonly around: QuorumSurroundings;
  private readonly identity: QuorumIdentity;
  private readonly core: RaftCore;
  private readonly stateFile: QuorumStateFile;
  private readonly fetches: LeaderFetch;
  private voters: VotersRecord | undefined;
  private votersAreInLog = false;
  private level = 0;
  private syncing = false;
  private syncWanted = false;
  private ended = false;
  private leading: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;

  constructor(around: QuorumSurroundings, metadataLog: MetadataLog, identity: QuorumIdentity) {
    const { nodeId } = identity;
    this.around = around;
    this.metadataLog = metadataLog;
    this.identity = identity;
    this.core = new RaftCore({
      nodeId,
      fetchTimeoutMs: Number.POSITIVE_INFINITY,
    });
    this.stateFile = new QuorumStateFile(around.disk, metadataLog.log.path);
    this.fetches = new LeaderFetch({
      core: this.core,
      metadataLog,
      identity,
      clock: around.clock,
      logger: around.logger,
      carryOut: (output) => this.carryOut(output),
    });
  }

  get leaderEpoch(): number {
    return this.core.leaderEpoch;
  }

  /** What lies below is committed; -1 before the start of this epoch is. */
  get highWatermark(): number {
    return this.core.highWatermark;
  }

  get endOffset(): number {
    return this.metadataLog.endOffset;
  }

  /** kraft.version of this quorum. */
  get kraftVersion(): number {
    return this.level;
  }

  /** Control records that a snapshot of this log must repeat. */
  get quorumRecords(): readonly BatchRecord[] {
    if (this.level === 0) return [];
    const version = controlRecord("KRaftVersion", { version: 0, kRaftVersion: this.level });
    return this.voters === undefined ? [version] : [version, controlRecord("Voters", this.voters)];
  }

  /** Reads the newest snapshot and the log behind it. @throws CorruptMetadata, UnknownMetadataRecord, KafkaError. */
  async load(visitor: LogVisitor): Promise<void> {
    const { snapshots } = this.metadataLog;
    if (snapshots.has(BOOTSTRAP_SNAPSHOT_ID)) this.noteControls((await snapshots.load(BOOTSTRAP_SNAPSHOT_ID)).controls);
    let from = this.metadataLog.startOffset;
    const { latestSnapshot } = this.metadataLog;
    if (latestSnapshot !== undefined) {
      const content = await snapshots.load(latestSnapshot);
      this.noteControls(content.controls);
      this.votersAreInLog ||= this.voters !== undefined;
      visitor.snapshot(latestSnapshot, content);
      from = latestSnapshot.endOffset;
    }
    for await (const batches of this.metadataLog.replay(from, this.endOffset)) {
      for (const { controls } of batches) {
        this.noteControls(controls);
        this.votersAreInLog ||= controls.some(({ type }) => type === "Voters");
      }
      visitor.batches(batches);
    }
  }

  /**
   * Elects this node, its own only voter. Resolves once the start of its epoch is committed (R68), with the batch that starts it.
   * @throws Error when others vote as well; DiskError, KafkaError.
   */
  async lead(): Promise<MetadataBatch> {
    const { clock } = this.around;
    const stored = this.stateFile.read();
    const others = this.voterIds(stored?.voterIds).filter((id) => id !== this.identity.nodeId);
    if (others.length > 0) {
      throw new Error(
        `the metadata directory belongs to a quorum of several voters: ${others.join(", ")} besides this one`,
      );
    }
    this.core.step({ type: "appended", endOffset: this.endOffset });
    const output = this.core.step({
      type: "started",
      voters: [{ id: this.identity.nodeId, directoryId: this.ownDirectoryId() }],
      stored,
      logEpoch: this.metadataLog.lastEpoch,
      nowMs: clock.monotonicMs(),
    });
    assert(output.persist !== undefined && output.startEpoch !== undefined, "the only voter becomes leader");
    await this.stateFile.write(output.persist, this.core.voters, this.level);
    if (this.ended) throw new Error("the quorum was stopped before it had a leader");
    const batch = this.startEpoch(output.startEpoch);
    await new Promise<void>((resolve, reject) => {
      this.leading = { resolve, reject };
    });
    return batch;
  }

  /**
   * Appends records as one batch; they are committed when onCommit says so.
   * @throws KafkaError POLICY_VIOLATION when they are too large for one: nothing was appended. KAFKA_STORAGE_ERROR: nothing was
   * appended, and nothing more will be.
   */
  append(records: readonly MetadataRecord[]): MetadataBatch {
    assert(records.length > 0, "an append without records");
    const header = this.header();
    const bytes = encodeMetadataBatch(header, records);
    if (bytes.length > this.metadataLog.log.config.maxMessageBytes) {
      throw new KafkaError(ErrorCode.POLICY_VIOLATION, "Unable to perform excessively large batch operation.");
    }
    this.write(bytes, records.length, header.timestamp);
    return {
      ...header,
      lastOffset: this.endOffset - 1,
      sizeBytes: bytes.length,
      records,
      controls: [],
    };
  }

  fetch(request: Decode<typeof FetchRequest>, info: QuorumRequest): Answer<Encode<typeof FetchResponse>> {
    return this.fetches.handle(request, info);
  }

  fetchSnapshot(
    request: Decode<typeof FetchSnapshotRequest>,
    info: QuorumRequest,
  ): Answer<Encode<typeof FetchSnapshotResponse>> {
    const { core, metadataLog, identity } = this;
    return handleFetchSnapshot({ core, metadataLog, identity, logger: this.around.logger }, request, info);
  }

  describe(request: Decode<typeof DescribeQuorumRequest>, apiVersion: number): Encode<typeof DescribeQuorumResponse> {
    return describeQuorum(this.core, this.identity, this.around.clock, request, apiVersion);
  }

  /** Ends it; what was appended and is not committed stays in doubt. The log is the caller's to close. */
  stop(): void {
    this.ended = true;
    this.fetches.stop();
    this.leading?.reject(new Error("the quorum was stopped before it had a leader"));
    this.leading = undefined;
  }

  private startEpoch(leaderEpoch: number): MetadataBatch {
    const { log } = this.metadataLog;
    log.startLeaderEpoch(leaderEpoch);
    const offset = this.endOffset;
    const { nodeId } = this.identity;
    const version = this.level === 0 ? 0 : 1;
    const self = version === 0 ? { voterId: nodeId } : { voterId: nodeId, voterDirectoryId: this.ownDirectoryId() };
    const change = { version, leaderId: nodeId, voters: [self], grantingVoters: [self] };
    // The first leader of a dynamic quorum writes into the log what until then only the bootstrap snapshot holds.
    const records = [controlRecord("LeaderChange", change), ...(this.votersAreInLog ? [] : this.quorumRecords)];
    const header = this.header();
    this.core.step({ type: "epochStarted", offset });
    const bytes = writeBatch(header, records, true);
    this.write(bytes, records.length, header.timestamp);
    this.votersAreInLog = true;
    return { ...header, lastOffset: this.endOffset - 1, sizeBytes: bytes.length, records: [], controls: [] };
  }

  private header(): { baseOffset: number; leaderEpoch: number; timestamp: number } {
    return {
      baseOffset: this.endOffset,
      leaderEpoch: this.core.leaderEpoch,
      timestamp: this.around.clock.wallMs(),
    };
  }

  private write(records: Buffer, recordCount: number, timestamp: number): void {
    assert(!this.ended, "an append after the end");
    const prepared: PreparedAppend = {
      records,
      origin: "raftLeader",
      owner: undefined,
      recordCount,
      maxTimestamp: timestamp,
      logAppendTimeMs: -1,
    };
    try {
      this.metadataLog.log.append(prepared, { leaderEpoch: this.core.leaderEpoch });
    } catch (error) {
      this.fail(error);
      throw error;
    }
    this.carryOut(this.core.step({ type: "appended", endOffset: this.endOffset }));
    if (this.syncWanted) return;
    this.syncWanted = true;
    // What else is appended in this turn is synced with it.
    queueMicrotask(() => this.sync());
  }

  private sync(): void {
    if (this.syncing || this.ended) return;
    this.syncing = true;
    this.syncWanted = false;
    const { endOffset } = this;
    this.metadataLog.log.flush().then(
      () => {
        this.syncing = false;
        if (this.ended) return;
        this.carryOut(this.core.step({ type: "synced", endOffset }));
        if (this.syncWanted) this.sync();
      },
      (error: unknown) => this.fail(error),
    );
  }

  private carryOut({ apply }: RaftOutput): void {
    if (apply === undefined || this.ended) return;
    this.metadataLog.log.setHighWatermark(apply);
    this.leading?.resolve();
    this.leading = undefined;
    this.onCommit?.(apply);
    this.fetches.wake();
  }

  private fail(error: unknown): void {
    if (this.ended) return;
    this.around.logger.error({ error }, "the metadata log cannot be written any more");
    this.leading?.reject(error);
    this.stop();
    this.onFailure?.(error);
  }

  private noteControls(controls: readonly ControlRecord[]): void {
    for (const control of controls) {
      if (control.type === "KRaftVersion") this.level = control.data.kRaftVersion;
      else if (control.type === "Voters") this.voters = control.data;
    }
  }

  /** The directory this node votes with; a static quorum knows none. */
  private ownDirectoryId(): string {
    const own = this.voters?.voters.find(({ voterId }) => voterId === this.identity.nodeId);
    return own?.voterDirectoryId ?? ZERO_UUID;
  }

  private voterIds(stored: readonly number[] | undefined): readonly number[] {
    return this.voters?.voters.map(({ voterId }) => voterId) ?? stored ?? [];
  }
}
