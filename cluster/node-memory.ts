/**
 * What a node may keep in memory of records: constants with their reasons, and the objects that hold to them.
 */

import type { BrokerConfig } from "../broker/config/broker-configs.ts";
import { DEFAULT_REQUEST_LIMITS, type RequestLimits } from "../broker/network/request-limits.ts";
import { RequestMemory } from "../broker/network/request-memory.ts";
import type { RpcEnvironment } from "../broker/network/rpc-connection.ts";
import type { Environment } from "./environment.ts";

/** Newest batches of all logs of a node: enough for followers and tailing consumers that are a few dozen large batches behind. */
export const TAIL_BYTES = 32 * 1024 * 1024;
/** Frames and cold reads kept for reuse by a process. */
export const IDLE_POOL_BYTES = 64 * 1024 * 1024;
/** Answers that arrive from other nodes: followers fetch at most 10 MiB from each leader. */
const RPC_BYTES = 128 * 1024 * 1024;

/** Another node's answers as they arrive here. */
export function rpcEnvironment({ network, clock, pool }: Environment): RpcEnvironment {
  return { network, clock, pool, memory: new RequestMemory(RPC_BYTES) };
}

/** Kafka's limits on connections and requests among the broker's configs; ours for what it leaves open. */
export function requestLimits(settings: BrokerConfig): RequestLimits {
  const { queuedMaxRequestBytes } = settings;
  return {
    ...DEFAULT_REQUEST_LIMITS,
    maxRequestBytes: settings.socketRequestMaxBytes,
    maxUnauthenticatedRequestBytes: settings.saslServerMaxReceiveSize,
    maxConnections: settings.maxConnections,
    maxConnectionsPerIp: settings.maxConnectionsPerIp,
    idleTimeoutMs: settings.connectionsMaxIdleMs,
    maxRequestBytesOfNode:
      queuedMaxRequestBytes > 0 ? queuedMaxRequestBytes : DEFAULT_REQUEST_LIMITS.maxRequestBytesOfNode,
  };
}
