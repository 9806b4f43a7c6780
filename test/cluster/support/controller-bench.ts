/** A controller with a disk and a clock of its own, asked as a client on its listener would ask: through the codec. */
import { BrokerConfigLayers } from "../../../broker/config/broker-config-layers.ts";
import { NodeConfigSchema } from "../../../broker/config/config-schema.ts";
import { Controller } from "../../../cluster/controller/controller.ts";
import { featureLevelRecords } from "../../../cluster/metadata/bootstrap-checkpoint.ts";
import { DEFAULT_FEATURE_LEVELS, FEATURES } from "../../../cluster/metadata/features.ts";
import type { MetadataRecord } from "../../../cluster/metadata/metadata-record.ts";
import type { MetadataLog } from "../../../cluster/raft/metadata-log.ts";
import { openMetadataLog } from "../../../cluster/raft/open-metadata-log.ts";
import { BrokerHeartbeat, BrokerRegistration } from "../../../protocol/messages/broker-lifecycle.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import { decode, encodeToBuffer } from "../../../protocol/schema/codec.ts";
import type { Decode, Encode, Message } from "../../../protocol/schema/message.ts";
import type { Disk } from "../../../storage/disk.ts";
import {
  DEFAULT_MAX_DECOMPRESSED_BYTES,
  DEFAULT_PRODUCER_LIMITS,
  type LogSurroundings,
} from "../../../storage/log/log-surroundings.ts";
import { TailBudget } from "../../../storage/log/tail-budget.ts";
import { type Logger, SILENT_LOGGER } from "../../../storage/logger.ts";
import { MemoryDisk } from "../../../storage/memory-disk.ts";
import { BufferPool } from "../../../storage/shared-buffer.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { CLUSTER_ID, uuid } from "./decision-bench.ts";

export const METADATA_DIRECTORY = "/data";
export const METADATA_LOG_PATH = `${METADATA_DIRECTORY}/__cluster_metadata-0`;

export interface Machine extends LogSurroundings {
  readonly clock: ManualClock;
}

export function machine({
  disk = new MemoryDisk() as Disk,
  clock = new ManualClock(),
  logger = SILENT_LOGGER as Logger,
} = {}): Machine {
  return {
    disk,
    clock,
    random: new SeededRandom(1),
    compute: { run: async (task) => task.run(), close: async () => {} },
    logger,
    tailBudget: new TailBudget(16 << 20, new BufferPool({ maxIdleBytes: 16 << 20, poison: true })),
    producerLimits: DEFAULT_PRODUCER_LIMITS,
    maxDecompressedBytes: DEFAULT_MAX_DECOMPRESSED_BYTES,
  };
}

export interface ControllerBenchOptions {
  readonly machine?: Machine;
  readonly clusterId?: string;
  readonly nodeId?: number;
  readonly configs?: Readonly<Record<string, string>>;
  readonly bootstrapRecords?: readonly MetadataRecord[];
  readonly cleanShutdown?: boolean;
  /** Of the metadata; METADATA_DIRECTORY when left out. */
  readonly directory?: string;
}

export class ControllerBench {
  readonly machine: Machine;
  readonly controller: Controller;
  readonly settings: BrokerConfigLayers["settings"];
  private readonly options: ControllerBenchOptions;

  constructor(options: ControllerBenchOptions = {}) {
    const { clusterId = CLUSTER_ID, nodeId = 100, configs = {}, cleanShutdown = false } = options;
    const layers = new BrokerConfigLayers(new Map(Object.entries(configs)));
    this.options = options;
    this.settings = layers.settings;
    this.machine = options.machine ?? machine();
    this.controller = new Controller(this.machine, {
      identity: {
        nodeId,
        clusterId,
        directoryId: uuid("metadata-dir"),
        endpoints: () => [{ name: "CONTROLLER", host: "127.0.0.1", port: 9093, securityProtocol: 0 }],
      },
      settings: layers.settings,
      configs: new NodeConfigSchema(layers),
      openLog: () => openTestLog(this.machine, layers.settings, cleanShutdown, options.directory),
      bootstrapRecords: options.bootstrapRecords ?? featureLevelRecords(DEFAULT_FEATURE_LEVELS),
    });
  }

  static async started(options: ControllerBenchOptions = {}): Promise<ControllerBench> {
    const bench = new ControllerBench(options);
    await bench.settled(bench.controller.start());
    return bench;
  }

  /** Another process on the same disk. */
  async restarted(how: "kill" | "stop" = "kill", changes: ControllerBenchOptions = {}): Promise<ControllerBench> {
    if (how === "kill") this.controller.kill();
    else await this.settled(this.controller.stop());
    const options = { ...this.options, machine: this.machine, cleanShutdown: how === "stop", ...changes };
    return ControllerBench.started(options);
  }

  /** Turns the loop, without time passing, until it is done. */
  settled<T>(promise: Promise<T>): Promise<T> {
    return settled(this.machine.clock, promise);
  }

  send<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
    forwarded = false,
  ): Promise<Decode<Res>> {
    const asked = decode(api.request, version, encodeToBuffer(api.request, version, request));
    return new Promise((resolve, reject) => {
      this.controller
        .handle(api, version, asked, { listenerName: "CONTROLLER", forwarded })
        .onComplete((answer, whenSent) => {
          if (typeof answer === "symbol") reject(new Error("no answer"));
          else resolve(decode(api.response, version, Buffer.from(encodeToBuffer(api.response, version, answer))));
          whenSent?.();
        }, reject);
    });
  }

  async register(brokerId: number, changes: Partial<Encode<typeof BrokerRegistration.request>> = {}): Promise<number> {
    const { errorCode, brokerEpoch } = await this.send(BrokerRegistration, 4, {
      brokerId,
      clusterId: this.options.clusterId ?? CLUSTER_ID,
      incarnationId: uuid(`incarnation-${brokerId}`),
      listeners: [{ name: "PLAINTEXT", host: "127.0.0.1", port: 9000 + brokerId, securityProtocol: 0 }],
      features: FEATURES.map(({ name, min, max }) => ({ name, minSupportedVersion: min, maxSupportedVersion: max })),
      rack: null,
      isMigratingZkBroker: false,
      logDirs: [uuid(`directory-${brokerId}`)],
      previousBrokerEpoch: -1,
      ...changes,
    });
    if (errorCode !== 0) throw new Error(`registration of ${brokerId}: ${errorCode}`);
    return brokerEpoch;
  }

  heartbeat(brokerId: number, changes: Partial<Encode<typeof BrokerHeartbeat.request>> = {}) {
    const { image } = this.controller;
    return this.send(BrokerHeartbeat, 1, {
      brokerId,
      brokerEpoch: image.brokers.get(brokerId)?.brokerEpoch ?? -1,
      currentMetadataOffset: image.offset,
      wantFence: false,
      wantShutDown: false,
      ...changes,
    });
  }

  /** Registers and unfences brokers. */
  async brokers(...ids: number[]): Promise<void> {
    for (const id of ids) {
      await this.register(id);
      await this.heartbeat(id);
    }
  }
}

export function openTestLog(
  around: Machine,
  settings: BrokerConfigLayers["settings"],
  cleanShutdown = false,
  directory = METADATA_DIRECTORY,
): Promise<MetadataLog> {
  return openMetadataLog(around, {
    directory,
    directoryId: uuid("metadata-dir"),
    settings,
    cleanShutdown,
  });
}

/** Turns the loop of a clock that stands still until a promise is settled. */
export async function settled<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let done = false;
  const end = (): void => {
    done = true;
  };
  promise.then(end, end);
  for (let turns = 0; !done; turns++) {
    if (turns > 100_000) throw new Error("nothing comes to an end here");
    clock.advance(0);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return promise;
}
