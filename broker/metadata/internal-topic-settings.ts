/**
 * The settings of the internal topics among the broker's configs.
 */
import type { BrokerConfig } from "../config/broker-configs.ts";
import type { InternalTopicSettings } from "./auto-topic-creation.ts";

export function internalTopicSettings(settings: BrokerConfig): InternalTopicSettings {
  return {
    offsetsTopicNumPartitions: settings.offsetsTopicNumPartitions,
    offsetsTopicReplicationFactor: settings.offsetsTopicReplicationFactor,
    offsetsTopicSegmentBytes: settings.offsetsTopicSegmentBytes,
    transactionStateLogNumPartitions: settings.transactionStateLogNumPartitions,
    transactionStateLogReplicationFactor: settings.transactionStateLogReplicationFactor,
    transactionStateLogMinIsr: settings.transactionStateLogMinIsr,
    transactionStateLogSegmentBytes: settings.transactionStateLogSegmentBytes,
    shareStateTopicNumPartitions: settings.shareCoordinatorStateTopicNumPartitions,
    shareStateTopicReplicationFactor: settings.shareCoordinatorStateTopicReplicationFactor,
    shareStateTopicMinIsr: settings.shareCoordinatorStateTopicMinIsr,
    shareStateTopicSegmentBytes: settings.shareCoordinatorStateTopicSegmentBytes,
  };
}
