/** An observer of a controller in the same process: what it asks goes through the codec, what it gets is good for a turn. */
import { BrokerConfigLayers } from "../../../broker/config/broker-config-layers.ts";
import type { ClusterDelta, ClusterImage } from "../../../cluster/metadata/cluster-image.ts";
import type { MetadataLog } from "../../../cluster/raft/metadata-log.ts";
import { MetadataObserver } from "../../../cluster/raft/metadata-observer.ts";
import type { ObserverChannel } from "../../../cluster/raft/observer-channel.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../../protocol/schema/message.ts";
import { type ControllerBench, type Machine, machine, openTestLog, settled } from "./controller-bench.ts";
import { CLUSTER_ID, uuid } from "./decision-bench.ts";

export interface ObserverBenchOptions {
  readonly machine?: Machine;
  readonly nodeId?: number;
  readonly clusterId?: string;
  readonly configs?: Readonly<Record<string, string>>;
  readonly cleanShutdown?: boolean;
}

/** Requests to whichever controller is reachable at the moment. */
export class DirectChannel implements ObserverChannel {
  controller: ControllerBench | undefined;
  /** Names of the requests sent so far. */
  readonly sent: string[] = [];
  /** May change an answer on its way. */
  onTheWay: ((answer: unknown) => void) | undefined;
  leader: { readonly id: number; readonly port: number | undefined } | undefined;

  constructor(controller: ControllerBench | undefined) {
    this.controller = controller;
  }

  async send<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
    leaderId: number | undefined,
  ): Promise<Decode<Res>> {
    this.sent.push(`${api.name} ${leaderId ?? "anyone"}`);
    const { controller } = this;
    if (controller === undefined) throw new Error("no connection");
    const answer = await controller.send(api, version, request);
    if (this.controller !== controller) throw new Error("the connection broke");
    this.onTheWay?.(answer);
    const bytes: Buffer[] = [];
    collectBytes(answer, bytes);
    setImmediate(() => {
      for (const each of bytes) each.fill(0xee);
    });
    return answer;
  }

  leaderIs(id: number, address: { readonly host: string; readonly port: number } | undefined): void {
    this.leader = { id, port: address?.port };
  }
}

export class ObserverBench {
  readonly machine: Machine;
  readonly observer: MetadataObserver;
  readonly channel: DirectChannel;
  readonly log: MetadataLog;
  readonly deltas: ClusterDelta[] = [];
  failure: unknown;
  private readonly options: ObserverBenchOptions;

  private constructor(around: Machine, log: MetadataLog, channel: DirectChannel, options: ObserverBenchOptions) {
    const { nodeId = 5, clusterId = CLUSTER_ID, configs = {} } = options;
    const { settings } = new BrokerConfigLayers(new Map(Object.entries(configs)));
    this.machine = around;
    this.log = log;
    this.channel = channel;
    this.options = options;
    this.observer = new MetadataObserver(around, log, channel, {
      nodeId,
      clusterId,
      directoryId: uuid(`observer-${nodeId}`),
      settings,
    });
    this.observer.copy.onDelta = (delta) => this.deltas.push(delta);
    this.observer.onFailure = (error) => {
      this.failure = error;
    };
  }

  /** Started, on the clock of the controller it follows. */
  static async following(controller: ControllerBench, options: ObserverBenchOptions = {}): Promise<ObserverBench> {
    const around = options.machine ?? machine({ clock: controller.machine.clock });
    return ObserverBench.started(new DirectChannel(controller), { ...options, machine: around });
  }

  static async started(
    channel: DirectChannel,
    options: ObserverBenchOptions & { readonly machine: Machine },
  ): Promise<ObserverBench> {
    const { settings } = new BrokerConfigLayers(new Map(Object.entries(options.configs ?? {})));
    const log = await settled(
      options.machine.clock,
      openTestLog(options.machine, settings, options.cleanShutdown ?? false),
    );
    const bench = new ObserverBench(options.machine, log, channel, options);
    await settled(options.machine.clock, bench.observer.start());
    return bench;
  }

  get image(): ClusterImage {
    return this.observer.copy.image;
  }

  /** Another process on the same disk. */
  async restarted(how: "kill" | "stop" = "kill", channel = this.channel): Promise<ObserverBench> {
    await settled(this.machine.clock, this.observer.stop());
    if (how === "stop") await this.log.log.close();
    else this.log.log.abandon();
    return ObserverBench.started(channel, { ...this.options, machine: this.machine, cleanShutdown: how === "stop" });
  }

  async stop(): Promise<void> {
    await settled(this.machine.clock, this.observer.stop());
    await this.log.log.close();
  }

  /** Turns the loop until a condition holds; time passes only while nothing else happens. */
  async until(condition: () => boolean): Promise<void> {
    for (let turns = 0; !condition(); turns++) {
      if (turns > 5000) throw new Error("it does not come");
      await new Promise((resolve) => setImmediate(resolve));
      this.machine.clock.advance(turns % 10 === 9 ? 10 : 0);
    }
  }

  /** Until it has applied what the controller has committed. */
  caughtUp(controller: ControllerBench): Promise<void> {
    return this.until(() => this.image.offset === controller.controller.image.offset);
  }
}

/** Every buffer in a decoded message. */
function collectBytes(value: unknown, found: Buffer[]): void {
  if (Buffer.isBuffer(value)) found.push(value);
  else if (Array.isArray(value)) for (const each of value) collectBytes(each, found);
  else if (typeof value === "object" && value !== null)
    for (const each of Object.values(value)) collectBytes(each, found);
}
