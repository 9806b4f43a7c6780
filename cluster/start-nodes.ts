/**
 * The nodes of one process, started and stopped together on the machine's own clock, disk and network: what the command line asks
 * for.
 *
 * Invariant: when startNodes resolves every listener accepts; when it rejects nothing is left open.
 */
import { dirname, join } from "node:path";
import type { BrokerConfigLayers } from "../broker/config/broker-config-layers.ts";
import type { LoggerLevels } from "../broker/config/logger-levels.ts";
import type { Address } from "../broker/network/network.ts";
import { NodeNearNetwork } from "../broker/network/node-near-network.ts";
import { NodeNetwork } from "../broker/network/node-network.ts";
import type { Logger } from "../storage/logger.ts";
import { NodeClock } from "../storage/node-clock.ts";
import { NodeCompute } from "../storage/node-compute.ts";
import { NodeDisk } from "../storage/node-disk.ts";
import { NodeRandom } from "../storage/node-random.ts";
import { BufferPool } from "../storage/shared-buffer.ts";
import type { NodeListener } from "./broker-listeners.ts";
import { ClusterControl } from "./control/cluster-control.ts";
import type { Environment } from "./environment.ts";
import { ClusterFaults } from "./faults/cluster-faults.ts";
import type { ManagedNode } from "./managed-node.ts";
import { IDLE_POOL_BYTES } from "./node-memory.ts";
import type { ProcessHost } from "./processes/process-host.ts";
import { ProcessNodes } from "./processes/process-nodes.ts";
import { RunningCluster } from "./running-cluster.ts";
import { WaitUntil } from "./wait-until.ts";

export interface NodeOptions {
  readonly nodeId: number;
  /** Absolute; made when it is not there. */
  readonly dataDirectory: string;
  readonly config: BrokerConfigLayers;
  /** Those of clients and brokers; controllers' own come with several nodes, on ports of the loopback that are free. */
  readonly listeners: readonly NodeListener[];
}

export interface StartNodesOptions {
  readonly nodes: readonly NodeOptions[];
  readonly logger: Logger;
  readonly loggerLevels: LoggerLevels;
  /** Nodes can be paused, ways cut and requests made to fail, through `control`; costs a little on every byte. */
  readonly withFaults?: boolean;
  /** Each node has a process of its own, which this starts; faults are then possible in any case. */
  readonly processes?: ProcessHost;
}

export interface RunningNodes {
  /** What clients are told, by node and listener. */
  readonly addresses: readonly Address[];
  /** Resolves when a node failed for good, which is a bug or a broken disk; never when all are stopped. */
  readonly failed: Promise<Error>;
  /** The cluster in other hands. */
  readonly control: ClusterControl;
  /** Stops all nodes in good order: leadership moves away, logs are closed clean. */
  stop(): Promise<void>;
}

/** Starts nodes. @throws NetworkError in-use; DirectoryRefused; DiskError full, ...; ConfigError */
export async function startNodes({
  nodes,
  logger,
  loggerLevels,
  withFaults = false,
  processes,
}: StartNodesOptions): Promise<RunningNodes> {
  const compute = new NodeCompute();
  const clock = new NodeClock();
  const environment: Environment = {
    clock,
    random: new NodeRandom(),
    disk: new NodeDisk(),
    network: new NodeNearNetwork(new NodeNetwork()),
    compute,
    logger,
    pool: new BufferPool({ maxIdleBytes: IDLE_POOL_BYTES }),
  };
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<Error>((resolve) => {
    fail = resolve;
  });
  const [first] = nodes;
  if (first === undefined) throw new Error("no nodes to start");
  const faults = withFaults || processes !== undefined ? new ClusterFaults(clock) : undefined;
  const made = processes === undefined || faults === undefined ? undefined : new ProcessNodes(processes, faults, clock);
  const cluster = new RunningCluster<ManagedNode>({
    nodes: nodes.map(({ nodeId, config, listeners }) => ({ nodeId, environment, config: () => config, listeners })),
    controller: { environment, directory: join(dirname(first.dataDirectory), "controller") },
    loggerLevels,
    ...(faults === undefined ? {} : { faults }),
    ...(made === undefined ? {} : { makeNode: (spec, surroundings) => made.make(spec, surroundings) }),
    onFailure: (error) => fail(error),
  });
  try {
    await cluster.start();
  } catch (error) {
    await compute.close();
    throw error;
  }
  return {
    addresses: cluster.addresses,
    failed,
    control: new ClusterControl(cluster, new WaitUntil(cluster, clock)),
    stop: async () => {
      await cluster.stop();
      await compute.close();
    },
  };
}
