/**
 * A controller from the opening of its log until the log fails or the node ends.
 *
 * Owns: the order of things: decide, append, replay, and answer once it is committed. Leaves what is decided to the decisions, when
 * deadlines are judged to controller-tasks.ts, what follows a failure to controller.ts.
 * Invariant: memory is what the log says, nothing is answered that a restart could forget.
 */
import type { NodeConfigSchema } from "../../broker/config/config-schema.ts";
import type { Later } from "../../broker/dispatch/answer.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Disk } from "../../storage/disk.ts";
import type { Logger } from "../../storage/logger.ts";
import type { Random } from "../../storage/random.ts";
import { type ClusterImage, emptyImage } from "../metadata/cluster-image.ts";
import { differenceOf } from "../metadata/metadata-loader.ts";
import type { MetadataRecord } from "../metadata/metadata-record.ts";
import type { MetadataLog } from "../raft/metadata-log.ts";
import { MetadataQuorum } from "../raft/metadata-quorum.ts";
import type { QuorumIdentity } from "../raft/quorum-identity.ts";
import { SnapshotGenerator } from "../raft/snapshot-generator.ts";
import { activationRecords, ownRegistration } from "./activation.ts";
import { BrokerSessions } from "./broker-sessions.ts";
import { type Applied, CommitQueue } from "./commit-queue.ts";
import type { ControllerSettings } from "./controller-settings.ts";
import { ControllerState } from "./controller-state.ts";
import type { ControllerView } from "./controller-view.ts";
import { type Decision, MAX_RECORDS_PER_BATCH, splittable } from "./decision.ts";

export interface ControllerSurroundings {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface ControllerOptions {
  readonly identity: QuorumIdentity;
  readonly settings: ControllerSettings;
  /** The tables of configs, over those of the controller's own node. */
  readonly configs: NodeConfigSchema;
  /** Opens the metadata log; again when the controller has stepped down. */
  readonly openLog: () => Promise<MetadataLog>;
  /** What an empty log begins with; see metadata/bootstrap-checkpoint.ts. */
  readonly bootstrapRecords: readonly MetadataRecord[];
}

export class ControllerTerm {
  readonly quorum: MetadataQuorum;
  readonly sessions: BrokerSessions;
  /** Called once when the log cannot be written any more; the term has ended then. */
  onFailure: (() => void) | undefined;
  private readonly around: ControllerSurroundings;
  private readonly options: ControllerOptions;
  private readonly incarnationId: string;
  private readonly state: ControllerState;
  private readonly commits = new CommitQueue();
  private readonly generator: SnapshotGenerator;
  private readonly publish: (applied: Applied) => void;
  private ended = false;

  /** @param publish told of each change as it is committed. */
  constructor(
    around: ControllerSurroundings,
    options: ControllerOptions,
    metadataLog: MetadataLog,
    incarnationId: string,
    publish: (applied: Applied) => void,
  ) {
    const { disk, clock, logger } = around;
    const { identity, settings } = options;
    const quorum = new MetadataQuorum({ disk, clock, logger }, metadataLog, identity);
    this.around = around;
    this.options = options;
    this.incarnationId = incarnationId;
    this.quorum = quorum;
    this.state = new ControllerState(emptyImage(identity.clusterId));
    this.sessions = new BrokerSessions(settings.brokerSessionTimeoutMs);
    this.generator = new SnapshotGenerator({ clock, logger }, metadataLog, settings, () => quorum.quorumRecords);
    this.publish = (applied) => {
      publish(applied);
      this.generator.applied(applied.delta.image, applied.sizeBytes, applied.timestamp);
    };
    quorum.onCommit = (highWatermark) => this.commits.commit(highWatermark, this.publish);
    quorum.onFailure = () => {
      this.end();
      this.onFailure?.();
    };
  }

  /**
   * Reads the log, becomes its leader, and writes what the cluster starts from.
   * @param known the image that listeners were told of last: they are told of the difference.
   * @throws Error, DiskError, KafkaError.
   */
  async begin(known: ClusterImage): Promise<void> {
    const { quorum, state } = this;
    let loadedBytes = 0;
    await quorum.load({
      snapshot: ({ endOffset, leaderEpoch }, { records }) => {
        state.loadSnapshot(records, endOffset, leaderEpoch);
        this.generator.loaded();
      },
      batches: (batches) => {
        for (const batch of batches) {
          state.replay(batch);
          loadedBytes += batch.sizeBytes;
        }
      },
    });
    this.checkGoesOn();
    const first = await quorum.lead();
    this.checkGoesOn();
    state.replay(first);
    const delta = differenceOf(known, state.image);
    this.publish({ delta, sizeBytes: loadedBytes + first.sizeBytes, timestamp: first.timestamp });
    await this.writeFirstRecords();
    this.assumeSessions();
    const { offset } = state.image;
    this.around.logger.info({ leaderEpoch: quorum.leaderEpoch, offset }, "the controller is active");
  }

  get view(): ControllerView {
    const { state, sessions, quorum } = this;
    const { identity, settings, configs } = this.options;
    return {
      image: state.image,
      partitions: state.partitions,
      topicNames: state.topicNames,
      registrationOffsets: state.registrationOffsets,
      sessions,
      settings,
      configs,
      nodeId: identity.nodeId,
      kraftVersion: quorum.kraftVersion,
      nextOffset: quorum.endOffset,
      nowMs: this.around.clock.monotonicMs(),
    };
  }

  /** Decides, appends and replays at once; the response comes when it is committed. @throws KafkaError. */
  write<R>(decide: (view: ControllerView) => Decision<R>): Later<R> {
    this.checkGoesOn();
    const { quorum, state } = this;
    const decision = decide(this.view);
    const { records } = decision;
    for (let from = 0; from < records.length; from += MAX_RECORDS_PER_BATCH) {
      const batch = quorum.append(records.slice(from, from + MAX_RECORDS_PER_BATCH));
      const delta = state.replay(batch);
      if (delta === undefined) continue;
      const { sizeBytes, timestamp } = batch;
      this.commits.pushImage(quorum.endOffset, { delta, sizeBytes, timestamp });
    }
    this.sessions.apply(decision.sessions, this.around.clock.monotonicMs(), quorum.endOffset);
    // A decision that wrote nothing has read what may not be committed yet: it waits for that.
    return this.commits.answerAt(quorum.endOffset, decision.response);
  }

  /** Registers this controller's listeners, unless they stand there or are not open yet. */
  registerSelf(): Later<undefined> {
    return this.write(({ image }) =>
      splittable(ownRegistration(image, this.options.identity, this.incarnationId), undefined),
    );
  }

  /** Whoever waits for an answer hears NOT_CONTROLLER. The log is the caller's to close. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.generator.stop();
    this.quorum.stop();
    this.commits.failAll(new KafkaError(ErrorCode.NOT_CONTROLLER));
  }

  /** Resolves when no snapshot is being written any more. */
  idle(): Promise<void> {
    return this.generator.idle();
  }

  private async writeFirstRecords(): Promise<void> {
    const { bootstrapRecords, configs } = this.options;
    const bootstrap = this.write(({ image }) =>
      splittable(
        activationRecords(image, this.state.transactionStartOffset !== undefined, bootstrapRecords, configs),
        undefined,
      ),
    );
    const registration = this.registerSelf();
    await Promise.all([committed(bootstrap), committed(registration)]);
  }

  /** Brokers that live go on as they are while they find this controller. */
  private assumeSessions(): void {
    const nowMs = this.around.clock.monotonicMs();
    for (const { id, brokerEpoch, fenced } of this.state.image.brokers.values()) {
      if (fenced) continue;
      this.sessions.apply([{ type: "assumed", brokerId: id, brokerEpoch }], nowMs, this.quorum.endOffset);
    }
  }

  private checkGoesOn(): void {
    if (this.ended) throw new KafkaError(ErrorCode.NOT_CONTROLLER);
  }
}

/** Fails as the Later fails. */
function committed(later: Later<unknown>): Promise<void> {
  return new Promise((resolve, reject) => later.onComplete(() => resolve(), reject));
}
