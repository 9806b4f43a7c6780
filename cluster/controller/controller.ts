/**
 * The controller: an event-sourced machine over the metadata log (KIP-500, KIP-631).
 *
 * Owns: that there is a term while the disk allows it, that a failing disk makes the controller step down and come back from the
 * log, and the image that everybody else may see: the committed one. Leaves deciding and writing to controller-term.ts, the log and
 * its replicas to cluster/raft, requests to handlers/.
 */
import type { Later } from "../../broker/dispatch/answer.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { Api } from "../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import type { Timer } from "../../storage/clock.ts";
import { type Random, randomUuid } from "../../storage/random.ts";
import { type ClusterDelta, type ClusterImage, emptyImage } from "../metadata/cluster-image.ts";
import type { MetadataQuorum } from "../raft/metadata-quorum.ts";
import { decideFence } from "./brokers/fence-broker.ts";
import { ControllerTasks } from "./controller-tasks.ts";
import { type ControllerOptions, type ControllerSurroundings, ControllerTerm } from "./controller-term.ts";
import type { ControllerView } from "./controller-view.ts";
import type { Decision } from "./decision.ts";
import type { ControllerRequest } from "./handlers/controller-api.ts";
import { handleControllerRequest } from "./handlers/controller-apis.ts";
import { decidePreferredElections, decideUncleanElections } from "./replicas/elect-leaders.ts";

/** After a failure the log is opened again after this long. */
const RESTART_MS = 1000;

export class Controller {
  private readonly around: ControllerSurroundings;
  private readonly options: ControllerOptions;
  private readonly incarnationId: string;
  private readonly tasks: ControllerTasks;
  private readonly listeners = new Set<(delta: ClusterDelta) => void>();
  private committed: ClusterImage;
  private term: ControllerTerm | undefined;
  private active = false;
  private stopped = false;
  private restartTimer: Timer | undefined;

  constructor(around: ControllerSurroundings, options: ControllerOptions) {
    this.around = around;
    this.options = options;
    this.incarnationId = randomUuid(around.random);
    this.tasks = this.makeTasks();
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
    const metadataLog = await this.options.openLog();
    if (this.stopped) {
      metadataLog.log.abandon();
      throw new KafkaError(ErrorCode.NOT_CONTROLLER);
    }
    const term = new ControllerTerm(this.around, this.options, metadataLog, this.incarnationId, ({ delta }) => {
      this.committed = delta.image;
      for (const listener of this.listeners) listener(delta);
    });
    term.onFailure = () => this.stepDown(term);
    this.term = term;
    try {
      await term.begin(this.committed);
    } catch (error) {
      this.leave(term);
      if (!this.stopped) metadataLog.log.abandon();
      throw error;
    }
    this.active = true;
    this.tasks.start();
  }

  /** Ends in good order: the log is closed clean. */
  async stop(): Promise<void> {
    const { term } = this;
    this.halt();
    if (term === undefined) return;
    await term.idle();
    await term.quorum.metadataLog.log.close();
  }

  /** Ends as a process that is killed: nothing more is written, said or answered. */
  kill(): void {
    const { term } = this;
    this.halt();
    term?.quorum.metadataLog.log.abandon();
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
    this.tasks.electUncleanlyLater();
  }

  /** Registers this controller's listeners, once they are open. */
  registerSelf(): void {
    if (this.active) this.term?.registerSelf().onComplete(ignore, ignore);
  }

  /** Decides, appends and replays at once; the response comes when it is committed. @throws KafkaError the decision's, NOT_CONTROLLER. */
  write<R>(decide: (view: ControllerView) => Decision<R>): Later<R> {
    return this.activeTerm().write(decide);
  }

  /** What decisions read. @throws KafkaError NOT_CONTROLLER. */
  get view(): ControllerView {
    return this.activeTerm().view;
  }

  get random(): Random {
    return this.around.random;
  }

  private activeTerm(): ControllerTerm {
    if (this.term === undefined || !this.active) throw new KafkaError(ErrorCode.NOT_CONTROLLER);
    return this.term;
  }

  /** A decision that nobody waits for; undefined when it could not be taken. */
  private run<R>(decide: (view: ControllerView) => Decision<R>): R | undefined {
    let response: R | undefined;
    try {
      const written = this.write((view) => {
        const decision = decide(view);
        response = decision.response;
        return decision;
      });
      written.onComplete(ignore, ignore);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.around.logger.warn({ error }, "the controller could not do what it has to");
    }
    return response;
  }

  private makeTasks(): ControllerTasks {
    const { settings } = this.options;
    return new ControllerTasks(
      this.around.clock,
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
  private stepDown(term: ControllerTerm): void {
    // While it starts, whoever started it is told.
    if (this.term !== term || !this.active) return;
    this.leave(term);
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

  private halt(): void {
    this.stopped = true;
    this.restartTimer?.cancel();
    if (this.term !== undefined) this.leave(this.term);
  }

  private leave(term: ControllerTerm): void {
    if (this.term === term) this.term = undefined;
    this.active = false;
    this.tasks.stop();
    term.end();
  }
}

function ignore(): void {}
