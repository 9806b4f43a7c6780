/**
 * Everything clients have made is unmade: topics, configs, quotas, credentials, access rules. Brokers and features stay.
 *
 * For clusters that a test hands on to the next; no request of Kafka's does this.
 */
import { ResourceType } from "../../broker/metadata/metadata-image.ts";
import type { ClusterImage } from "../metadata/cluster-image.ts";
import { type MetadataRecord, record } from "../metadata/metadata-record.ts";
import type { ControllerView } from "./controller-view.ts";
import { type Decision, splittable } from "./decision.ts";

export function decideErasure({ image }: ControllerView): Decision<void> {
  return splittable([...erasure(image)], undefined);
}

function* erasure(image: ClusterImage): Generator<MetadataRecord, void, undefined> {
  for (const resourceType of Object.values(ResourceType)) {
    for (const resourceName of image.resourcesWithConfigs(resourceType)) {
      for (const name of image.configsOf(resourceType, resourceName).keys()) {
        yield record("Config", 0, { resourceType, resourceName, name, value: null });
      }
    }
  }
  for (const { id } of image.topics.values()) yield record("RemoveTopic", 0, { topicId: id });
  for (const { entity, values } of image.clientQuotas.values()) {
    for (const key of values.keys()) yield record("ClientQuota", 0, { entity, key, value: 0, remove: true });
  }
  for (const { id } of image.accessControlEntries.values()) yield record("RemoveAccessControlEntry", 0, { id });
  for (const { name, mechanism } of image.scramCredentials.values()) {
    yield record("RemoveUserScramCredential", 0, { name, mechanism });
  }
  for (const { tokenId } of image.delegationTokens.values()) yield record("RemoveDelegationToken", 0, { tokenId });
}
