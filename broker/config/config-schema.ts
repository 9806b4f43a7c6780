/**
 * The tables as a controller asks them: what may be set, and what a topic ends up with, over layers that the controller holds.
 *
 * Owns: CreateTopics' view of a topic's configs, which is not that of DescribeConfigs. Leaves to resource-checks.ts: the checks.
 */
import { ResourceType } from "../metadata/metadata-image.ts";
import type { BrokerConfigLayers, ConfigTexts } from "./broker-config-layers.ts";
import { BROKER_CONFIG_KEYS } from "./broker-configs.ts";
import { type ConfigKey, defaultText } from "./config-key.ts";
import { ConfigSource } from "./describe-configs.ts";
import { checkResourceConfigs, checkResourceName } from "./resource-checks.ts";
import { BROKER_SYNONYMS, TOPIC_CONFIG_KEYS } from "./topic-configs.ts";

/** Where the values of a topic may come from, nearest first; then what the node was started with, and the defaults. */
export interface TopicConfigSources {
  readonly topic: ConfigTexts;
  /** Dynamic configs of the controller's own node. */
  readonly node: ConfigTexts;
  /** Dynamic configs of all brokers. */
  readonly cluster: ConfigTexts;
}

export interface EffectiveTopicConfig {
  readonly name: string;
  /** As it was given: not trimmed. */
  readonly value: string | null;
  readonly source: ConfigSource;
  readonly isSensitive: boolean;
}

export class NodeConfigSchema {
  private readonly layers: BrokerConfigLayers;

  /** @param layers those of the controller's own node. */
  constructor(layers: BrokerConfigLayers) {
    this.layers = layers;
  }

  /** Whether values may be appended to and subtracted from: Kafka knows no lists of groups and client metrics. */
  isList(type: ResourceType, name: string): boolean {
    return keyOf(type, name)?.type === "LIST";
  }

  /** The default as text; null when there is none. */
  defaultOf(type: ResourceType, name: string): string | null {
    const key = keyOf(type, name);
    return key === undefined ? null : defaultText(key);
  }

  /**
   * Checks all configs a resource is about to have, its name included. What a broker may have, it has checked itself.
   * @throws KafkaError INVALID_CONFIG (a name or a value), INVALID_REQUEST or INVALID_TOPIC_EXCEPTION (the resource)
   */
  validate(type: ResourceType, resourceName: string, configs: ConfigTexts): void {
    checkResourceName(type, resourceName);
    checkResourceConfigs(type, configs, this.layers.settings);
  }

  /** min.insync.replicas as the node was started. */
  get staticMinInSyncReplicas(): number {
    const text = this.layers.staticTexts.get("min.insync.replicas");
    return text === undefined ? 1 : Number(text);
  }

  /**
   * What one config of a topic will be. Unlike DescribeConfigs this shows texts as they were given, and the topic's own default where
   * nobody set anything; hours and minutes are converted.
   */
  effectiveTopicConfig(name: string, sources: TopicConfigSources): EffectiveTopicConfig {
    const entry = (value: string | null, source: ConfigSource) => ({ name, value, source, isSensitive: false });
    const own = sources.topic.get(name);
    if (own !== undefined) return entry(own, ConfigSource.TOPIC);
    const behind = [
      [sources.node, ConfigSource.DYNAMIC_BROKER],
      [sources.cluster, ConfigSource.DYNAMIC_DEFAULT_BROKER],
      [this.layers.staticTexts, ConfigSource.STATIC_BROKER],
    ] as const;
    for (const [texts, source] of behind)
      for (const { name: synonym, factor } of BROKER_SYNONYMS.get(name) ?? []) {
        const text = texts.get(synonym);
        if (text !== undefined) return entry(factor === undefined ? text : String(Number(text) * factor), source);
      }
    const key = TOPIC_CONFIG_KEYS.get(name);
    return entry(key === undefined ? null : defaultText(key), ConfigSource.DEFAULT);
  }

  /** All that are not internal or are set, in the order of their names. */
  effectiveTopicConfigs(sources: TopicConfigSources): EffectiveTopicConfig[] {
    return [...TOPIC_CONFIG_KEYS]
      .filter(([name, key]) => !key.internal || sources.topic.has(name))
      .map(([name]) => name)
      .sort()
      .map((name) => this.effectiveTopicConfig(name, sources));
  }
}

function keyOf(type: ResourceType, name: string): ConfigKey | undefined {
  if (type === ResourceType.TOPIC) return TOPIC_CONFIG_KEYS.get(name);
  return type === ResourceType.BROKER ? BROKER_CONFIG_KEYS.get(name) : undefined;
}
