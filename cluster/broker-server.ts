/**
 * One life of a broker: its logs, its data plane, its place in the cluster, from start to stop.
 *
 * Owns: the order of starting (directories, listeners bound, registered, metadata, logs, unfenced, serving) and of stopping.
 * Leaves to BrokerNode: requests; to BrokerLifecycle: the controller's view; to the link: where controller and metadata are.
 */

import { BrokerNode } from "../broker/broker-node.ts";
import type { BrokerConfigLayers } from "../broker/config/broker-config-layers.ts";
import { isCordoned } from "../broker/config/cordoned-directories.ts";
import type { LoggerLevels } from "../broker/config/logger-levels.ts";
import type { RequestInterceptor } from "../broker/dispatch/dispatcher.ts";
import { BROKER_HANDLERS, BROKER_HANDLERS_WITH_TELEMETRY } from "../broker/handlers/table.ts";
import { type PartitionImage, ResourceType } from "../broker/metadata/metadata-image.ts";
import type { PartitionSurroundings } from "../broker/partition/partition.ts";
import type { ClientTelemetryReceiver } from "../broker/telemetry/client-telemetry.ts";
import type { Api } from "../protocol/schema/api.ts";
import { DirectoryId } from "../protocol/uuid.ts";
import { UNKNOWN_BROKER_EPOCH } from "../storage/clean-shutdown-file.ts";
import type { LogSurroundings } from "../storage/log/log-surroundings.ts";
import { DEFAULT_MAX_DECOMPRESSED_BYTES } from "../storage/log/log-surroundings.ts";
import { TailBudget } from "../storage/log/tail-budget.ts";
import { LogDirectories } from "../storage/log-directories.ts";
import type { ObtainOptions } from "../storage/log-directories-options.ts";
import type { PartitionLog } from "../storage/partition-log.ts";
import { randomUuid } from "../storage/random.ts";
import { BrokerListeners, type NodeListener } from "./broker-listeners.ts";
import type { Environment } from "./environment.ts";
import { logDirectoriesSettings, logDirectoryPaths } from "./log-settings.ts";
import { BrokerLifecycle } from "./membership/broker-lifecycle.ts";
import type { BrokerIdentity, ControllerLink } from "./membership/controller-link.ts";
import { DirectoryReports } from "./membership/directory-reports.ts";
import type { ClusterDelta } from "./metadata/cluster-image.ts";
import { emptyImage } from "./metadata/cluster-image.ts";
import { differenceOf } from "./metadata/metadata-loader.ts";
import { brokerFeatures } from "./metadata/supported-features.ts";
import { rpcEnvironment, TAIL_BYTES } from "./node-memory.ts";
import { replicaFetchers } from "./replication/configured-fetchers.ts";
import { IsrProposals } from "./replication/isr-proposals.ts";
import type { ReplicaFetchers } from "./replication/replica-fetchers.ts";

export interface BrokerServerOptions {
  readonly environment: Environment;
  readonly config: BrokerConfigLayers;
  readonly loggerLevels: LoggerLevels;
  readonly clusterId: string;
  readonly listeners: readonly NodeListener[];
  /** Name of the listener other brokers use. */
  readonly interBrokerListener: string;
  /** Makes the way to the controller, once the directories are there. */
  link(logs: LogDirectories, around: LogSurroundings): Promise<ControllerLink>;
  readonly observePartition?: PartitionSurroundings["observe"];
  readonly requestFaults?: RequestInterceptor;
  readonly onUnexpectedError?: (error: unknown, api: Api) => void;
  /** Takes the metrics that clients push; without it they are not told that they may. */
  readonly onClientTelemetry?: ClientTelemetryReceiver;
  /** The broker has taken on newer metadata. */
  readonly onApplied?: () => void;
  /** The broker cannot go on. */
  readonly onFailure: (error: Error) => void;
}

/** What is answered when the broker stops may take this long to be read. */
const DRAIN_MS = 1000;
/** controlled shutdown is asked for again and again; past this the broker leaves as it is. */
const CONTROLLED_SHUTDOWN_MS = 30_000;

export class BrokerServer {
  readonly broker: BrokerNode;
  readonly logs: LogDirectories;
  readonly listeners = new BrokerListeners();
  readonly link: ControllerLink;
  readonly lifecycle: BrokerLifecycle;
  private readonly options: BrokerServerOptions;
  private readonly isr: IsrProposals;
  private readonly fetchers: ReplicaFetchers;
  private readonly reports: DirectoryReports;
  private readonly offlineDirectories: string[] = [];
  /** The logs are loaded and partitions follow the metadata from here on. */
  private following = false;

  private constructor(options: BrokerServerOptions, logs: LogDirectories, link: ControllerLink, configOf: ConfigCell) {
    const { environment, config, clusterId } = options;
    const { clock, random, logger } = environment;
    const { settings } = config;
    this.options = options;
    this.logs = logs;
    this.link = link;
    this.isr = new IsrProposals(link.isrChannel, clock, () => this.identity);
    this.broker = new BrokerNode({
      ...{ config, clock, random, logger, loggerLevels: options.loggerLevels },
      logs: {
        obtain: (topic, partition, topicId) => logs.obtain(topic, partition, topicId, this.placeOf(topicId, partition)),
        remove: (topic, partition, topicId) => logs.remove(topic, partition, topicId),
        updateConfig: (topic) => logs.updateConfigs(topic),
        describe: () => logs.describe(),
        place: (topic, partition, path) => logs.place(topic, partition, path),
      },
      controller: link.port(() => this.identity),
      isr: this.isr,
      rpc: rpcEnvironment(environment),
      interBrokerListener: options.interBrokerListener,
      brokerEpoch: () => this.lifecycle.brokerEpoch,
      supportedFeatures: brokerFeatures(),
      emptyImage: emptyImage(clusterId),
      ...(options.onClientTelemetry === undefined ? {} : { onClientTelemetry: options.onClientTelemetry }),
      ...(options.observePartition === undefined ? {} : { observePartition: options.observePartition }),
    });
    configOf.of = (topic) => this.broker.logConfigOf(topic);
    const incarnationId = randomUuid(random);
    this.lifecycle = new BrokerLifecycle({
      ...{ channel: link.heartbeatChannel, clock, log: logger },
      registration: () => ({
        brokerId: config.nodeId,
        clusterId,
        incarnationId,
        listeners: this.listeners.endpoints,
        features: brokerFeatures().map(({ name, minVersion, maxVersion }) => ({
          ...{ name, minSupportedVersion: minVersion, maxSupportedVersion: maxVersion },
        })),
        rack: settings.brokerRack,
        logDirs: [...logs.onlineDirectoryIds].sort(),
      }),
      previousBrokerEpoch: logs.previousBrokerEpoch,
      appliedOffset: () => (this.following ? this.broker.image.offset : this.link.metadata.image.offset),
      offlineDirectories: () => this.offlineDirectories,
      cordonedDirectories: () => this.cordonedDirectories,
      heartbeatIntervalMs: settings.brokerHeartbeatIntervalMs,
      registrationTimeoutMs: settings.initialBrokerRegistrationTimeoutMs,
    });
    this.fetchers = replicaFetchers(
      settings,
      config.nodeId,
      options.interBrokerListener,
      rpcEnvironment(environment),
      logger,
      () => this.lifecycle.brokerEpoch,
      (brokerId, isThere) => {
        if (isThere) this.broker.lostBrokers.settle(brokerId);
        else this.broker.lostBrokers.suspect(brokerId);
      },
      this.broker.replicationQuotas.follower,
    );
    this.reports = new DirectoryReports(
      link.isrChannel,
      clock,
      () => this.identity,
      (topicId, partition) => {
        const held = this.broker.partitions.getById(topicId, partition);
        if (held !== undefined && !held.log.offline) return held.log.directoryId;
        const isLost = held !== undefined || this.broker.partitions.isMissing(topicId, partition);
        return isLost ? DirectoryId.LOST : undefined;
      },
    );
    this.broker.partitions.onChange((changes, image) => this.fetchers.apply(changes, image));
  }

  /** Opens the directories and finds the controller. @throws DirectoryRefused, DiskError, NetworkError. */
  static async open(options: BrokerServerOptions): Promise<BrokerServer> {
    const { environment, config, clusterId } = options;
    const { settings } = config;
    const around: LogSurroundings = {
      ...{ disk: environment.disk, clock: environment.clock, random: environment.random },
      ...{ compute: environment.compute, logger: environment.logger },
      tailBudget: new TailBudget(TAIL_BYTES, environment.pool),
      producerLimits: {
        get expirationMs() {
          return config.settings.producerIdExpirationMs;
        },
        get verifyTransactions() {
          return config.settings.transactionPartitionVerificationEnable;
        },
        maxProducers: 100_000,
      },
      maxDecompressedBytes: DEFAULT_MAX_DECOMPRESSED_BYTES,
    };
    const cell: ConfigCell = { of: undefined };
    let server: BrokerServer | undefined;
    const logs = await LogDirectories.open({
      around,
      paths: logDirectoryPaths(settings),
      clusterId,
      nodeId: config.nodeId,
      configOf: (topic) => {
        if (cell.of === undefined) throw new Error("logs are opened before the metadata is there");
        return cell.of(topic);
      },
      settings: logDirectoriesSettings(settings),
      onLogOffline: (log) => server?.logOffline(log),
      onLogReopened: (log) => server?.logReopened(log),
      onMissingOpened: () => server?.missingLogsOpened(),
      assignedDirectory: (topic, partition) => server?.assignedDirectory(topic, partition),
      onFutureReady: ({ topicId, partition, directoryId }) =>
        server?.reports.announce(topicId, partition, directoryId) ?? Promise.resolve(false),
      onLogMoved: (log) => server?.logMoved(log),
      onMoveEnded: ({ topicId, partition }) => server?.reports.stays(topicId, partition),
      moveBytesPerSecond: () => server?.broker.moveBytesPerSecond ?? Number.POSITIVE_INFINITY,
      onDirectoryOffline: (directoryId) => server?.directoryOffline(directoryId),
    });
    try {
      const link = await options.link(logs, around);
      server = new BrokerServer(options, logs, link, cell);
      return server;
    } catch (error) {
      logs.abandon();
      throw error;
    }
  }

  /** Starts; resolves when the broker is unfenced and serves. @throws what makes it impossible. */
  async start(): Promise<void> {
    const { environment, requestFaults, onUnexpectedError, onClientTelemetry, listeners } = this.options;
    const table = onClientTelemetry === undefined ? BROKER_HANDLERS : BROKER_HANDLERS_WITH_TELEMETRY;
    await this.listeners.open(
      {
        ...{ environment, broker: this.broker, table, faults: requestFaults },
        ...(onUnexpectedError === undefined ? {} : { onUnexpectedError }),
      },
      listeners,
    );
    const { metadata } = this.link;
    metadata.onFailure = (error) => this.options.onFailure(error instanceof Error ? error : new Error(String(error)));
    const running = new Promise<void>((resolve) => {
      this.lifecycle.onRunning = resolve;
    });
    const caughtUp = this.whenMetadata(() => {
      const own = metadata.image.brokers.get(this.broker.nodeId);
      return own !== undefined && own.brokerEpoch === this.lifecycle.brokerEpoch;
    });
    await metadata.start((delta) => this.onDelta(delta));
    await this.lifecycle.register();
    this.checkMetadata();
    await caughtUp;
    await this.follow();
    this.broker.start();
    this.lifecycle.nodeIsReady();
    await running;
    // Clients are told of leaders, this broker among them, from the first answer on.
    await this.whenMetadata(() => this.broker.image.brokers.get(this.broker.nodeId)?.fenced === false);
    this.listeners.serve();
  }

  private waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];

  private whenMetadata(holds: () => boolean): Promise<void> {
    if (this.lifecycle.brokerEpoch >= 0 && holds()) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ holds, resolve }));
  }

  private checkMetadata(): void {
    if (this.lifecycle.brokerEpoch < 0) return;
    const met = this.waiting.filter(({ holds }) => holds());
    this.waiting = this.waiting.filter((one) => !met.includes(one));
    for (const { resolve } of met) resolve();
  }

  private onDelta(delta: ClusterDelta): void {
    if (this.following) this.apply(delta);
    this.checkMetadata();
    // A broker that leaves may go once all others know who leads in its place: they say so at once.
    const somebodyLeaves = [...delta.changedBrokers].some((id) => delta.image.brokers.get(id)?.inControlledShutdown);
    if (!this.lifecycle.isRunning || somebodyLeaves) this.lifecycle.beatNow();
  }

  /** Opens the logs with the configs of the metadata as it is now, and follows it from here on. */
  private async follow(): Promise<void> {
    const { metadata } = this.link;
    const before = this.broker.image;
    // Configs of topics are needed to open their logs; nothing else may look at the metadata yet.
    this.broker.image = metadata.image;
    await this.logs.load();
    this.broker.image = before;
    this.following = true;
    this.setStraysAside();
    this.apply(differenceOf(emptyImage(this.options.clusterId), metadata.image));
  }

  private setStraysAside(): void {
    const { image } = this.link.metadata;
    this.logs.setStraysAside((log) => {
      const partition = image.topicsById.get(log.topicId)?.partitions[log.partition];
      return partition === undefined || !partition.replicas.includes(this.broker.nodeId);
    });
  }

  private apply(delta: ClusterDelta): void {
    this.broker.apply(delta);
    if (delta.changedBrokers.size > 0) this.fetchers.applyBrokers(delta.changedBrokers, delta.image);
    this.reports.apply(delta, this.broker.nodeId);
    if (delta.changedConfigs.some(({ type }) => type === ResourceType.BROKER)) this.lifecycle.beatNow();
    this.options.onApplied?.();
  }

  private get identity(): BrokerIdentity {
    return { brokerId: this.broker.nodeId, brokerEpoch: this.lifecycle.brokerEpoch };
  }

  /** A replica is gone until it is repaired or emptied: it neither leads nor counts. */
  private logOffline(log: PartitionLog): void {
    if (this.broker.partitions.getById(log.topicId, log.partition)?.log !== log) return;
    this.broker.logOffline(log);
    this.reports.lost(log.topicId, log.partition);
  }

  private logReopened(log: PartitionLog): void {
    if (this.broker.partitions.getById(log.topicId, log.partition) === undefined) return;
    this.broker.logReopened(log);
    this.reports.report(log.topicId, log.partition, log.directoryId);
  }

  private logMoved(log: PartitionLog): void {
    this.reports.moved(log.topicId, log.partition);
    this.broker.logMoved(log);
  }

  private assignedDirectory(topic: string, partition: number): string | undefined {
    return this.directoryIn(this.link.metadata.image.topics.get(topic)?.partitions[partition]);
  }

  private directoryIn(partition: PartitionImage | undefined): string | undefined {
    return partition?.directories[partition.replicas.indexOf(this.broker.nodeId)];
  }

  /** Null where there is nothing to tell: the configs are not known yet, or none is cordoned and none ever was. */
  private get cordonedDirectories(): readonly string[] | null {
    if (!this.following) return null;
    const cordoned = this.logs.directoryIdsOf((path) => isCordoned(this.options.config.settings, path));
    const told = this.link.metadata.image.brokers.get(this.broker.nodeId)?.cordonedDirectories;
    return cordoned.length === 0 && (told ?? null) === null ? null : cordoned;
  }

  /** What the metadata says of where a log lies that is not here: in none yet, or in a directory that may have failed. */
  private placeOf(topicId: string, partition: number): ObtainOptions {
    const directoryId = this.directoryIn(this.broker.image.topicsById.get(topicId)?.partitions[partition]);
    const isCordonedHere = (path: string): boolean => isCordoned(this.options.config.settings, path);
    if (directoryId === undefined) return { isCordoned: isCordonedHere };
    return { directoryId, isNew: directoryId === DirectoryId.UNASSIGNED, isCordoned: isCordonedHere };
  }

  /** What a full disk had kept from being there is a replica again, unless its partition has gone elsewhere meanwhile. */
  private missingLogsOpened(): void {
    if (!this.following) return;
    for (const { topicId, index, log } of this.broker.obtainMissing()) {
      this.reports.report(topicId, index, log.directoryId);
    }
    this.setStraysAside();
  }

  private directoryOffline(directoryId: string): void {
    this.offlineDirectories.push(directoryId);
    this.lifecycle.beatNow();
    if (this.logs.onlineDirectoryIds.length === 0) this.options.onFailure(new Error("every log directory is offline"));
  }

  /**
   * Leaves in good order: leadership moves away, what is under way is answered, logs are closed clean.
   * @param hasController false: there is nobody to ask to be let go.
   */
  async stop(hasController = true): Promise<void> {
    if (hasController && this.broker.settings.controlledShutdownEnable)
      await this.lifecycle.controlledShutdown(CONTROLLED_SHUTDOWN_MS);
    const { brokerEpoch } = this.lifecycle;
    this.lifecycle.stop();
    this.fetchers.close();
    this.isr.close();
    this.reports.close();
    this.broker.stop();
    await this.listeners.close(DRAIN_MS);
    await this.link.metadata.stop();
    await this.logs.close(brokerEpoch < 0 ? UNKNOWN_BROKER_EPOCH : brokerEpoch);
    this.link.close();
  }
}

/** The configs of topics are known once there is a broker; the logs ask for them through this. */
interface ConfigCell {
  of: ((topic: string) => ReturnType<BrokerNode["logConfigOf"]>) | undefined;
}
