/**
 * Dynamic configs of topics, brokers, the cluster, groups and client metrics: set one by one (KIP-339) or replaced as a whole.
 *
 * Owns: what becomes of the old value, and what a change of min.insync.replicas does to eligible leader replicas (KIP-966). Leaves
 * names and values to broker/config.
 */

import {
  appended,
  type ConfigOperation,
  ConfigOperationType,
  checkOperations,
  subtracted,
} from "../../../broker/config/config-operation.ts";
import { ResourceType } from "../../../broker/metadata/metadata-image.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { type MetadataRecord, record } from "../../metadata/metadata-record.ts";
import { type ControllerView, hasEligibleLeaderReplicas, metadataVersionIn } from "../controller-view.ts";

export const MIN_IN_SYNC_REPLICAS = "min.insync.replicas";
const CORDONED_LOG_DIRS = "cordoned.log.dirs";
/** Longer values do not fit the record. */
const MAX_VALUE_LENGTH = 32_767;

export interface ConfigResource {
  readonly type: ResourceType;
  readonly name: string;
}

export interface AlterOptions {
  /** It is being created: it need not exist yet. */
  readonly isNew: boolean;
  /** Came through a broker, which has checked it against its own directories. */
  readonly forwarded: boolean;
}

export function setTo(values: ReadonlyMap<string, string>): ConfigOperation[] {
  return [...values].map(([name, value]) => ({ name, configOperation: ConfigOperationType.SET, value }));
}

/** The records of changes to one resource, those that clear eligible leaders last. @throws KafkaError. */
export function decideConfigs(
  view: ControllerView,
  resource: ConfigResource,
  operations: readonly ConfigOperation[],
  options: AlterOptions,
): MetadataRecord[] {
  const before = view.image.configsOf(resource.type, resource.name);
  checkOperations(operations);
  const records = operations
    .map((operation) => ({
      name: operation.name,
      value: newValue(view, resource, operation, before.get(operation.name)),
    }))
    // A broker is told again of what is set already, so that it reads files anew (KAFKA-14136).
    .filter(({ name, value }) => resource.type === ResourceType.BROKER || value !== (before.get(name) ?? null))
    .map(({ name, value }) => configRecord(resource, name, value));
  check(view, resource, records, before, options);
  return [...records, ...clearElrRecords(view, resource, records)];
}

/** Replaces every config of a resource; those left out are deleted. @throws KafkaError. */
export function decideReplacedConfigs(
  view: ControllerView,
  resource: ConfigResource,
  values: ReadonlyMap<string, string>,
  options: AlterOptions,
): MetadataRecord[] {
  const before = view.image.configsOf(resource.type, resource.name);
  const kept = [...values].filter(
    ([name, value]) => resource.type === ResourceType.BROKER || before.get(name) !== value,
  );
  const records = [
    ...kept.map(([name, value]) => configRecord(resource, name, value)),
    ...[...before.keys()].filter((name) => !values.has(name)).map((name) => configRecord(resource, name, null)),
  ];
  check(view, resource, records, before, options);
  return [...records, ...clearElrRecords(view, resource, records)];
}

function configRecord({ type, name: resourceName }: ConfigResource, name: string, value: string | null) {
  return record("Config", 0, { resourceType: type, resourceName, name, value });
}

function newValue(
  { configs }: ControllerView,
  { type }: ConfigResource,
  { name, configOperation, value }: ConfigOperation,
  before: string | undefined,
): string | null {
  if (configOperation === ConfigOperationType.SET || configOperation === ConfigOperationType.DELETE) {
    return configOperation === ConfigOperationType.SET ? value : null;
  }
  const isAppend = configOperation === ConfigOperationType.APPEND;
  if (!configs.isList(type, name)) {
    throw new KafkaError(
      ErrorCode.INVALID_CONFIG,
      `Can't ${isAppend ? "APPEND" : "SUBTRACT"} to key ${name} because its type is not LIST.`,
    );
  }
  const list = before ?? configs.defaultOf(type, name);
  return isAppend ? appended(list, value as string) : subtracted(list, value as string);
}

function check(
  view: ControllerView,
  resource: ConfigResource,
  records: readonly MetadataRecord<"Config">[],
  before: ReadonlyMap<string, string>,
  options: AlterOptions,
): void {
  const after = new Map(before);
  for (const { data } of records) {
    checkGuarded(view, resource, data.name, data.value, before, options);
    if (data.value === null) after.delete(data.name);
    else after.set(data.name, data.value);
  }
  view.configs.validate(resource.type, resource.name, after);
  if (!options.isNew) checkExists(view, resource);
}

/** Configs that the controller itself stands on. */
function checkGuarded(
  view: ControllerView,
  { type, name: resourceName }: ConfigResource,
  name: string,
  value: string | null,
  before: ReadonlyMap<string, string>,
  { forwarded }: AlterOptions,
): void {
  const invalid = (message: string): never => {
    throw new KafkaError(ErrorCode.INVALID_CONFIG, message);
  };
  const isBroker = type === ResourceType.BROKER;
  if (isBroker && name === MIN_IN_SYNC_REPLICAS && hasEligibleLeaderReplicas(view.image)) {
    if (resourceName !== "") invalid(`Broker-level ${name} cannot be altered while ELR is enabled.`);
    if (value === null) invalid(`Cluster-level ${name} cannot be removed while ELR is enabled.`);
  }
  if (isBroker && name === CORDONED_LOG_DIRS) {
    if (!metadataVersionIn(view.image).hasCordonedDirectories) {
      invalid(`The ${name} configuration value cannot be set because it requires metadata.version >= 4.3-IV0`);
    }
    const list = (text: string | null | undefined): string[] => (text?.trim() ? text.trim().split(/\s*,\s*/) : []);
    const present = list(before.get(name));
    if (!forwarded && list(value).some((directory) => !present.includes(directory))) {
      invalid(
        `When updating ${name} via controllers,  the new value must be a subset of the current configuration value.`,
      );
    }
  }
  if (value !== null && value.length > MAX_VALUE_LENGTH) {
    invalid(
      `The configuration value cannot be added because it exceeds the maximum value size of ${MAX_VALUE_LENGTH} bytes.`,
    );
  }
}

function checkExists({ image, nodeId }: ControllerView, { type, name }: ConfigResource): void {
  if (type === ResourceType.TOPIC && !image.topics.has(name)) {
    throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`);
  }
  if (type !== ResourceType.BROKER || name === "") return;
  const id = Number(name);
  if (image.brokers.has(id) || image.controllers.has(id) || id === nodeId) return;
  throw new KafkaError(ErrorCode.BROKER_ID_NOT_REGISTERED, `No node with id ${id} found.`);
}

/** Who was eligible under another min.insync.replicas may not be now. */
function clearElrRecords(
  { image }: ControllerView,
  { type, name }: ConfigResource,
  records: readonly MetadataRecord<"Config">[],
): MetadataRecord[] {
  if (!hasEligibleLeaderReplicas(image)) return [];
  return records
    .filter(({ data }) => data.name === MIN_IN_SYNC_REPLICAS)
    .map(() => record("ClearElr", 0, { topicName: type === ResourceType.TOPIC ? name : "" }));
}
