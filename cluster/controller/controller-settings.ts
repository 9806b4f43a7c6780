/**
 * The broker configs a controller reads, as they are now (BrokerConfigLayers.settings is one).
 */
import type { BrokerConfig } from "../../broker/config/broker-configs.ts";
import type { SnapshotSettings } from "../raft/snapshot-generator.ts";

export type ControllerSettings = SnapshotSettings &
  Pick<
    BrokerConfig,
    | "numPartitions"
    | "defaultReplicationFactor"
    | "deleteTopicEnable"
    | "brokerSessionTimeoutMs"
    | "autoLeaderRebalanceEnable"
    | "leaderImbalanceCheckIntervalSeconds"
    | "uncleanLeaderElectionIntervalMs"
  >;
