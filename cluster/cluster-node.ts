/**
 * One node of a cluster in this process, through all its lives: started, stopped, killed, started again.
 *
 * Owns: which life is the present one, and that a dead one touches nothing. Leaves to BrokerServer: what a life does.
 * The ports of the first life stay those of the later ones.
 */
import type { BrokerConfigLayers } from "../broker/config/broker-config-layers.ts";
import { listenersOf } from "../broker/config/listeners.ts";
import type { LoggerLevels } from "../broker/config/logger-levels.ts";
import type { RequestInterceptor } from "../broker/dispatch/dispatcher.ts";
import type { Address } from "../broker/network/network.ts";
import type { Clock } from "../storage/clock.ts";
import type { NodeListener } from "./broker-listeners.ts";
import { BrokerServer, type BrokerServerOptions } from "./broker-server.ts";
import type { Environment } from "./environment.ts";
import { Incarnation } from "./incarnation.ts";
import type { ManagedNode, ReplicaMarks } from "./managed-node.ts";
import { replicaMarks } from "./replica-marks.ts";

export type NodeState = "stopped" | "starting" | "running" | "paused" | "stopping" | "failed";

export interface ClusterNodeOptions {
  /** What its lives stand on: its disk, above all. */
  readonly environment: Environment;
  /** The settings of a life; made anew for each, as a restart reads its file again. */
  config(): BrokerConfigLayers;
  readonly loggerLevels: LoggerLevels;
  readonly clusterId: string;
  readonly listeners: readonly NodeListener[];
  readonly link: (
    environment: Environment,
    config: BrokerConfigLayers,
    ...rest: Parameters<BrokerServerOptions["link"]>
  ) => ReturnType<BrokerServerOptions["link"]>;
  readonly hooks?: Pick<
    BrokerServerOptions,
    "observePartition" | "onApplied" | "onUnexpectedError" | "onClientTelemetry"
  >;
  /** Faults of the requests of a life. */
  readonly requestFaults?: ((clock: Clock) => RequestInterceptor) | undefined;
  /** False while the cluster has no controller, which a node that leaves would ask in vain. */
  hasController?(): boolean;
  readonly onFailure: (error: Error) => void;
  /** After a kill; with the power everything goes that was not synced. */
  readonly crashDisk?: (options: { readonly powerLoss: boolean }) => void;
}

export class ClusterNode implements ManagedNode {
  readonly id: number;
  private readonly options: ClusterNodeOptions;
  private listeners: readonly NodeListener[];
  private incarnation: Incarnation | undefined;
  private server: BrokerServer | undefined;
  private current: NodeState = "stopped";
  /** The orderly end that is under way. */
  private stopping: Promise<void> | undefined;
  /** Told when the life that is stopping is over. */
  private whenEnded: (() => void) | undefined;

  constructor(id: number, options: ClusterNodeOptions) {
    this.id = id;
    this.options = options;
    this.listeners = options.listeners;
  }

  get processId(): undefined {
    return undefined;
  }

  get state(): NodeState {
    return this.current === "running" && this.isPaused ? "paused" : this.current;
  }

  /** Started, and neither stopped nor killed since. */
  get hasLife(): boolean {
    return this.incarnation !== undefined;
  }

  /** Stands still: nothing of it runs until it is resumed. */
  get isPaused(): boolean {
    return this.incarnation?.isPaused === true;
  }

  /** The broker of the present life, which may be paused; undefined while there is none. */
  get running(): BrokerServer | undefined {
    return this.current === "running" ? this.server : undefined;
  }

  /** The same from the moment it is there, while it starts and while it stops. */
  get present(): BrokerServer | undefined {
    return this.server;
  }

  /** What clients are told; empty before the first start. */
  get addresses(): readonly Address[] {
    return this.listeners.flatMap(({ advertised }) =>
      advertised?.port === undefined ? [] : [{ host: advertised.host, port: advertised.port }],
    );
  }

  /** Starts a life; resolves when it serves. @throws what made it impossible; nothing is left open then. */
  async start(): Promise<void> {
    if (this.current !== "stopped" && this.current !== "failed") throw new Error(`node ${this.id} is ${this.current}`);
    this.current = "starting";
    const incarnation = new Incarnation(this.options.environment);
    this.incarnation = incarnation;
    const { environment } = incarnation;
    const config = this.options.config();
    const { requestFaults } = this.options;
    try {
      const server = await BrokerServer.open({
        environment,
        config,
        loggerLevels: this.options.loggerLevels,
        clusterId: this.options.clusterId,
        listeners: this.listeners,
        interBrokerListener: listenersOf(config.settings).interBrokerName,
        link: (logs, around) => this.options.link(environment, config, logs, around),
        ...this.options.hooks,
        ...(requestFaults === undefined ? {} : { requestFaults: requestFaults(environment.clock) }),
        onFailure: (error) => {
          if (this.incarnation === incarnation) this.failed(error);
        },
      });
      this.server = server;
      await server.start();
      // Killed while it started: the kill has settled everything.
      if (this.incarnation !== incarnation) return;
      this.keepPorts(server);
      this.current = "running";
    } catch (error) {
      if (this.incarnation !== incarnation) return;
      this.end("failed");
      throw error;
    }
  }

  /**
   * Leaves in good order: leadership moves away, logs are closed clean. A paused node goes on first; one that is killed meanwhile has
   * stopped. @throws what kept it from that; it has failed then.
   */
  async stop(): Promise<void> {
    const { server, incarnation } = this;
    await incarnation?.resume();
    if (this.current === "running" && server !== undefined) {
      this.current = "stopping";
      const killed = new Promise<void>((resolve) => {
        this.whenEnded = resolve;
      });
      const stopped = server.stop(this.options.hasController?.()).then(
        () => {
          if (this.incarnation === incarnation) this.end("stopped");
        },
        (error: unknown) => {
          // Killed while it stopped: the kill has settled everything.
          if (this.incarnation !== incarnation) return;
          this.whenEnded = undefined;
          this.end("failed");
          throw error;
        },
      );
      // What a killed life was about to do never comes to its end.
      this.stopping = Promise.race([stopped, killed]);
    }
    await this.stopping;
  }

  /**
   * Ends the life as SIGKILL ends a process: sockets are reset, nothing more is written or answered. What was written survives on
   * every disk; with `powerLoss` only what was synced.
   */
  kill(options: { readonly powerLoss?: boolean } = {}): Promise<void> {
    if (this.incarnation === undefined) return Promise.resolve();
    this.end("stopped");
    this.options.crashDisk?.({ powerLoss: options.powerLoss === true });
    return Promise.resolve();
  }

  /**
   * Stands still as SIGSTOP makes a process: sockets stay open and unread, connects succeed, timers fire late.
   * @throws Error there is no life to pause.
   */
  async pause(reason?: string): Promise<void> {
    if (this.incarnation === undefined) throw new Error(`node ${this.id} is ${this.current}`);
    this.incarnation.pause(reason);
  }

  /** Goes on after a pause, with all that came meanwhile; does nothing otherwise. */
  async resume(reason?: string): Promise<void> {
    await this.incarnation?.resume(reason);
  }

  /** The listeners, with the ports of the first life. */
  get listensAt(): readonly NodeListener[] {
    return this.listeners;
  }

  get appliedOffset(): number {
    return this.running?.broker.image.offset ?? -1;
  }

  get partitionCount(): number {
    return this.running === undefined ? 0 : [...this.running.broker.partitions.all()].length;
  }

  leads(topic: string, partition: number): boolean {
    return this.present?.broker.partitions.get(topic, partition)?.isLeader === true;
  }

  highWatermarkOf(topic: string, partition: number): number | undefined {
    return this.running?.broker.partitions.get(topic, partition)?.log.highWatermark;
  }

  async marksOf(topic: string): Promise<ReadonlyMap<number, ReplicaMarks> | undefined> {
    const { running } = this;
    return running === undefined ? undefined : replicaMarks(running.broker, topic);
  }

  /** They are looked at where they strike. */
  applyFaults(): Promise<void> {
    return Promise.resolve();
  }

  /** Starts again, after a kill or a stop; a running node is stopped first. */
  async restart(): Promise<void> {
    if (this.current === "running" || this.current === "stopping") await this.stop();
    await this.start();
  }

  private end(state: NodeState): void {
    this.current = state;
    this.whenEnded?.();
    this.whenEnded = undefined;
    this.stopping = undefined;
    const { incarnation } = this;
    this.incarnation = undefined;
    this.server = undefined;
    incarnation?.kill();
  }

  private failed(error: Error): void {
    this.end("failed");
    this.options.onFailure(error);
  }

  /** Clients know the ports of the first life. */
  private keepPorts(server: BrokerServer): void {
    const opened = new Map(server.listeners.endpoints.map(({ name, port }) => [name, port]));
    this.listeners = this.listeners.map((listener) => {
      const bound = server.listeners.portOf(listener.name) ?? listener.port;
      const { advertised } = listener;
      if (advertised === undefined) return { ...listener, port: bound };
      return { ...listener, port: bound, advertised: { ...advertised, port: opened.get(listener.name) ?? bound } };
    });
  }
}
