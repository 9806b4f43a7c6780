/**
 * The cluster as of one offset of the metadata log. Immutable: an image that was handed out never changes; the next one
 * shares what did not.
 *
 * Built in cluster/metadata from Kafka's metadata records; the data plane only reads it.
 */
export interface EndpointImage {
  /** Listener name, as PLAINTEXT. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL. */
  readonly securityProtocol: number;
}

export interface BrokerImage {
  readonly id: number;
  readonly brokerEpoch: number;
  readonly incarnationId: string;
  readonly endpoints: readonly EndpointImage[];
  readonly rack: string | null;
  readonly fenced: boolean;
  readonly inControlledShutdown: boolean;
  /** Directory ids. */
  readonly directories: readonly string[];
  readonly features: ReadonlyMap<string, { readonly min: number; readonly max: number }>;
}

export const NO_LEADER = -1;

export interface PartitionImage {
  readonly partition: number;
  /** Assigned order: the first is the preferred leader. */
  readonly replicas: readonly number[];
  /** Directory id of each replica, in the order of `replicas`. */
  readonly directories: readonly string[];
  readonly inSyncReplicas: readonly number[];
  readonly eligibleLeaderReplicas: readonly number[];
  readonly lastKnownEligibleLeaderReplicas: readonly number[];
  readonly addingReplicas: readonly number[];
  readonly removingReplicas: readonly number[];
  /** NO_LEADER when there is none. */
  readonly leader: number;
  /** 0 recovered, 1 recovering from an unclean election. */
  readonly leaderRecoveryState: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
}

export interface TopicImage {
  readonly name: string;
  readonly id: string;
  /** By partition index. */
  readonly partitions: readonly PartitionImage[];
}

export const ResourceType = { TOPIC: 2, BROKER: 4, BROKER_LOGGER: 8, CLIENT_METRICS: 16, GROUP: 32 } as const;
export type ResourceType = (typeof ResourceType)[keyof typeof ResourceType];

export interface QuotaEntityPart {
  readonly entityType: string;
  /** Null: the default of its type. */
  readonly entityName: string | null;
}

export interface ClientQuota {
  readonly entity: readonly QuotaEntityPart[];
  readonly values: ReadonlyMap<string, number>;
}

/** What is told of a SCRAM credential. */
export interface ScramCredentialInfo {
  readonly name: string;
  /** 1 SCRAM-SHA-256, 2 SCRAM-SHA-512. */
  readonly mechanism: number;
  readonly iterations: number;
}

export interface MetadataImage {
  /** Offset of the last record applied; -1 when there is none. */
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly clusterId: string;
  readonly brokers: ReadonlyMap<number, BrokerImage>;
  readonly topics: ReadonlyMap<string, TopicImage>;
  readonly topicsById: ReadonlyMap<string, TopicImage>;
  /** Dynamic configs of a resource; an empty map when it has none. The name "" of BROKER is the cluster default. */
  configsOf(type: ResourceType, name: string): ReadonlyMap<string, string>;
  /** Names of resources of a type that have dynamic configs. */
  resourcesWithConfigs(type: ResourceType): readonly string[];
  /** Finalized level per feature; those at level 0 are left out. */
  readonly features: ReadonlyMap<string, number>;
  /** The next producer id no broker has been given. */
  readonly nextProducerId: number;
  /** A line per entity; the keys mean nothing here, nor those of the credentials. */
  readonly clientQuotas: ReadonlyMap<string, ClientQuota>;
  readonly scramCredentials: ReadonlyMap<string, ScramCredentialInfo>;
}

/** What changed between two images, for those who hold state of their own. */
export interface MetadataDelta {
  readonly image: MetadataImage;
  readonly previous: MetadataImage;
  /** Topics that were made, changed (a partition, a leader, an ISR) or deleted; by id, since a name may come back. */
  readonly changedTopicIds: ReadonlySet<string>;
  readonly deletedTopicIds: ReadonlySet<string>;
  /** Resources whose configs changed. */
  readonly changedConfigs: readonly { readonly type: ResourceType; readonly name: string }[];
  readonly changedBrokers: ReadonlySet<number>;
  readonly changedFeatures: boolean;
}
