/**
 * What startCluster and its cluster are told, and the settings that come of it.
 */
import { isBrokerConfigName } from "../broker/config/broker-configs.ts";
import { ConfigError } from "../broker/config/config-value.ts";
import { unknownSetting } from "../broker/config/setting-hints.ts";
import type { ClientTelemetryPush } from "../broker/telemetry/client-telemetry.ts";
import type { Logger } from "../storage/logger.ts";
import type { ClusterSnapshot } from "./cluster-snapshot.ts";
import { logDirectoriesWithin } from "./log-settings.ts";

export interface ClusterOptions {
  /** How many nodes; 1 when left out. */
  readonly nodes?: number;
  /** Port of node 1, node 2 one above, and so on; free ports when left out. */
  readonly port?: number;
  /** Address to listen on; 127.0.0.1 when left out. */
  readonly host?: string;
  /** What clients are told instead of where the nodes listen. */
  readonly advertisedHost?: string;
  /** Racks of the nodes, in order. */
  readonly racks?: readonly string[];
  /** Keeps data in DIR/1, DIR/2, ...; in memory when left out. */
  readonly dataDirectory?: string;
  /** Starts from what another cluster of as many nodes held, in memory. */
  readonly snapshot?: ClusterSnapshot;
  /** Broker settings by Kafka's names, for every node. With `log.dirs` "a,b" each has two log directories. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** A broker whose process is gone is noticed at once, not after broker.session.timeout.ms; true when left out. */
  readonly fastDetection?: boolean;
  /** Takes the metrics that clients push (KIP-714); when left out, they are not told that they may. */
  readonly onClientTelemetry?: (push: ClientTelemetryPush) => void;
  /** Where log lines go; nowhere when left out. */
  readonly logger?: Logger;
}

export interface TopicOptions {
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

/** Settings under which a test does not wait; Kafka's own hold under `odradek start`. */
const TEST_SETTINGS: Readonly<Record<string, string>> = {
  "group.initial.rebalance.delay.ms": "0",
  "group.consumer.assignment.interval.ms": "0",
  "group.share.assignment.interval.ms": "0",
  // A member of a share group is told what to read with its second heartbeat.
  "group.share.min.heartbeat.interval.ms": "200",
  "group.share.heartbeat.interval.ms": "200",
};

/** @throws ConfigError a setting has a name that Kafka does not know */
export function requireKnownSettings({ settings = {} }: ClusterOptions): void {
  for (const name of Object.keys(settings)) if (!isBrokerConfigName(name)) throw new ConfigError(unknownSetting(name));
}

export function settingsOf(options: ClusterOptions, nodeId: number, directory: string): Map<string, string> {
  const { nodes = 1, racks, settings = {} } = options;
  const rack = racks?.[nodeId - 1];
  const replicas = String(Math.min(nodes, 3));
  const inSync = String(Math.min(nodes, 2));
  return new Map([
    ...Object.entries(TEST_SETTINGS),
    ["offsets.topic.replication.factor", replicas],
    ["transaction.state.log.replication.factor", replicas],
    ["transaction.state.log.min.isr", inSync],
    ["share.coordinator.state.topic.replication.factor", replicas],
    ["share.coordinator.state.topic.min.isr", inSync],
    ...Object.entries(settings).map(([name, value]) => [name, String(value)] as const),
    ...(rack === undefined ? [] : [["broker.rack", rack] as const]),
    ["node.id", String(nodeId)],
    ["process.roles", "broker,controller"],
    ["controller.listener.names", "CONTROLLER"],
    ["log.dirs", logDirectoriesWithin(directory, settings["log.dirs"]?.toString())],
  ]);
}
