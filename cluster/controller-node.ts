/**
 * The controller of a cluster of several nodes: a node of its own, with an id, a directory and a listener of its own, so that
 * killing any broker never takes it down.
 */
import type { BrokerConfigLayers } from "../broker/config/broker-config-layers.ts";
import type { RequestInterceptor } from "../broker/dispatch/dispatcher.ts";
import type { Address } from "../broker/network/network.ts";
import type { Clock } from "../storage/clock.ts";
import type { Controller } from "./controller/controller.ts";
import { ControllerServer } from "./controller-server.ts";
import type { Environment } from "./environment.ts";
import { Incarnation } from "./incarnation.ts";
import type { ClusterDelta } from "./metadata/cluster-image.ts";

export interface ControllerNodeOptions {
  readonly environment: Environment;
  config(): BrokerConfigLayers;
  readonly clusterId: string;
  readonly directory: string;
  readonly host: string;
  readonly fastDetection: boolean;
  /** Faults of the requests of a life. */
  readonly requestFaults?: ((clock: Clock) => RequestInterceptor) | undefined;
  /** Told of every change as it is committed. */
  readonly onCommit: (delta: ClusterDelta) => void;
  readonly crashDisk?: (options: { readonly powerLoss: boolean }) => void;
}

export class ControllerNode {
  private readonly options: ControllerNodeOptions;
  private incarnation: Incarnation | undefined;
  private server: ControllerServer | undefined;
  private listensAt: Address | undefined;

  constructor(options: ControllerNodeOptions) {
    this.options = options;
  }

  get isRunning(): boolean {
    return this.server !== undefined;
  }

  /** Undefined while it is down. */
  get controller(): Controller | undefined {
    return this.server?.controller;
  }

  /** Where brokers reach it; the same in every life. @throws Error before the first start. */
  get address(): Address {
    if (this.listensAt === undefined) throw new Error("the controller has never been started");
    return this.listensAt;
  }

  async start(): Promise<void> {
    if (this.incarnation !== undefined) throw new Error("the controller runs");
    const incarnation = new Incarnation(this.options.environment);
    this.incarnation = incarnation;
    try {
      const { clusterId, directory, host, fastDetection, requestFaults } = this.options;
      const server = await ControllerServer.start({
        environment: incarnation.environment,
        config: this.options.config(),
        ...{ clusterId, directory, host, fastDetection, port: this.listensAt?.port ?? 0 },
        faults: requestFaults?.(incarnation.environment.clock),
        onCommit: (delta) => this.options.onCommit(delta),
      });
      if (this.incarnation !== incarnation) return;
      this.server = server;
      this.listensAt = server.address;
    } catch (error) {
      incarnation.kill();
      if (this.incarnation !== incarnation) return;
      this.incarnation = undefined;
      throw error;
    }
  }

  async stop(): Promise<void> {
    const { server, incarnation } = this;
    if (server === undefined) return;
    await incarnation?.resume();
    this.server = undefined;
    await server.stop();
    incarnation?.kill();
    if (this.incarnation === incarnation) this.incarnation = undefined;
  }

  /** As SIGKILL; see ClusterNode.kill. */
  kill(options: { readonly powerLoss?: boolean } = {}): void {
    const { incarnation } = this;
    if (incarnation === undefined) return;
    this.incarnation = undefined;
    this.server = undefined;
    incarnation.kill();
    this.options.crashDisk?.({ powerLoss: options.powerLoss === true });
  }

  get isPaused(): boolean {
    return this.incarnation?.isPaused === true;
  }

  /** See ClusterNode.pause. @throws Error it does not run. */
  pause(reason?: string): void {
    if (this.incarnation === undefined) throw new Error("the controller does not run");
    this.incarnation.pause(reason);
  }

  async resume(reason?: string): Promise<void> {
    await this.incarnation?.resume(reason);
  }

  /** "host:port"; undefined before the first start. */
  get listens(): string | undefined {
    return this.listensAt === undefined ? undefined : `${this.listensAt.host}:${this.listensAt.port}`;
  }

  get hasLife(): boolean {
    return this.incarnation !== undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }
}
