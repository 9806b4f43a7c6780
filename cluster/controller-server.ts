/**
 * One life of a controller: its directory, its metadata log, and, where it is a node of its own, its listener.
 *
 * Owns: claiming the directory, opening and closing in order, proof of death of brokers whose heartbeat connection breaks. Leaves
 * decisions to Controller.
 */
import type { BrokerConfigLayers } from "../broker/config/broker-config-layers.ts";
import { NodeConfigSchema } from "../broker/config/config-schema.ts";
import { Dispatcher, type RequestInterceptor } from "../broker/dispatch/dispatcher.ts";
import { ConnectionQuota } from "../broker/network/connection-quota.ts";
import { LimitedLog } from "../broker/network/limited-log.ts";
import type { Address } from "../broker/network/network.ts";
import { RequestListener } from "../broker/network/request-listener.ts";
import { RequestMemory } from "../broker/network/request-memory.ts";
import { UNKNOWN_BROKER_EPOCH } from "../storage/clean-shutdown-file.ts";
import {
  DEFAULT_MAX_DECOMPRESSED_BYTES,
  DEFAULT_PRODUCER_LIMITS,
  type LogSurroundings,
} from "../storage/log/log-surroundings.ts";
import { TailBudget } from "../storage/log/tail-budget.ts";
import { LogDirectory } from "../storage/log-directory.ts";
import { Controller } from "./controller/controller.ts";
import type { ControllerContext } from "./controller/handlers/controller-apis.ts";
import { CONTROLLER_HANDLERS } from "./controller-handlers.ts";
import type { Environment } from "./environment.ts";
import { DeadBrokers } from "./membership/dead-brokers.ts";
import { readBootstrapCheckpoint, writeBootstrapCheckpoint } from "./metadata/bootstrap-checkpoint.ts";
import type { ClusterDelta } from "./metadata/cluster-image.ts";
import { requestLimits } from "./node-memory.ts";
import { openMetadataLog } from "./raft/open-metadata-log.ts";
import type { QuorumEndpoint } from "./raft/quorum-identity.ts";

export const CONTROLLER_LISTENER = "CONTROLLER";
/** Newest metadata batches kept in memory for observers. */
const METADATA_TAIL_BYTES = 8 * 1024 * 1024;
const DRAIN_MS = 500;

export interface ControllerOfOptions {
  readonly environment: Environment;
  readonly config: BrokerConfigLayers;
  readonly clusterId: string;
  /** The metadata directory; locked and claimed by the caller. */
  readonly directory: string;
  readonly directoryId: string;
  readonly cleanShutdown: boolean;
  readonly endpoints: () => readonly QuorumEndpoint[];
}

/** A controller over a directory that is there. A new one is formatted as Kafka's tool would. @throws CorruptMetadata, DiskError. */
export async function controllerOf(options: ControllerOfOptions): Promise<Controller> {
  const { environment, config, clusterId, directory, directoryId, cleanShutdown, endpoints } = options;
  const { disk, clock, random, compute, logger, pool } = environment;
  let bootstrap = readBootstrapCheckpoint(disk, directory);
  if (bootstrap === undefined) {
    await writeBootstrapCheckpoint(disk, directory, clock.wallMs());
    bootstrap = readBootstrapCheckpoint(disk, directory) ?? [];
  }
  const around: LogSurroundings = {
    ...{ disk, clock, random, compute, logger },
    tailBudget: new TailBudget(METADATA_TAIL_BYTES, pool),
    producerLimits: DEFAULT_PRODUCER_LIMITS,
    maxDecompressedBytes: DEFAULT_MAX_DECOMPRESSED_BYTES,
  };
  let isFirst = true;
  return new Controller(
    { disk, clock, random, logger },
    {
      identity: { nodeId: config.nodeId, clusterId, directoryId, endpoints },
      settings: config.settings,
      configs: new NodeConfigSchema(config),
      bootstrapRecords: bootstrap,
      openLog: () => {
        const clean = isFirst && cleanShutdown;
        isFirst = false;
        return openMetadataLog(around, { directory, directoryId, settings: config.settings, cleanShutdown: clean });
      },
    },
  );
}

export interface ControllerServerOptions {
  readonly environment: Environment;
  readonly config: BrokerConfigLayers;
  readonly clusterId: string;
  readonly directory: string;
  readonly host: string;
  readonly port: number;
  /** Told of every change as it is committed, those of the start included. */
  readonly onCommit?: (delta: ClusterDelta) => void;
  /** Whether a refused connection proves a broker dead (see DeadBrokers). */
  readonly fastDetection: boolean;
  readonly faults?: RequestInterceptor | undefined;
}

export class ControllerServer {
  readonly controller: Controller;
  readonly address: Address;
  private readonly directory: LogDirectory;
  private readonly listener: RequestListener;
  private readonly deadBrokers: DeadBrokers | undefined;

  private constructor(
    controller: Controller,
    address: Address,
    directory: LogDirectory,
    listener: RequestListener,
    deadBrokers: DeadBrokers | undefined,
  ) {
    this.controller = controller;
    this.address = address;
    this.directory = directory;
    this.listener = listener;
    this.deadBrokers = deadBrokers;
  }

  /** Opens the directory, listens, and leads. @throws DirectoryRefused, DiskError, NetworkError, CorruptMetadata. */
  static async start(options: ControllerServerOptions): Promise<ControllerServer> {
    const { environment, config, clusterId, host, port, fastDetection } = options;
    const { disk, clock, random, logger, network, pool } = environment;
    const owner = { clusterId, nodeId: config.nodeId, random, wallMs: clock.wallMs() };
    const directory = await LogDirectory.open(disk, options.directory, owner, logger);
    let listener: RequestListener | undefined;
    try {
      await directory.begin();
      const endpoints: QuorumEndpoint[] = [];
      const controller = await controllerOf({
        ...{ environment, config, clusterId, directory: directory.path, directoryId: directory.directoryId },
        cleanShutdown: directory.lastShutdown.clean,
        endpoints: () => endpoints,
      });
      if (options.onCommit !== undefined) controller.onCommit(options.onCommit);
      const deadBrokers = fastDetection ? new DeadBrokers(controller, network, clock, logger) : undefined;
      const limits = requestLimits(config.settings);
      const log = new LimitedLog(logger, clock);
      listener = new RequestListener({
        name: CONTROLLER_LISTENER,
        ...{ network, quota: new ConnectionQuota(limits) },
        environment: { clock, log, pool, memory: new RequestMemory(limits.maxRequestBytesOfNode), limits },
        handler: new Dispatcher<ControllerContext>({
          table: CONTROLLER_HANDLERS,
          context: (info) => Object.assign(info, { controller }),
          ...{ log, faults: options.faults },
          intercept: (context, request, handle) => {
            deadBrokers?.notice(context, request);
            return handle();
          },
        }),
      });
      const [address] = await listener.listen([host], port);
      if (address === undefined) throw new Error("the controller listens nowhere");
      endpoints.push({ name: CONTROLLER_LISTENER, ...address, securityProtocol: 0 });
      await controller.start();
      deadBrokers?.start();
      return new ControllerServer(controller, address, directory, listener, deadBrokers);
    } catch (error) {
      await listener?.close();
      directory.release();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.deadBrokers?.stop();
    await this.listener.close(DRAIN_MS);
    await this.controller.stop();
    await this.directory.leave(UNKNOWN_BROKER_EPOCH);
    this.directory.release();
  }
}
