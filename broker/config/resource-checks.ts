/**
 * Whether topics, groups and client metrics may have the configs they are about to have, in Kafka's words.
 *
 * Owns: names of resources, and all configs of one together. Leaves to the controller: operations, and whether the resource exists;
 * to alter-broker-configs.ts: what brokers accept.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { ResourceType } from "../metadata/metadata-image.ts";
import { illegalTopicName } from "../metadata/topic-name.ts";
import type { ConfigTexts } from "./broker-config-layers.ts";
import type { BrokerConfig } from "./broker-configs.ts";
import { CLIENT_METRICS_CONFIG_KEYS, checkInterval, IntervalError, parseMatch } from "./client-metrics-configs.ts";
import { type ConfigKey, parseConfig } from "./config-key.ts";
import { ConfigError, type ConfigValue } from "./config-value.ts";
import { checkGroupConfigsTogether, GROUP_CONFIG_KEYS } from "./group-configs.ts";
import { topicDefault } from "./topic-config.ts";
import { checkTopicConfigsTogether, TOPIC_CONFIG_KEYS, type TopicConfigName } from "./topic-configs.ts";

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
