/**
 * Replica fetchers with the broker's settings.
 */
import type { BrokerConfig } from "../../broker/config/broker-configs.ts";
import { RpcClient } from "../../broker/network/rpc-client.ts";
import type { RpcEnvironment } from "../../broker/network/rpc-connection.ts";
import type { ReplicationQuota } from "../../broker/quotas/replication-quota.ts";
import type { Logger } from "../../storage/logger.ts";
import { ReplicaFetchers } from "./replica-fetchers.ts";

/** A leader that does not answer the dial is tried again soon. */
const CONNECT_TIMEOUT_MS = 1000;
/** One Fetch and, now and then, a look at the leader's bounds. */
const MAX_IN_FLIGHT = 4;

export function replicaFetchers(
  settings: BrokerConfig,
  brokerId: number,
  interBrokerListener: string,
  environment: RpcEnvironment,
  log: Logger,
  brokerEpoch: () => number,
  onConnection: (brokerId: number, isThere: boolean) => void,
  quota: ReplicationQuota,
): ReplicaFetchers {
  return new ReplicaFetchers({
    brokerId,
    interBrokerListener,
    fetcherOptions: (leaderId, address) => ({
      ...{ brokerId, brokerEpoch, quota },
      client: new RpcClient(environment, address, {
        clientId: `broker-${brokerId}-fetcher-${leaderId}`,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        maxInFlight: MAX_IN_FLIGHT,
        onConnection: (isThere) => onConnection(leaderId, isThere),
      }),
      clock: environment.clock,
      log,
      maxWaitMs: settings.replicaFetchWaitMaxMs,
      minBytes: settings.replicaFetchMinBytes,
      partitionMaxBytes: settings.replicaFetchMaxBytes,
      responseMaxBytes: settings.replicaFetchResponseMaxBytes,
      backoffMs: settings.replicaFetchBackoffMs,
      requestTimeoutMs: settings.replicaSocketTimeoutMs,
    }),
  });
}
