/**
 * An image as the records that make it: what a snapshot holds, in the order Kafka writes it.
 *
 * Owns: nothing is left out that a reader of the log would know. metadata.version comes first, as it says how to read the rest.
 */
import { ResourceType } from "../../broker/metadata/metadata-image.ts";
import { brokerRecord, controllerRecord } from "./broker-records.ts";
import type { ClusterImage } from "./cluster-image.ts";
import { METADATA_VERSION } from "./features.ts";
import { type MetadataRecord, record } from "./metadata-record.ts";
import { type MetadataVersion, MIN_METADATA_VERSION, metadataVersionOf } from "./metadata-version.ts";
import { partitionRecord } from "./partition-records.ts";

/** Who the producer ids of a snapshot were given to is not kept. */
const NOBODY = -1;

export function* imageRecords(image: ClusterImage): Generator<MetadataRecord, void, undefined> {
  const version = metadataVersionOf(image.features.get(METADATA_VERSION) ?? MIN_METADATA_VERSION);
  yield* featureRecords(image, version);
  for (const broker of image.brokers.values()) yield brokerRecord(broker, version);
  for (const controller of image.controllers.values()) yield controllerRecord(controller);
  for (const topic of image.topicsById.values()) {
    yield record("Topic", 0, { name: topic.name, topicId: topic.id });
    for (const partition of topic.partitions) yield partitionRecord(topic.id, partition, version);
  }
  for (const resourceType of Object.values(ResourceType)) {
    for (const resourceName of image.resourcesWithConfigs(resourceType)) {
      for (const [name, value] of image.configsOf(resourceType, resourceName)) {
        yield record("Config", 0, { resourceType, resourceName, name, value });
      }
    }
  }
  for (const { entity, values } of image.clientQuotas.values()) {
    for (const [key, value] of values) yield record("ClientQuota", 0, { entity, key, value, remove: false });
  }
  if (image.nextProducerId > 0) {
    yield record("ProducerIds", 0, {
      brokerId: NOBODY,
      brokerEpoch: NOBODY,
      nextProducerId: image.nextProducerId,
    });
  }
  for (const entry of image.accessControlEntries.values()) yield record("AccessControlEntry", 0, entry);
  for (const credential of image.scramCredentials.values()) yield record("UserScramCredential", 0, credential);
  for (const token of image.delegationTokens.values()) yield record("DelegationToken", 0, token);
}

function* featureRecords(image: ClusterImage, version: MetadataVersion): Generator<MetadataRecord, void, undefined> {
  yield record("FeatureLevel", 0, { name: METADATA_VERSION, featureLevel: version.level });
  for (const [name, featureLevel] of image.features) {
    if (name !== METADATA_VERSION) yield record("FeatureLevel", 0, { name, featureLevel });
  }
}
