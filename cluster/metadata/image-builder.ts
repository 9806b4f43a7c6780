/**
 * From one image to the next: replays records onto a draft and gives the image that results, with what changed.
 *
 * Owns: what each record means. Leaves to metadata-loader.ts: which records belong together. Only what records touch is copied.
 * Invariant: the same records onto the same image give the same image, on the controller, on brokers and from snapshots.
 */
import { strict as assert } from "node:assert";
import type { ClientQuota, PartitionImage, ResourceType, TopicImage } from "../../broker/metadata/metadata-image.ts";
import { brokerFromRecord, changedBroker, controllerFromRecord, FencedChange } from "./broker-records.ts";
import {
  type AccessControlEntry,
  type BrokerRegistration,
  type ClusterDelta,
  ClusterImage,
  type ControllerRegistration,
  configKey,
  type DelegationToken,
  quotaKey,
  type ScramCredential,
  scramKey,
} from "./cluster-image.ts";
import type { LayeredMap } from "./layered-map.ts";
import { type MetadataRecord, record as makeRecord } from "./metadata-record.ts";
import { changedPartition, partitionFromRecord, withoutEligibleLeaders } from "./partition-records.ts";

/** Its levels live in control records of the quorum, not in the image (KAFKA-18979). */
const KRAFT_VERSION = "kraft.version";
const TOPIC_RESOURCE: ResourceType = 2;

/** A map under change: what was set or removed, on top of what was. */
class Draft<K, V> {
  private readonly before: LayeredMap<K, V>;
  readonly changes = new Map<K, V | undefined>();

  constructor(before: LayeredMap<K, V>) {
    this.before = before;
  }

  get(key: K): V | undefined {
    return this.changes.has(key) ? this.changes.get(key) : this.before.get(key);
  }

  set(key: K, value: V | undefined): void {
    this.changes.set(key, value);
  }

  build(): LayeredMap<K, V> {
    return this.before.with(this.changes);
  }
}

interface TopicDraft {
  readonly name: string;
  readonly id: string;
  readonly partitions: PartitionImage[];
}

export class ImageBuilder {
  private readonly before: ClusterImage;
  private readonly brokers: Draft<number, BrokerRegistration>;
  private readonly controllers: Draft<number, ControllerRegistration>;
  /** Topics whose partitions may still be changed in place. */
  private readonly openTopics = new Map<string, TopicDraft>();
  private readonly topicsById: Draft<string, TopicImage>;
  private readonly topicIds: Draft<string, TopicImage>;
  private readonly configs: Draft<string, ReadonlyMap<string, string>>;
  private readonly changedConfigs = new Map<string, { readonly type: ResourceType; readonly name: string }>();
  private readonly deletedTopicIds = new Set<string>();
  private readonly clientQuotas: Draft<string, ClientQuota>;
  private readonly scramCredentials: Draft<string, ScramCredential>;
  private readonly accessControlEntries: Draft<string, AccessControlEntry>;
  private readonly delegationTokens: Draft<string, DelegationToken>;
  private features: Map<string, number> | undefined;
  private nextProducerId: number;

  constructor(before: ClusterImage) {
    this.before = before;
    this.brokers = new Draft(before.brokers);
    this.controllers = new Draft(before.controllers);
    this.topicsById = new Draft(before.topicsById);
    this.topicIds = new Draft(before.topics);
    this.configs = new Draft(before.configs);
    this.clientQuotas = new Draft(before.clientQuotas);
    this.scramCredentials = new Draft(before.scramCredentials);
    this.accessControlEntries = new Draft(before.accessControlEntries);
    this.delegationTokens = new Draft(before.delegationTokens);
    this.nextProducerId = before.nextProducerId;
  }

  replay(record: MetadataRecord): void {
    switch (record.type) {
      case "RegisterBroker":
        this.brokers.set(record.data.brokerId, brokerFromRecord(record.data));
        break;
      case "UnregisterBroker":
        this.brokerOf(record.data.brokerId, record.data.brokerEpoch);
        this.brokers.set(record.data.brokerId, undefined);
        break;
      case "BrokerRegistrationChange":
        this.changeBroker(record.data);
        break;
      case "FenceBroker":
        this.fence(record.data, FencedChange.FENCE);
        break;
      case "UnfenceBroker":
        this.fence(record.data, FencedChange.UNFENCE);
        break;
      case "RegisterController":
        this.controllers.set(record.data.controllerId, controllerFromRecord(record.data));
        break;
      case "Topic":
        this.addTopic(record.data);
        break;
      case "Partition": {
        const { partitions } = this.openTopic(record.data.topicId);
        partitions[record.data.partitionId] = partitionFromRecord(record.data);
        break;
      }
      case "PartitionChange":
        this.changePartition(record.data);
        break;
      case "RemoveTopic":
        this.removeTopic(record.data.topicId);
        break;
      case "ClearElr":
        this.clearEligibleLeaders(record.data.topicName);
        break;
      case "Config":
        this.changeConfig(record.data);
        break;
      case "FeatureLevel":
        this.setFeature(record.data.name, record.data.featureLevel);
        break;
      case "ProducerIds":
        this.nextProducerId = record.data.nextProducerId;
        break;
      case "ClientQuota":
        this.changeQuota(record.data);
        break;
      case "UserScramCredential":
        this.scramCredentials.set(scramKey(record.data.name, record.data.mechanism), record.data);
        break;
      case "RemoveUserScramCredential":
        this.scramCredentials.set(scramKey(record.data.name, record.data.mechanism), undefined);
        break;
      case "AccessControlEntry":
        this.accessControlEntries.set(record.data.id, record.data);
        break;
      case "RemoveAccessControlEntry":
        this.accessControlEntries.set(record.data.id, undefined);
        break;
      case "DelegationToken":
        this.delegationTokens.set(record.data.tokenId, record.data);
        break;
      case "RemoveDelegationToken":
        this.delegationTokens.set(record.data.tokenId, undefined);
        break;
      case "NoOp":
      case "ZkMigrationState":
      case "BeginTransaction":
      case "EndTransaction":
      case "AbortTransaction":
        break;
    }
  }

  /** The image after what was replayed, and the difference; the builder must not be used again. */
  build(offset: number, leaderEpoch: number): ClusterDelta {
    for (const [id, draft] of this.openTopics) {
      this.topicsById.set(id, draft);
      this.topicIds.set(draft.name, draft);
    }
    const { before } = this;
    const image = new ClusterImage({
      offset,
      leaderEpoch,
      clusterId: before.clusterId,
      brokers: this.brokers.build(),
      controllers: this.controllers.build(),
      topics: this.topicIds.build(),
      topicsById: this.topicsById.build(),
      configs: this.configs.build(),
      features: this.features ?? before.features,
      nextProducerId: this.nextProducerId,
      clientQuotas: this.clientQuotas.build(),
      scramCredentials: this.scramCredentials.build(),
      accessControlEntries: this.accessControlEntries.build(),
      delegationTokens: this.delegationTokens.build(),
    });
    return {
      image,
      previous: before,
      changedTopicIds: new Set(this.topicsById.changes.keys()),
      deletedTopicIds: this.deletedTopicIds,
      changedConfigs: [...this.changedConfigs.values()],
      changedBrokers: new Set(this.brokers.changes.keys()),
      changedFeatures: this.features !== undefined,
      changedControllers: new Set(this.controllers.changes.keys()),
      changedClientQuotas: this.clientQuotas.changes.size > 0,
      changedScramCredentials: this.scramCredentials.changes.size > 0,
      changedAccessControlEntries: this.accessControlEntries.changes.size > 0,
      changedDelegationTokens: this.delegationTokens.changes.size > 0,
    };
  }

  private brokerOf(id: number, brokerEpoch: number): BrokerRegistration {
    const broker = this.brokers.get(id);
    assert(broker !== undefined, `a record is about broker ${id}, which is not registered`);
    assert(
      broker.brokerEpoch === brokerEpoch,
      `a record is about epoch ${brokerEpoch} of broker ${id}, not the current`,
    );
    return broker;
  }

  private changeBroker(change: MetadataRecord<"BrokerRegistrationChange">["data"]): void {
    this.brokers.set(change.brokerId, changedBroker(this.brokerOf(change.brokerId, change.brokerEpoch), change));
  }

  private fence({ id, epoch }: { readonly id: number; readonly epoch: number }, fenced: -1 | 1): void {
    const { data } = makeRecord("BrokerRegistrationChange", 0, { brokerId: id, brokerEpoch: epoch, fenced });
    this.changeBroker(data);
  }

  private addTopic({ name, topicId }: MetadataRecord<"Topic">["data"]): void {
    assert(this.topicIds.get(name) === undefined, `topic ${name} is made twice`);
    const draft: TopicDraft = { name, id: topicId, partitions: [] };
    this.openTopics.set(topicId, draft);
    this.topicIds.set(name, draft);
    this.topicsById.set(topicId, draft);
  }

  /** The topic as a draft whose partitions may be changed. */
  private openTopic(id: string): TopicDraft {
    const open = this.openTopics.get(id);
    if (open !== undefined) return open;
    const topic = this.topicsById.get(id);
    assert(topic !== undefined, `a record is about topic ${id}, which does not exist`);
    const draft: TopicDraft = { name: topic.name, id, partitions: [...topic.partitions] };
    this.openTopics.set(id, draft);
    return draft;
  }

  private changePartition(change: MetadataRecord<"PartitionChange">["data"]): void {
    const { partitions } = this.openTopic(change.topicId);
    const before = partitions[change.partitionId];
    assert(
      before !== undefined,
      `a record changes partition ${change.partitionId} of ${change.topicId}, which is not there`,
    );
    partitions[change.partitionId] = changedPartition(before, change);
  }

  private removeTopic(id: string): void {
    const topic = this.openTopics.get(id) ?? this.topicsById.get(id);
    assert(topic !== undefined, `topic ${id} is removed but does not exist`);
    this.openTopics.delete(id);
    this.topicIds.set(topic.name, undefined);
    this.topicsById.set(id, undefined);
    this.deletedTopicIds.add(id);
    const key = configKey(TOPIC_RESOURCE, topic.name);
    if (this.configs.get(key) === undefined) return;
    this.configs.set(key, undefined);
    this.changedConfigs.set(key, { type: TOPIC_RESOURCE, name: topic.name });
  }

  private clearEligibleLeaders(name: string): void {
    if (name === "") {
      const before = [...this.before.topicsById.keys()].filter((id) => this.topicsById.get(id) !== undefined);
      for (const id of new Set([...before, ...this.openTopics.keys()])) this.clearEligibleLeadersOf(id);
      return;
    }
    const topic = this.topicIds.get(name);
    assert(topic !== undefined, `eligible leaders of topic ${name} are cleared, which does not exist`);
    this.clearEligibleLeadersOf(topic.id);
  }

  private clearEligibleLeadersOf(id: string): void {
    const topic = this.openTopics.get(id) ?? (this.topicsById.get(id) as TopicImage);
    if (topic.partitions.every((partition) => withoutEligibleLeaders(partition) === partition)) return;
    const { partitions } = this.openTopic(id);
    partitions.forEach((partition, index) => {
      partitions[index] = withoutEligibleLeaders(partition);
    });
  }

  private changeConfig({ resourceType, resourceName, name, value }: MetadataRecord<"Config">["data"]): void {
    const key = configKey(resourceType, resourceName);
    const configs = new Map(this.configs.get(key));
    if (value === null) configs.delete(name);
    else configs.set(name, value);
    this.configs.set(key, configs.size === 0 ? undefined : configs);
    this.changedConfigs.set(key, { type: resourceType as ResourceType, name: resourceName });
  }

  private setFeature(name: string, level: number): void {
    if (name === KRAFT_VERSION) return;
    this.features ??= new Map(this.before.features);
    if (level === 0) this.features.delete(name);
    else this.features.set(name, level);
  }

  private changeQuota({ entity, key, value, remove }: MetadataRecord<"ClientQuota">["data"]): void {
    const id = quotaKey(entity);
    const values = new Map(this.clientQuotas.get(id)?.values);
    if (remove) values.delete(key);
    else values.set(key, value);
    const parts = entity.map(({ entityType, entityName }) => ({ entityType, entityName }));
    this.clientQuotas.set(id, values.size === 0 ? undefined : { entity: parts, values });
  }
}
