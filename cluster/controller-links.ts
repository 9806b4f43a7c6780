/**
 * The two ways a broker is joined to its controller: directly, in a combined node, and over the network.
 */
import type { BrokerConfigLayers } from "../broker/config/broker-config-layers.ts";
import { UNKNOWN_BROKER_EPOCH } from "../storage/clean-shutdown-file.ts";
import type { LogSurroundings } from "../storage/log/log-surroundings.ts";
import type { LogDirectories } from "../storage/log-directories.ts";
import type { Controller } from "./controller/controller.ts";
import { controllerOf } from "./controller-server.ts";
import type { Environment } from "./environment.ts";
import { logDirectoryPaths } from "./log-settings.ts";
import { ControllerLink } from "./membership/controller-link.ts";
import { LocalController } from "./membership/local-controller.ts";
import { ObservedMetadata } from "./membership/observed-metadata.ts";
import { OwnMetadata } from "./membership/own-metadata.ts";
import { QuorumAddresses, type VoterAddress } from "./membership/quorum-addresses.ts";
import { RemoteController } from "./membership/remote-controller.ts";
import type { ClusterDelta } from "./metadata/cluster-image.ts";
import { rpcEnvironment } from "./node-memory.ts";
import { openMetadataLog } from "./raft/open-metadata-log.ts";

/** The directory the metadata log lies in: the first of log.dirs. @throws Error when it is offline. */
function metadataDirectory(config: BrokerConfigLayers, logs: LogDirectories): { path: string; directoryId: string } {
  const [path] = logDirectoryPaths(config.settings);
  const directory = logs.describe().find((described) => described.path === path);
  if (path === undefined || directory?.directoryId === undefined || directory.isOffline) {
    throw new Error(`the metadata directory ${path} cannot be used`);
  }
  return { path, directoryId: directory.directoryId };
}

/** Starts the controller of a combined node and joins the broker to it. */
export async function combinedLink(
  environment: Environment,
  config: BrokerConfigLayers,
  clusterId: string,
  logs: LogDirectories,
  onCommit: (delta: ClusterDelta) => void,
  onStart: (controller: Controller) => void,
): Promise<ControllerLink> {
  const { path, directoryId } = metadataDirectory(config, logs);
  const { settings } = config;
  const controller = await controllerOf({
    ...{ environment, config, clusterId, directory: path, directoryId },
    cleanShutdown: logs.previousBrokerEpoch !== UNKNOWN_BROKER_EPOCH,
    endpoints: () => [],
  });
  controller.onCommit(onCommit);
  await controller.start();
  onStart(controller);
  const channel = new LocalController(controller, environment.clock, settings.controllerSocketTimeoutMs);
  return new ControllerLink({
    heartbeatChannel: channel,
    isrChannel: channel,
    forwardChannel: channel,
    metadata: new OwnMetadata(controller),
    forwardTimeoutMs: settings.requestTimeoutMs,
  });
}

/** Joins a broker to controllers elsewhere. */
export async function remoteLink(
  environment: Environment,
  config: BrokerConfigLayers,
  clusterId: string,
  logs: LogDirectories,
  around: LogSurroundings,
  voters: readonly VoterAddress[],
): Promise<ControllerLink> {
  const { path, directoryId } = metadataDirectory(config, logs);
  const { settings, nodeId } = config;
  const { clock, disk, logger } = environment;
  const metadataLog = await openMetadataLog(around, {
    ...{ directory: path, directoryId, settings },
    cleanShutdown: logs.previousBrokerEpoch !== UNKNOWN_BROKER_EPOCH,
  });
  const rpc = rpcEnvironment(environment);
  const channel = (purpose: string): RemoteController =>
    new RemoteController({
      addresses: new QuorumAddresses(voters),
      environment: rpc,
      clientId: `broker-${nodeId}-${purpose}`,
      defaultTimeoutMs: settings.controllerSocketTimeoutMs,
    });
  return new ControllerLink({
    heartbeatChannel: channel("heartbeat"),
    isrChannel: channel("alter-partition"),
    forwardChannel: channel("forwarding"),
    metadata: new ObservedMetadata({
      around: { clock, disk, logger },
      metadataLog,
      addresses: new QuorumAddresses(voters),
      rpc,
      clientId: `broker-${nodeId}-metadata`,
      requestTimeoutMs: settings.controllerQuorumRequestTimeoutMs,
      observer: { nodeId, clusterId, directoryId, settings },
    }),
    forwardTimeoutMs: settings.requestTimeoutMs,
  });
}
