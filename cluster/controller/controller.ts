/**
 * The controller: an event-sourced machine over the metadata log (KIP-500, KIP-631).
 *
 * Owns: the order of things: decide, append, replay, and answer once it is committed; and that a failing disk makes it step down
 * and come back from the log. Leaves what is decided to the decisions, the log and its replicas to cluster/raft, requests to
 * handlers/.
 * Invariant: memory is what the log says, nothing is answered that a restart could forget.
 */

import type { NodeConfigSchema } from "../../broker/config/config-schema.ts";
import type { Later } from "../../broker/dispatch/answer.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Api } from "../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import type { Clock, Timer } from "../../storage/clock.ts";
import type { Disk } from "../../storage/disk.ts";
import type { Logger } from "../../storage/logger.ts";
import { type Random, randomUuid } from "../../storage/random.ts";
import { type ClusterDelta, type ClusterImage, emptyImage } from "../metadata/cluster-image.ts";
import { differenceOf } from "../metadata/metadata-loader.ts";
import type { MetadataRecord } from "../metadata/metadata-record.ts";
import type { MetadataLog } from "../raft/metadata-log.ts";
import { MetadataQuorum } from "../raft/metadata-quorum.ts";
import type { QuorumIdentity } from "../raft/quorum-identity.ts";
import { SnapshotGenerator } from "../raft/snapshot-generator.ts";
import { activationRecords, ownRegistration } from "./activation.ts";
import { BrokerSessions } from "./broker-sessions.ts";
import { decideFence } from "./brokers/fence-broker.ts";
import { type Applied, CommitQueue } from "./commit-queue.ts";
import type { ControllerSettings } from "./controller-settings.ts";
import { ControllerState } from "./controller-state.ts";
import { ControllerTasks } from "./controller-tasks.ts";
import type { ControllerView } from "./controller-view.ts";
import { type Decision, MAX_RECORDS_PER_BATCH, splittable } from "./decision.ts";
import type { ControllerRequest } from "./handlers/controller-api.ts";
import { handleControllerRequest } from "./handlers/controller-apis.ts";
import { decidePreferredElections, decideUncleanElections } from "./replicas/elect-leaders.ts";

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

/** Everything that lasts as long as the log is good. */
interface Term {
  readonly quorum: MetadataQuorum;
  readonly state: ControllerState;
  readonly sessions: BrokerSessions;
  readonly commits: CommitQueue;
  readonly generator: SnapshotGenerator;
  readonly tasks: ControllerTasks;
}

/** After a failure the log is opened again after this long. */
const RESTART_MS = 1000;

export class Controller {
  private readonly around: ControllerSurroundings;
  private readonly options: ControllerOptions;
  private readonly incarnationId: string;
  private readonly listeners = new Set<(delta: ClusterDelta) => void>();
  private committed: ClusterImage;
  private term: Term | undefined;
  private active = false;
  private stopped = false;
  private restartTimer: Timer | undefined;

  constructor(around: ControllerSurroundings, options: ControllerOptions) {
    this.around = around;
    this.options = options;
    this.incarnationId = randomUuid(around.random);
    this.committed = emptyImage(options.identity.clusterId);
  }

  /** Whether it leads and answers. */
  get isActive(): boolean {
    return this.active;
  }

  /** The cluster as it is committed. */
  get image(): ClusterImage {
    return this.committed;
  }

  /** The quorum's own requests (Fetch, FetchSnapshot, DescribeQuorum); undefined while there is none. */
  get quorum(): MetadataQuorum | undefined {
    return this.term?.quorum;
  }

  /** Calls back with each change as it is committed, before whoever asked for it is answered. Returns what ends it. */
  onCommit(listener: (delta: ClusterDelta) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Reads the log, becomes its leader, and writes what the cluster starts from. @throws Error, DiskError, KafkaError. */
  async start(): Promise<void> {
    const { clock, disk, logger } = this.around;
    const { identity, settings, openLog } = this.options;
    const metadataLog = await openLog();
    const quorum = new MetadataQuorum({ disk, clock, logger }, metadataLog, identity);
    const term: Term = {
      quorum,
      state: new ControllerState(emptyImage(identity.clusterId)),
      sessions: new BrokerSessions(settings.brokerSessionTimeoutMs),
      commits: new CommitQueue(),
      generator: new SnapshotGenerator({ clock, logger }, metadataLog, settings, () => quorum.quorumRecords),
      tasks: this.makeTasks(),
    };
    this.term = term;
    quorum.onCommit = (highWatermark) => this.onCommitted(term, highWatermark);
    quorum.onFailure = () => this.stepDown(term);
    let loadedBytes = 0;
    try {
      await quorum.load({
        snapshot: ({ endOffset, leaderEpoch }, { records }) => {
          term.state.loadSnapshot(records, endOffset, leaderEpoch);
          term.generator.loaded();
        },
        batches: (batches) => {
          for (const batch of batches) {
            term.state.replay(batch);
            loadedBytes += batch.sizeBytes;
          }
        },
      });
      const first = await quorum.lead();
      term.state.replay(first);
      // What listeners held before stays theirs: they are told of the difference.
      const delta = differenceOf(this.committed, term.state.image);
      this.publish({ delta, sizeBytes: loadedBytes + first.sizeBytes, timestamp: first.timestamp });
      await this.activate(term);
    } catch (error) {
      this.endTerm(term);
      metadataLog.log.abandon();
      throw error;
    }
  }

  /** Ends in good order: the log is closed clean. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.restartTimer?.cancel();
    const { term } = this;
    if (term === undefined) return;
    this.endTerm(term);
    await term.generator.idle();
    await term.quorum.metadataLog.log.close();
  }

  /** Ends as a process that is killed: nothing more is written, said or answered. */
  kill(): void {
    this.stopped = true;
    this.restartTimer?.cancel();
    const { term } = this;
    if (term === undefined) return;
    this.endTerm(term);
    term.quorum.metadataLog.log.abandon();
  }

  /** Answers one request, whichever way it came. Never fails: errors are the API's own. */
  handle<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    apiVersion: number,
    request: Decode<Req>,
    context: Pick<ControllerRequest, "listenerName" | "forwarded">,
  ): Later<Encode<Res>> {
    return handleControllerRequest(api, request, { ...context, apiVersion, controller: this });
  }

  /**
   * Proof that a broker's process is gone (its listener refuses connections): its session ends and it is fenced, without an unclean
   * election. Another incarnation is not touched.
   */
  brokerIsDead(brokerId: number, brokerEpoch: number): void {
    if (!this.active) return;
    this.run((view) => decideFence(view, brokerId, brokerEpoch, { mayElectUncleanly: false }));
    this.term?.tasks.electUncleanlyLater();
  }

  /** Registers this controller's listeners, once they are open. */
  registerSelf(): void {
    if (!this.active) return;
    this.run((view) => splittable(ownRegistration(view.image, this.options.identity, this.incarnationId), undefined));
  }

  /** Decides, appends and replays at once; the response comes when it is committed. @throws KafkaError the decision's, NOT_CONTROLLER. */
  write<R>(decide: (view: ControllerView) => Decision<R>): Later<R> {
    const { term } = this;
    if (term === undefined || !this.active) throw new KafkaError(ErrorCode.NOT_CONTROLLER);
    return this.writeIn(term, decide);
  }

  /** What decisions read. @throws KafkaError NOT_CONTROLLER. */
  get view(): ControllerView {
    const { term } = this;
    if (term === undefined || !this.active) throw new KafkaError(ErrorCode.NOT_CONTROLLER);
    return this.viewOf(term);
  }

  get random(): Random {
    return this.around.random;
  }

  private viewOf({ state, sessions, quorum }: Term): ControllerView {
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

  private writeIn<R>(term: Term, decide: (view: ControllerView) => Decision<R>): Later<R> {
    const decision = decide(this.viewOf(term));
    const { records } = decision;
    for (let from = 0; from < records.length; from += MAX_RECORDS_PER_BATCH) {
      const batch = term.quorum.append(records.slice(from, from + MAX_RECORDS_PER_BATCH));
      const delta = term.state.replay(batch);
      if (delta === undefined) continue;
      const { sizeBytes, timestamp } = batch;
      term.commits.pushImage(term.quorum.endOffset, { delta, sizeBytes, timestamp });
    }
    const { endOffset } = term.quorum;
    term.sessions.apply(decision.sessions, this.around.clock.monotonicMs(), endOffset);
    // A decision that wrote nothing has read what may not be committed yet: it waits for that.
    return term.commits.answerAt(endOffset, decision.response);
  }

  /** A decision that nobody waits for. */
  private run<R>(decide: (view: ControllerView) => Decision<R>): R | undefined {
    const { term } = this;
    if (term === undefined || !this.active) return undefined;
    let response: R | undefined;
    try {
      const later = this.writeIn(term, (view) => {
        const decision = decide(view);
        response = decision.response;
        return decision;
      });
      later.onComplete(ignore, ignore);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.around.logger.warn({ error }, "the controller could not do what it has to");
    }
    return response;
  }

  private async activate(term: Term): Promise<void> {
    const { bootstrapRecords, configs, identity } = this.options;
    const bootstrap = this.writeIn(term, ({ image }) =>
      splittable(
        activationRecords(image, term.state.transactionStartOffset !== undefined, bootstrapRecords, configs),
        undefined,
      ),
    );
    const registration = this.writeIn(term, ({ image }) =>
      splittable(ownRegistration(image, identity, this.incarnationId), undefined),
    );
    await committed(bootstrap);
    await committed(registration);
    const nowMs = this.around.clock.monotonicMs();
    for (const { id, brokerEpoch, fenced } of term.state.image.brokers.values()) {
      // Brokers that live go on as they are while they find this controller.
      if (!fenced) term.sessions.apply([{ type: "assumed", brokerId: id, brokerEpoch }], nowMs, term.quorum.endOffset);
    }
    this.active = true;
    term.tasks.start();
    this.around.logger.info(
      { leaderEpoch: term.quorum.leaderEpoch, offset: term.state.image.offset },
      "the controller is active",
    );
  }

  private onCommitted(term: Term, highWatermark: number): void {
    term.commits.commit(highWatermark, (applied) => this.publish(applied));
  }

  private publish({ delta, sizeBytes, timestamp }: Applied): void {
    this.committed = delta.image;
    for (const listener of this.listeners) listener(delta);
    this.term?.generator.applied(delta.image, sizeBytes, timestamp);
  }

  private makeTasks(): ControllerTasks {
    const { clock } = this.around;
    const { settings } = this.options;
    return new ControllerTasks(
      clock,
      {
        nextSessionExpiryMs: () => this.term?.sessions.nextExpiryMs(),
        fenceSilentBrokers: () => this.fenceSilentBrokers(),
        electPreferredLeaders: () => this.run(decidePreferredElections) ?? false,
        electUncleanLeaders: () => this.run(decideUncleanElections) ?? false,
      },
      {
        sessionTimeoutMs: settings.brokerSessionTimeoutMs,
        preferredElectionsMs: settings.autoLeaderRebalanceEnable
          ? settings.leaderImbalanceCheckIntervalSeconds * 1000
          : undefined,
        uncleanElectionsMs: settings.uncleanLeaderElectionIntervalMs,
      },
    );
  }

  private fenceSilentBrokers(): void {
    const expired = this.term?.sessions.expired(this.around.clock.monotonicMs()) ?? [];
    // One after the other: each election knows who else has gone.
    for (const { brokerId, brokerEpoch } of expired) {
      this.around.logger.warn({ brokerId, brokerEpoch }, "a broker is fenced: it has not been heard of");
      this.run((view) => decideFence(view, brokerId, brokerEpoch));
    }
  }

  /** The disk failed: what was decided and is not committed is in doubt, and only the log can tell. */
  private stepDown(term: Term): void {
    if (this.term !== term || !this.active) return;
    this.endTerm(term);
    term.quorum.metadataLog.log.abandon();
    this.around.logger.error({}, "the controller has stepped down");
    this.scheduleRestart();
  }

  private scheduleRestart(): void {
    if (this.stopped) return;
    this.restartTimer = this.around.clock.after(RESTART_MS, () => {
      this.start().catch((error: unknown) => {
        this.around.logger.error({ error }, "the controller could not start again");
        this.scheduleRestart();
      });
    });
  }

  private endTerm(term: Term): void {
    if (this.term !== term) return;
    this.term = undefined;
    this.active = false;
    term.tasks.stop();
    term.generator.stop();
    term.quorum.stop();
    term.commits.failAll(new KafkaError(ErrorCode.NOT_CONTROLLER));
  }
}

function ignore(): void {}

/** Fails as the Later fails. */
function committed(later: Later<unknown>): Promise<void> {
  return new Promise((resolve, reject) => later.onComplete(() => resolve(), reject));
}
