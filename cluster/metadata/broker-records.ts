/**
 * A broker's and a controller's registration between image and records (KIP-631, KIP-858, KIP-919).
 */

import type { BrokerRegistration, ControllerRegistration, VersionRangeImage } from "./cluster-image.ts";
import { type MetadataRecord, record } from "./metadata-record.ts";
import type { MetadataVersion } from "./metadata-version.ts";

type RegisterBrokerData = MetadataRecord<"RegisterBroker">["data"];
type RegistrationChangeData = MetadataRecord<"BrokerRegistrationChange">["data"];
type RegisterControllerData = MetadataRecord<"RegisterController">["data"];

/** Values of `fenced` in a BrokerRegistrationChange record. */
export const FencedChange = { UNFENCE: -1, NONE: 0, FENCE: 1 } as const;
/** Value of `inControlledShutdown`; a broker only leaves that state by registering anew. */
export const ENTERS_CONTROLLED_SHUTDOWN = 1;

export function brokerFromRecord(data: RegisterBrokerData): BrokerRegistration {
  return {
    id: data.brokerId,
    brokerEpoch: data.brokerEpoch,
    incarnationId: data.incarnationId,
    endpoints: data.endPoints,
    rack: data.rack,
    fenced: data.fenced,
    inControlledShutdown: data.inControlledShutdown,
    directories: [...data.logDirs].sort(),
    features: featuresFromRecord(data.features),
    cordonedDirectories: data.cordonedLogDirs,
    isMigratingZkBroker: data.isMigratingZkBroker,
  };
}

/** The registration after a change. */
export function changedBroker(before: BrokerRegistration, change: RegistrationChangeData): BrokerRegistration {
  return {
    ...before,
    fenced: change.fenced === FencedChange.NONE ? before.fenced : change.fenced === FencedChange.FENCE,
    inControlledShutdown: change.inControlledShutdown === ENTERS_CONTROLLED_SHUTDOWN || before.inControlledShutdown,
    directories: change.logDirs.length === 0 ? before.directories : [...change.logDirs].sort(),
    cordonedDirectories: change.cordonedLogDirs ?? before.cordonedDirectories,
  };
}

export function brokerRecord(broker: BrokerRegistration, version: MetadataVersion): MetadataRecord<"RegisterBroker"> {
  return record("RegisterBroker", version.registerBrokerRecordVersion, {
    brokerId: broker.id,
    isMigratingZkBroker: broker.isMigratingZkBroker,
    incarnationId: broker.incarnationId,
    brokerEpoch: broker.brokerEpoch,
    endPoints: broker.endpoints.map(({ name, host, port, securityProtocol }) => ({
      name,
      host,
      port,
      securityProtocol,
    })),
    features: featuresToRecord(broker.features),
    rack: broker.rack,
    fenced: broker.fenced,
    inControlledShutdown: broker.inControlledShutdown,
    logDirs: version.hasDirectories ? broker.directories : [],
    cordonedLogDirs: version.hasCordonedDirectories ? broker.cordonedDirectories : null,
  });
}

export function controllerFromRecord(data: RegisterControllerData): ControllerRegistration {
  return {
    id: data.controllerId,
    incarnationId: data.incarnationId,
    zkMigrationReady: data.zkMigrationReady,
    endpoints: data.endPoints,
    features: featuresFromRecord(data.features),
  };
}

export function controllerRecord(controller: ControllerRegistration): MetadataRecord<"RegisterController"> {
  return record("RegisterController", 0, {
    controllerId: controller.id,
    incarnationId: controller.incarnationId,
    zkMigrationReady: controller.zkMigrationReady,
    endPoints: controller.endpoints.map(({ name, host, port, securityProtocol }) => ({
      name,
      host,
      port,
      securityProtocol,
    })),
    features: featuresToRecord(controller.features),
  });
}

interface FeatureRange {
  readonly name: string;
  readonly minSupportedVersion: number;
  readonly maxSupportedVersion: number;
}

function featuresFromRecord(features: readonly FeatureRange[]): ReadonlyMap<string, VersionRangeImage> {
  return new Map(
    features.map(({ name, minSupportedVersion, maxSupportedVersion }) => [
      name,
      { min: minSupportedVersion, max: maxSupportedVersion },
    ]),
  );
}

function featuresToRecord(features: ReadonlyMap<string, VersionRangeImage>): FeatureRange[] {
  return [...features]
    .map(([name, { min, max }]) => ({ name, minSupportedVersion: min, maxSupportedVersion: max }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
