/**
 * Changes of configs: what AlterConfigs and IncrementalAlterConfigs make of what is set, and whether a resource may be so.
 *
 * Owns: operations and the checks of topics, groups and client metrics, as the controller applies them before it writes records.
 * Leaves to alter-broker-configs.ts: what brokers accept; to the controller: whether the resource exists.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { ResourceType } from "../metadata/metadata-image.ts";
import { illegalTopicName } from "../metadata/topic-name.ts";
import type { ConfigTexts } from "./broker-config-layers.ts";
import { BROKER_CONFIG_KEYS, type BrokerConfig } from "./broker-configs.ts";
import { CLIENT_METRICS_CONFIG_KEYS, checkInterval, IntervalError, parseMatch } from "./client-metrics-configs.ts";
import { type ConfigKey, defaultText, parseConfig } from "./config-key.ts";
import { ConfigError, type ConfigValue } from "./config-value.ts";
import { checkGroupConfigsTogether, GROUP_CONFIG_KEYS } from "./group-configs.ts";
import { topicDefault } from "./topic-config.ts";
import { checkTopicConfigsTogether, TOPIC_CONFIG_KEYS, type TopicConfigName } from "./topic-configs.ts";

export const ConfigOperationType = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

export interface ConfigOperation {
  readonly name: string;
  readonly configOperation: number;
  readonly value: string | null;
}

/** Texts to set; null: to remove. What stays as it is, is left out. */
export type ConfigChanges = ReadonlyMap<string, string | null>;

/** A resource that is to be changed, as the controller knows it. That it exists, and may be called so, has been checked. */
export interface AlterableResource {
  readonly type: ResourceType;
  /** "" of BROKER: all brokers. */
  readonly name: string;
  readonly current: ConfigTexts;
  readonly settings: BrokerConfig;
  /** Whether eligible leader replicas are kept (KIP-966): min.insync.replicas is then one number for all brokers. */
  readonly eligibleLeaderReplicas: boolean;
}

/** What operations change of a resource, checked as a whole. @throws KafkaError INVALID_CONFIG, INVALID_REQUEST */
export function alterIncrementally(resource: AlterableResource, operations: readonly ConfigOperation[]): ConfigChanges {
  return checked(resource, changesOfOperations(resource.type, resource.current, operations));
}

/** What replacing all configs of a resource changes, checked as a whole. @throws KafkaError INVALID_CONFIG, INVALID_REQUEST */
export function alterWholly(
  resource: AlterableResource,
  configs: readonly { readonly name: string; readonly value: string | null }[],
): ConfigChanges {
  return checked(resource, changesOfReplacement(resource.current, configs));
}

function checked(resource: AlterableResource, changes: ConfigChanges): ConfigChanges {
  const { type, name, current, settings } = resource;
  const minInsyncReplicas = changes.get("min.insync.replicas");
  if (resource.eligibleLeaderReplicas && type === ResourceType.BROKER && minInsyncReplicas !== undefined) {
    const refused = "min.insync.replicas cannot be";
    if (name !== "")
      throw new KafkaError(ErrorCode.INVALID_CONFIG, `Broker-level ${refused} altered while ELR is enabled.`);
    if (minInsyncReplicas === null)
      throw new KafkaError(ErrorCode.INVALID_CONFIG, `Cluster-level ${refused} removed while ELR is enabled.`);
  }
  checkResourceConfigs(type, withChanges(current, changes), settings);
  return changes;
}

/** What operations change. @throws KafkaError INVALID_CONFIG, INVALID_REQUEST */
export function changesOfOperations(
  type: ResourceType,
  current: ConfigTexts,
  operations: readonly ConfigOperation[],
): ConfigChanges {
  checkOperations(operations);
  const changes = new Map<string, string | null>();
  for (const operation of operations) {
    const before = current.get(operation.name) ?? null;
    const after = resultOf(type, before, operation);
    if (after !== before) changes.set(operation.name, after);
  }
  return changes;
}

/** What replacing everything changes. @throws KafkaError INVALID_REQUEST */
export function changesOfReplacement(
  current: ConfigTexts,
  configs: readonly { readonly name: string; readonly value: string | null }[],
): ConfigChanges {
  checkOperations(configs.map(({ name, value }) => ({ name, value, configOperation: ConfigOperationType.SET })));
  const changes = new Map<string, string | null>();
  for (const name of current.keys()) changes.set(name, null);
  for (const { name, value } of configs)
    if (current.get(name) === value) changes.delete(name);
    else changes.set(name, value);
  return changes;
}

/** What is set once changes are made. */
export function withChanges(current: ConfigTexts, changes: ConfigChanges): Map<string, string> {
  const after = new Map(current);
  for (const [name, text] of changes)
    if (text === null) after.delete(name);
    else after.set(name, text);
  return after;
}

/** Each name once, each with a value where the operation needs one. @throws KafkaError INVALID_REQUEST */
export function checkOperations(operations: readonly ConfigOperation[]): void {
  if (new Set(operations.map(({ name }) => name)).size < operations.length)
    throw new KafkaError(ErrorCode.INVALID_REQUEST, "Error due to duplicate config keys");
  const empty = operations.filter(
    ({ configOperation, value }) => configOperation !== ConfigOperationType.DELETE && value === null,
  );
  if (empty.length > 0)
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      `Null value not supported for : ${empty.map(({ name }) => name).join(",")}`,
    );
  // Differs from Kafka: an operation that does not exist is INVALID_REQUEST, where Kafka answers UNKNOWN_SERVER_ERROR.
  const unknown = operations.find(({ configOperation }) => configOperation < 0 || configOperation > 3);
  if (unknown !== undefined)
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown operation type ${unknown.configOperation}`);
}

/** A list with elements added that it has not, or without those it has. */
export function appended(before: string | null, value: string): string {
  const elements = elementsOf(before);
  for (const element of value.split(",")) if (!elements.includes(element)) elements.push(element);
  return elements.join(",");
}

export function subtracted(before: string | null, value: string): string {
  const removed = value.split(",");
  return elementsOf(before)
    .filter((element) => !removed.includes(element))
    .join(",");
}

function elementsOf(text: string | null): string[] {
  return text === null || text.trim() === "" ? [] : text.split(",");
}

function resultOf(type: ResourceType, before: string | null, operation: ConfigOperation): string | null {
  const { name, configOperation, value } = operation;
  if (configOperation === ConfigOperationType.DELETE) return null;
  const text = value as string;
  if (configOperation === ConfigOperationType.SET) return text;
  const keys =
    type === ResourceType.TOPIC ? TOPIC_CONFIG_KEYS : type === ResourceType.BROKER ? BROKER_CONFIG_KEYS : undefined;
  const key = keys?.get(name);
  const verb = configOperation === ConfigOperationType.APPEND ? "APPEND" : "SUBTRACT";
  if (key?.type !== "LIST")
    throw new KafkaError(ErrorCode.INVALID_CONFIG, `Can't ${verb} to key ${name} because its type is not LIST.`);
  const from = before ?? defaultText(key);
  return verb === "APPEND" ? appended(from, text) : subtracted(from, text);
}

/** Whether a topic may have these configs; those of CreateTopics too. @throws KafkaError INVALID_CONFIG */
export function checkTopicConfigs(texts: ReadonlyMap<string, string | null>, settings: BrokerConfig): void {
  const empty = [...texts].filter(([, text]) => text === null).map(([name]) => name);
  if (empty.length > 0)
    throw new KafkaError(ErrorCode.INVALID_CONFIG, `Null value not supported for topic configs: ${empty.join(",")}`);
  asInvalidConfig(() => {
    const values = parseAll(TOPIC_CONFIG_KEYS, texts as ConfigTexts, (name) => `Unknown topic config name: ${name}`);
    checkTopicConfigsTogether(
      (name: TopicConfigName) =>
        values.get(name) ?? topicDefault(name, TOPIC_CONFIG_KEYS.get(name) as ConfigKey, settings),
    );
  });
}

/** Whether a group may have these configs. @throws KafkaError INVALID_CONFIG */
export function checkGroupConfigs(texts: ConfigTexts, settings: BrokerConfig): void {
  asInvalidConfig(() => {
    const values = parseAll(GROUP_CONFIG_KEYS, texts, (name) => `Unknown group config name: ${name}`);
    checkGroupConfigsTogether(values, settings);
  });
}

/** Whether a client metrics subscription may have these configs. @throws KafkaError INVALID_REQUEST, INVALID_CONFIG */
export function checkClientMetricsConfigs(texts: ConfigTexts): void {
  for (const name of texts.keys())
    if (!CLIENT_METRICS_CONFIG_KEYS.has(name))
      throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown client metrics configuration: ${name}`);
  asInvalidConfig(() => {
    const values = parseAll(CLIENT_METRICS_CONFIG_KEYS, texts, (name) => name);
    const intervalMs = values.get("interval.ms");
    if (intervalMs !== undefined) checkInterval(intervalMs as number);
    parseMatch((values.get("match") ?? []) as readonly string[]);
  });
}

/** Whether there can be a resource of this name. @throws KafkaError INVALID_REQUEST, INVALID_TOPIC_EXCEPTION */
export function checkResourceName(type: number, name: string): void {
  const refuse = (detail: string): never => {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, detail);
  };
  switch (type) {
    case ResourceType.TOPIC: {
      if (name === "") refuse("Default topic resources are not allowed.");
      const illegal = illegalTopicName(name);
      if (illegal !== undefined)
        throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, `Topic name is invalid: ${illegal}`);
      return;
    }
    case ResourceType.BROKER:
      if (name !== "" && !/^[+-]?\d+$/.test(name)) refuse("Unable to parse broker name as a base 10 number.");
      if (Number(name) < 0) refuse("Invalid negative broker ID.");
      return;
    case ResourceType.CLIENT_METRICS:
      if (name === "") refuse("Subscription name can't be empty");
      return;
    case ResourceType.GROUP:
      if (name === "") refuse("Default group resources are not allowed.");
      return;
    default:
      refuse(`Unknown resource type ${type}`);
  }
}

/** Whether a resource may have these configs, all that will be set. Brokers check theirs themselves. @throws KafkaError */
export function checkResourceConfigs(type: number, texts: ConfigTexts, settings: BrokerConfig): void {
  if (type === ResourceType.TOPIC) checkTopicConfigs(texts, settings);
  else if (type === ResourceType.GROUP) checkGroupConfigs(texts, settings);
  else if (type === ResourceType.CLIENT_METRICS) checkClientMetricsConfigs(texts);
}

function parseAll(
  keys: ReadonlyMap<string, ConfigKey>,
  texts: ConfigTexts,
  unknown: (name: string) => string,
): Map<string, ConfigValue> {
  for (const name of texts.keys()) if (!keys.has(name)) throw new ConfigError(unknown(name));
  return new Map([...texts].map(([name, text]) => [name, parseConfig(name, keys.get(name) as ConfigKey, text)]));
}

function asInvalidConfig(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const code = error instanceof IntervalError ? ErrorCode.INVALID_REQUEST : ErrorCode.INVALID_CONFIG;
    throw new KafkaError(code, error.message, { cause: error });
  }
}
