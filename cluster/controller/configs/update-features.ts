/**
 * UpdateFeatures: raises or lowers finalized levels (KIP-584); one that cannot be refuses them all.
 *
 * Owns: every broker and controller must have the level, dependencies must hold, nothing of the metadata may be lost; and what
 * switching on eligible leader replicas needs (KIP-966).
 */
import { ResourceType } from "../../../broker/metadata/metadata-image.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { UpdateFeaturesRequest } from "../../../protocol/messages/features.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import type { VersionRangeImage } from "../../metadata/cluster-image.ts";
import {
  ELIGIBLE_LEADER_REPLICAS_VERSION,
  featureNamed,
  KRAFT_VERSION,
  METADATA_VERSION,
} from "../../metadata/features.ts";
import { type MetadataRecord, record } from "../../metadata/metadata-record.ts";
import { losesMetadata } from "../../metadata/metadata-version.ts";
import { type ControllerView, metadataVersionIn } from "../controller-view.ts";
import { atomic, type Decision, withoutRecords } from "../decision.ts";
import { MIN_IN_SYNC_REPLICAS } from "./alter-configs.ts";

type Request = Decode<typeof UpdateFeaturesRequest>;
type Update = Request["featureUpdates"][number];

const UpgradeType = { UPGRADE: 1, SAFE_DOWNGRADE: 2, UNSAFE_DOWNGRADE: 3 } as const;
/** A node that does not list a feature has it at 0 alone. */
const NOT_THERE: VersionRangeImage = { min: 0, max: 0 };

/** @throws KafkaError INVALID_UPDATE_VERSION for the first level that cannot be. */
export function decideUpdateFeatures(view: ControllerView, request: Request): Decision<void> {
  const proposed = new Map(view.image.features);
  for (const { feature, maxVersionLevel } of request.featureUpdates) proposed.set(feature, maxVersionLevel);
  const records: MetadataRecord[] = [];
  for (const update of request.featureUpdates) {
    const reason = whyNot(view, update, proposed);
    if (reason !== undefined) {
      throw new KafkaError(
        ErrorCode.INVALID_UPDATE_VERSION,
        "The update failed for all features since the following feature had an error: " +
          `Invalid update version ${update.maxVersionLevel} for feature ${update.feature}. ${reason}`,
      );
    }
    if (update.feature === KRAFT_VERSION) continue;
    records.push(record("FeatureLevel", 0, { name: update.feature, featureLevel: update.maxVersionLevel }));
  }
  const switchesOnElr = request.featureUpdates.some(
    ({ feature, maxVersionLevel }) => feature === ELIGIBLE_LEADER_REPLICAS_VERSION && maxVersionLevel > 0,
  );
  const decision = atomic([...(switchesOnElr ? minInSyncReplicasRecords(view) : []), ...records], undefined);
  return request.validateOnly ? withoutRecords(decision) : decision;
}

function whyNot(view: ControllerView, update: Update, proposed: ReadonlyMap<string, number>): string | undefined {
  const { feature: name, maxVersionLevel: level } = update;
  const upgradeType = update.allowDowngrade ? UpgradeType.SAFE_DOWNGRADE : update.upgradeType;
  if (upgradeType < UpgradeType.UPGRADE || upgradeType > UpgradeType.UNSAFE_DOWNGRADE) {
    return "The controller does not support the given upgrade type.";
  }
  if (level < 0) return "A feature version cannot be less than 0.";
  const unsupported = notSupported(view, name, level);
  if (unsupported !== undefined) return unsupported;
  const present = name === KRAFT_VERSION ? view.kraftVersion : (view.image.features.get(name) ?? 0);
  if (level < present && upgradeType === UpgradeType.UPGRADE) {
    return "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.";
  }
  if (level > present && upgradeType !== UpgradeType.UPGRADE) return "Can't downgrade to a newer version.";
  if (name === KRAFT_VERSION) {
    // Differs from Kafka: the feature kraft.version cannot be changed once the quorum is formatted.
    return level === present ? undefined : "Can't change the version of this feature.";
  }
  if (name === METADATA_VERSION) return whyNoDowngrade(present, level, upgradeType);
  const needed = featureNamed(name)?.needsMetadataVersion ?? 0;
  if (level > 0 && (proposed.get(METADATA_VERSION) ?? 0) < needed) {
    return `${name} could not be set to ${level} because it depends on ${METADATA_VERSION} level ${needed}`;
  }
  return undefined;
}

function whyNoDowngrade(from: number, to: number, upgradeType: number): string | undefined {
  if (to >= from || !losesMetadata(from, to)) return undefined;
  const why =
    upgradeType === UpgradeType.UNSAFE_DOWNGRADE
      ? "Unsafe metadata downgrade is not supported in this version."
      : "Refusing to perform the requested downgrade because it might delete metadata information.";
  return `Unsupported metadata.version downgrade from ${from} to ${to}. ${why}`;
}

function notSupported({ image, nodeId }: ControllerView, name: string, level: number): string | undefined {
  const reason = (who: string, range: VersionRangeImage): string | undefined => {
    if (level >= range.min && level <= range.max) return undefined;
    return range.max === 0
      ? `${who} does not support this feature.`
      : `${who} only supports versions ${range.min}-${range.max}`;
  };
  const own = reason(`Local controller ${nodeId}`, featureNamed(name) ?? NOT_THERE);
  if (own !== undefined) return own;
  for (const { id, features } of image.brokers.values()) {
    const unable = reason(`Broker ${id}`, features.get(name) ?? NOT_THERE);
    if (unable !== undefined) return unable;
  }
  if (!metadataVersionIn(image).hasControllerRegistration) return undefined;
  for (const { id, features } of image.controllers.values()) {
    const unable = id === nodeId ? undefined : reason(`Controller ${id}`, features.get(name) ?? NOT_THERE);
    if (unable !== undefined) return unable;
  }
  return undefined;
}

/**
 * With eligible leader replicas the controller itself needs to know min.insync.replicas: it is written for the cluster, and brokers
 * lose what they had of their own.
 */
export function minInSyncReplicasRecords({ image, configs }: ControllerView): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  if (!image.configsOf(ResourceType.BROKER, "").has(MIN_IN_SYNC_REPLICAS)) {
    records.push(minInSyncReplicasRecord("", String(configs.staticMinInSyncReplicas)));
  }
  for (const name of image.resourcesWithConfigs(ResourceType.BROKER)) {
    if (name === "" || !image.configsOf(ResourceType.BROKER, name).has(MIN_IN_SYNC_REPLICAS)) continue;
    records.push(minInSyncReplicasRecord(name, null));
  }
  return records;
}

export function minInSyncReplicasRecord(brokerName: string, value: string | null): MetadataRecord {
  return record("Config", 0, {
    resourceType: ResourceType.BROKER,
    resourceName: brokerName,
    name: MIN_IN_SYNC_REPLICAS,
    value,
  });
}
