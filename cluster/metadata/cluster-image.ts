/**
 * The whole state that the metadata log holds as of one offset: what brokers read of it, and what only the controller and
 * snapshots need.
 *
 * Built by image-builder.ts from records; written out again by image-records.ts. Immutable; images share what did not change.
 */
import type {
  BrokerImage,
  ClientQuota,
  EndpointImage,
  MetadataDelta,
  MetadataImage,
  QuotaEntityPart,
  ResourceType,
  TopicImage,
} from "../../broker/metadata/metadata-image.ts";
import { LayeredMap } from "./layered-map.ts";
import type { MetadataRecord } from "./metadata-record.ts";

export interface VersionRangeImage {
  readonly min: number;
  readonly max: number;
}

export interface BrokerRegistration extends BrokerImage {
  /** Directories that take no new replicas; null until the broker has told. */
  readonly cordonedDirectories: readonly string[] | null;
  /** False in every cluster but those that once came from ZooKeeper. */
  readonly isMigratingZkBroker: boolean;
}

export interface ControllerRegistration {
  readonly id: number;
  readonly incarnationId: string;
  readonly zkMigrationReady: boolean;
  readonly endpoints: readonly EndpointImage[];
  readonly features: ReadonlyMap<string, VersionRangeImage>;
}

export type ScramCredential = MetadataRecord<"UserScramCredential">["data"];
export type AccessControlEntry = MetadataRecord<"AccessControlEntry">["data"];
export type DelegationToken = MetadataRecord<"DelegationToken">["data"];

export interface ClusterState {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly clusterId: string;
  readonly brokers: LayeredMap<number, BrokerRegistration>;
  readonly controllers: LayeredMap<number, ControllerRegistration>;
  readonly topics: LayeredMap<string, TopicImage>;
  readonly topicsById: LayeredMap<string, TopicImage>;
  /** By configKey. */
  readonly configs: LayeredMap<string, ReadonlyMap<string, string>>;
  readonly features: ReadonlyMap<string, number>;
  readonly nextProducerId: number;
  /** By quotaKey. */
  readonly clientQuotas: LayeredMap<string, ClientQuota>;
  /** By scramKey. */
  readonly scramCredentials: LayeredMap<string, ScramCredential>;
  /** By id. */
  readonly accessControlEntries: LayeredMap<string, AccessControlEntry>;
  /** By token id. */
  readonly delegationTokens: LayeredMap<string, DelegationToken>;
}

const NO_CONFIGS: ReadonlyMap<string, string> = new Map();

export class ClusterImage implements ClusterState, MetadataImage {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly clusterId: string;
  readonly brokers: LayeredMap<number, BrokerRegistration>;
  readonly controllers: LayeredMap<number, ControllerRegistration>;
  readonly topics: LayeredMap<string, TopicImage>;
  readonly topicsById: LayeredMap<string, TopicImage>;
  readonly configs: LayeredMap<string, ReadonlyMap<string, string>>;
  readonly features: ReadonlyMap<string, number>;
  readonly nextProducerId: number;
  readonly clientQuotas: LayeredMap<string, ClientQuota>;
  readonly scramCredentials: LayeredMap<string, ScramCredential>;
  readonly accessControlEntries: LayeredMap<string, AccessControlEntry>;
  readonly delegationTokens: LayeredMap<string, DelegationToken>;

  constructor(state: ClusterState) {
    this.offset = state.offset;
    this.leaderEpoch = state.leaderEpoch;
    this.clusterId = state.clusterId;
    this.brokers = state.brokers;
    this.controllers = state.controllers;
    this.topics = state.topics;
    this.topicsById = state.topicsById;
    this.configs = state.configs;
    this.features = state.features;
    this.nextProducerId = state.nextProducerId;
    this.clientQuotas = state.clientQuotas;
    this.scramCredentials = state.scramCredentials;
    this.accessControlEntries = state.accessControlEntries;
    this.delegationTokens = state.delegationTokens;
  }

  configsOf(type: ResourceType, name: string): ReadonlyMap<string, string> {
    return this.configs.get(configKey(type, name)) ?? NO_CONFIGS;
  }

  resourcesWithConfigs(type: ResourceType): readonly string[] {
    const prefix = configKey(type, "");
    const names: string[] = [];
    for (const key of this.configs.keys()) if (key.startsWith(prefix)) names.push(key.slice(prefix.length));
    return names;
  }
}

/** What changed between two images, of everything that an image holds. */
export interface ClusterDelta extends MetadataDelta {
  readonly image: ClusterImage;
  readonly previous: ClusterImage;
  readonly changedControllers: ReadonlySet<number>;
  readonly changedClientQuotas: boolean;
  readonly changedScramCredentials: boolean;
  readonly changedAccessControlEntries: boolean;
  readonly changedDelegationTokens: boolean;
}

/** The image of a log without records. */
export function emptyImage(clusterId: string): ClusterImage {
  return new ClusterImage({
    offset: -1,
    leaderEpoch: -1,
    clusterId,
    brokers: LayeredMap.empty(),
    controllers: LayeredMap.empty(),
    topics: LayeredMap.empty(),
    topicsById: LayeredMap.empty(),
    configs: LayeredMap.empty(),
    features: new Map(),
    nextProducerId: 0,
    clientQuotas: LayeredMap.empty(),
    scramCredentials: LayeredMap.empty(),
    accessControlEntries: LayeredMap.empty(),
    delegationTokens: LayeredMap.empty(),
  });
}

export function configKey(type: number, name: string): string {
  return `${type}:${name}`;
}

/** The same for the same entity, whatever the order of its parts. */
export function quotaKey(entity: readonly QuotaEntityPart[]): string {
  return JSON.stringify(
    entity
      .map((part) => [part.entityType, part.entityName])
      .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)),
  );
}

export function scramKey(name: string, mechanism: number): string {
  return `${mechanism}:${name}`;
}
