/**
 * What a controller writes first when it begins to lead: into an empty log what the cluster starts from, else the end of what its
 * predecessor left half done.
 */
import type { NodeConfigSchema } from "../../broker/config/config-schema.ts";
import type { ClusterImage } from "../metadata/cluster-image.ts";
import { ELIGIBLE_LEADER_REPLICAS_VERSION, FEATURES, METADATA_VERSION } from "../metadata/features.ts";
import { type MetadataRecord, record } from "../metadata/metadata-record.ts";
import { metadataVersionOf } from "../metadata/metadata-version.ts";
import type { QuorumIdentity } from "../raft/quorum-identity.ts";
import { minInSyncReplicasRecord } from "./configs/update-features.ts";
import { metadataVersionIn } from "./controller-view.ts";

/** @param bootstrap what an empty log begins with: feature levels above all. */
export function activationRecords(
  image: ClusterImage,
  transactionIsOpen: boolean,
  bootstrap: readonly MetadataRecord[],
  configs: NodeConfigSchema,
): MetadataRecord[] {
  const abort = transactionIsOpen ? [record("AbortTransaction", 0, { reason: "Controller failover" })] : [];
  if (image.features.has(METADATA_VERSION)) return abort;
  const levels = new Map(
    bootstrap.flatMap(({ type, data }) => (type === "FeatureLevel" ? [[data.name, data.featureLevel] as const] : [])),
  );
  const inTransaction = metadataVersionOf(levels.get(METADATA_VERSION) ?? 0).hasTransactions;
  const records: MetadataRecord[] = [...bootstrap];
  // KIP-966: from now on the controller itself must know min.insync.replicas.
  if ((levels.get(ELIGIBLE_LEADER_REPLICAS_VERSION) ?? 0) > 0) {
    records.push(minInSyncReplicasRecord("", String(configs.staticMinInSyncReplicas)));
  }
  if (!inTransaction) return [...abort, ...records];
  return [
    ...abort,
    record("BeginTransaction", 0, { name: "Bootstrap records" }),
    ...records,
    record("EndTransaction", 0, {}),
  ];
}

/** This controller's own registration (KIP-919), unless it stands there already or cannot yet. */
export function ownRegistration(
  image: ClusterImage,
  { nodeId, endpoints }: QuorumIdentity,
  incarnationId: string,
): MetadataRecord[] {
  const listeners = endpoints();
  const isThere = image.controllers.get(nodeId)?.incarnationId === incarnationId;
  if (isThere || listeners.length === 0 || !metadataVersionIn(image).hasControllerRegistration) return [];
  return [
    record("RegisterController", 0, {
      controllerId: nodeId,
      incarnationId,
      zkMigrationReady: false,
      endPoints: listeners,
      features: FEATURES.map(({ name, min, max }) => ({
        name,
        minSupportedVersion: min,
        maxSupportedVersion: max,
      })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    }),
  ];
}
