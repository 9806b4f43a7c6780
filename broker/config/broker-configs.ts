/**
 * The one table of every broker config of the reference version, by Kafka's name.
 *
 * Invariant: what is not in here is unknown; the fields of BrokerConfig, the descriptions and the checks all come from here.
 */
import { type ConfigKey, camelCase, type DynamicMode, type ValuesOf } from "./config-key.ts";
import type { ConfigValue } from "./config-value.ts";
import { GROUP_COORDINATOR_CONFIGS } from "./tables/group-configs.ts";
import { LOG_CONFIGS } from "./tables/log-configs.ts";
import { NETWORK_CONFIGS } from "./tables/network-configs.ts";
import { QUOTA_AND_METRICS_CONFIGS } from "./tables/quota-and-metrics-configs.ts";
import { REMOTE_STORAGE_CONFIGS } from "./tables/remote-storage-configs.ts";
import { REPLICATION_CONFIGS } from "./tables/replication-configs.ts";
import { SECURITY_CONFIGS } from "./tables/security-configs.ts";
import { TRANSACTION_CONFIGS } from "./tables/transaction-configs.ts";

export const BROKER_CONFIGS = {
  ...NETWORK_CONFIGS,
  ...LOG_CONFIGS,
  ...REPLICATION_CONFIGS,
  ...GROUP_COORDINATOR_CONFIGS,
  ...TRANSACTION_CONFIGS,
  ...QUOTA_AND_METRICS_CONFIGS,
  ...SECURITY_CONFIGS,
  ...REMOTE_STORAGE_CONFIGS,
} as const;

export type BrokerConfigName = keyof typeof BROKER_CONFIGS;

/** Every broker config. Null where it is not set and has no default. */
export type BrokerConfig = ValuesOf<typeof BROKER_CONFIGS>;

/** The table as a map, for names that come from outside. */
export const BROKER_CONFIG_KEYS: ReadonlyMap<string, ConfigKey> = new Map(Object.entries(BROKER_CONFIGS));

/** Quotas that are only ever set while a broker runs; no file holds them. */
const DYNAMIC_ONLY: ReadonlySet<string> = new Set([
  "leader.replication.throttled.rate",
  "follower.replication.throttled.rate",
  "replica.alter.log.dirs.io.max.bytes.per.second",
]);

/** Configs of one listener, of plugins and of providers: names that no table can list. */
const PREFIXED = /^(?:listener\.name|config\.providers|rsm\.config|rlmm\.config)\../;

/** Whether brokers have a config of this name. */
export function isBrokerConfigName(name: string): boolean {
  return BROKER_CONFIG_KEYS.has(name) || DYNAMIC_ONLY.has(name) || PREFIXED.test(name);
}

/** Who may change a broker config while brokers run. A listener's is what it is for all listeners. */
export function dynamicModeOf(name: string): DynamicMode {
  if (DYNAMIC_ONLY.has(name)) return "cluster-wide";
  const unprefixed = name.replace(/^listener\.name\.[^.]+\./, "");
  return BROKER_CONFIG_KEYS.get(unprefixed)?.dynamic ?? "read-only";
}

/** A setting by Kafka's name, where the name is only known at run time. */
export function settingOf(settings: BrokerConfig, name: BrokerConfigName): ConfigValue {
  return settings[camelCase(name) as keyof BrokerConfig];
}
