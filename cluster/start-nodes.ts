/**
 * The nodes of one process, started and stopped together: what the command line asks for.
 *
 * Owns: the order of starting and stopping. Leaves to each node: everything else.
 * Invariant: when startNodes resolves every listener accepts; when it rejects nothing is left open.
 */
import type { BrokerConfigLayers } from "../broker/config/broker-config-layers.ts";
import type { LoggerLevels } from "../broker/config/logger-levels.ts";
import { type Address, type Listener, NetworkError } from "../broker/network/network.ts";
import { NodeNetwork } from "../broker/network/node-network.ts";
import type { Logger } from "../storage/logger.ts";

/** One listener of a node, as it is to be opened. */
export interface NodeListener {
  readonly name: string;
  readonly securityProtocol: "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL";
  /** Addresses to listen on, all at one port. The first must be had; others only where the machine has them. */
  readonly hosts: readonly string[];
  /** 0: any that is free. */
  readonly port: number;
  /** What clients are told, with the port that was opened where it is left out; undefined: nobody is told. */
  readonly advertised: { readonly host: string; readonly port: number | undefined } | undefined;
}

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
}

export interface RunningNodes {
  /** What clients are told, by node and listener. */
  readonly addresses: readonly Address[];
  /** Resolves when a node failed for good, which is a bug or a broken disk; never when all are stopped. */
  readonly failed: Promise<Error>;
  /** Stops all nodes in good order: leadership moves away, logs are closed clean. */
  stop(): Promise<void>;
}

/** Starts nodes. @throws NetworkError in-use; DiskError locked, full, ...; ConfigError */
export async function startNodes({ nodes }: StartNodesOptions): Promise<RunningNodes> {
  const network = new NodeNetwork();
  const open: Listener[] = [];
  const addresses: Address[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(open.map((listener) => listener.close()));
  };
  try {
    for (const { listeners } of nodes)
      for (const listener of listeners) {
        const port = await openListener(network, listener, open);
        const { advertised } = listener;
        if (advertised !== undefined) addresses.push({ host: advertised.host, port: advertised.port ?? port });
      }
  } catch (error) {
    await close();
    throw error;
  }
  return { addresses, failed: new Promise(() => {}), stop: close };
}

async function openListener(network: NodeNetwork, listener: NodeListener, open: Listener[]): Promise<number> {
  let { port } = listener;
  for (const [index, host] of listener.hosts.entries()) {
    try {
      const opened = await network.listen({ host, port }, (connection) => connection.destroy());
      open.push(opened);
      port = opened.address.port;
    } catch (error) {
      // A machine without IPv6 has no ::1, and one that has it may have given the port of 127.0.0.1 to somebody else.
      const mayDoWithout = error instanceof NetworkError && (error.kind === "unreachable" || listener.port === 0);
      if (index === 0 || !mayDoWithout) throw error;
    }
  }
  return port;
}
