/**
 * What a decision may read: the controller's memory, nothing of which it can change.
 */

import type { NodeConfigSchema } from "../../broker/config/config-schema.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { BrokerRegistration, ClusterImage } from "../metadata/cluster-image.ts";
import { ELIGIBLE_LEADER_REPLICAS_VERSION, METADATA_VERSION } from "../metadata/features.ts";
import { type MetadataVersion, MIN_METADATA_VERSION, metadataVersionOf } from "../metadata/metadata-version.ts";
import type { SessionView } from "./broker-sessions.ts";
import type { ControllerSettings } from "./controller-settings.ts";
import type { PartitionIndex } from "./partition-index.ts";
import type { TopicNames } from "./topics/topic-names.ts";

export interface ControllerView {
  /** Everything replayed, what is not committed yet included. */
  readonly image: ClusterImage;
  readonly partitions: PartitionIndex;
  readonly topicNames: TopicNames;
  readonly sessions: SessionView;
  /** Offset of a broker's newest RegisterBroker record. */
  readonly registrationOffsets: ReadonlyMap<number, number>;
  readonly settings: ControllerSettings;
  readonly configs: NodeConfigSchema;
  /** Id of this controller. */
  readonly nodeId: number;
  /** kraft.version, which is the quorum's. */
  readonly kraftVersion: number;
  /** Offset the first record of the decision will get. */
  readonly nextOffset: number;
  /** Monotonic. */
  readonly nowMs: number;
}

export function metadataVersionIn(image: ClusterImage): MetadataVersion {
  return metadataVersionOf(image.features.get(METADATA_VERSION) ?? MIN_METADATA_VERSION);
}

/** KIP-966. */
export function hasEligibleLeaderReplicas(image: ClusterImage): boolean {
  return (image.features.get(ELIGIBLE_LEADER_REPLICAS_VERSION) ?? 0) > 0;
}

/** Registered, unfenced and not about to go. */
export function isActive(image: ClusterImage, brokerId: number): boolean {
  const broker = image.brokers.get(brokerId);
  return broker !== undefined && !broker.fenced && !broker.inControlledShutdown;
}

/** @throws KafkaError STALE_BROKER_EPOCH unless a request comes from the broker's present incarnation. */
export function checkBrokerEpoch(image: ClusterImage, brokerId: number, brokerEpoch: number): BrokerRegistration {
  const broker = image.brokers.get(brokerId);
  if (broker === undefined) {
    throw new KafkaError(ErrorCode.STALE_BROKER_EPOCH, `No broker registration found for broker id ${brokerId}`);
  }
  if (broker.brokerEpoch !== brokerEpoch) {
    throw new KafkaError(
      ErrorCode.STALE_BROKER_EPOCH,
      `Expected broker epoch ${broker.brokerEpoch}, but got broker epoch ${brokerEpoch}`,
    );
  }
  return broker;
}
