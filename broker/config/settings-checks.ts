/**
 * What the settings of a broker must fulfil together, beyond what each accepts by itself. Refusals are worded as Kafka words them.
 */
import type { BrokerConfig } from "./broker-configs.ts";
import { ConfigError } from "./config-value.ts";
import { checkGroupBounds } from "./group-configs.ts";
import { logRetentionMs, logRollJitterMs, logRollMs } from "./topic-config.ts";

const MEBIBYTE = 1024 * 1024;

/** @throws ConfigError the first rule that is broken. */
export function checkSettingsTogether(settings: BrokerConfig): void {
  for (const { holds, otherwise } of RULES) if (!holds(settings)) throw new ConfigError(otherwise);
  checkGroupBounds(settings);
}

interface SettingsRule {
  readonly holds: (settings: BrokerConfig) => boolean;
  readonly otherwise: string;
}

const RULES: readonly SettingsRule[] = [
  {
    holds: ({ nodeId, brokerId }) => nodeId === null || brokerId === -1 || nodeId === brokerId,
    otherwise: "You must set `node.id` to the same value as `broker.id`.",
  },
  { holds: (s) => logRollMs(s) >= 1, otherwise: "log.roll.ms must be greater than or equal to 1" },
  { holds: (s) => logRollJitterMs(s) >= 0, otherwise: "log.roll.jitter.ms must be greater than or equal to 0" },
  {
    holds: (s) => logRetentionMs(s) >= 1 || logRetentionMs(s) === -1,
    otherwise: "log.retention.ms must be unlimited (-1) or, greater than or equal to 1",
  },
  {
    holds: (s) => s.logCleanerThreads === 0 || s.logCleanerDedupeBufferSize / s.logCleanerThreads > MEBIBYTE,
    otherwise: "log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread.",
  },
  {
    holds: (s) => s.replicaFetchWaitMaxMs <= s.replicaSocketTimeoutMs,
    otherwise:
      "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket timeouts",
  },
  {
    holds: (s) => s.replicaFetchWaitMaxMs <= s.replicaLagTimeMaxMs,
    otherwise:
      "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent changes in ISR",
  },
  {
    holds: (s) => s.queuedMaxRequestBytes <= 0 || s.queuedMaxRequestBytes >= s.socketRequestMaxBytes,
    otherwise: "queued.max.request.bytes must be larger or equal to socket.request.max.bytes",
  },
  {
    holds: (s) => s.maxConnectionsPerIp !== 0 || s.maxConnectionsPerIpOverrides !== "",
    otherwise: "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.",
  },
  {
    holds: (s) => s.connectionsMaxIdleMs < 0 || s.connectionFailedAuthenticationDelayMs < s.connectionsMaxIdleMs,
    otherwise:
      "connection.failed.authentication.delay.ms should always be less than connections.max.idle.ms to prevent failed authentication responses from timing out",
  },
];
