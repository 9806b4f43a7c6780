/**
 * What holds for one topic: its own configs over those of the broker, and what of it acts on its logs.
 *
 * Owns: the order (topic, then the broker's settings as they are now), Kafka's conversions (hours and minutes to milliseconds).
 * Leaves to BrokerConfigLayers: which of the broker's layers wins.
 */
import type { CompressionType, LogConfig } from "../../storage/log-config.ts";
import { type BrokerConfig, type BrokerConfigName, settingOf } from "./broker-configs.ts";
import { type ConfigKey, camelCase, parseConfig, type ValuesOf } from "./config-key.ts";
import { ConfigError, type ConfigValue } from "./config-value.ts";
import { BROKER_SYNONYMS, TOPIC_CONFIG_KEYS, type TOPIC_CONFIGS } from "./topic-configs.ts";

/** Every topic config. */
export type TopicConfig = ValuesOf<typeof TOPIC_CONFIGS>;

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** -1: forever. */
export function logRetentionMs(settings: BrokerConfig): number {
  const { logRetentionMs: ms, logRetentionMinutes: minutes, logRetentionHours: hours } = settings;
  const retentionMs = ms ?? (minutes === null ? hours * HOUR_MS : minutes * MINUTE_MS);
  return retentionMs < 0 ? -1 : retentionMs;
}

export function logRollMs(settings: BrokerConfig): number {
  return settings.logRollMs ?? settings.logRollHours * HOUR_MS;
}

export function logRollJitterMs(settings: BrokerConfig): number {
  return settings.logRollJitterMs ?? settings.logRollJitterHours * HOUR_MS;
}

/** The value of a topic config where the topic sets none. */
export function topicDefault(name: string, key: ConfigKey, settings: BrokerConfig): ConfigValue {
  if (name === "retention.ms") return logRetentionMs(settings);
  for (const { name: synonym, factor = 1 } of BROKER_SYNONYMS.get(name) ?? []) {
    const value = settingOf(settings, synonym as BrokerConfigName);
    if (value !== null) return typeof value === "number" ? value * factor : value;
  }
  return key.defaultValue;
}

/**
 * A topic's configs. An override that is no valid value (as a metadata log of another make may hold) is passed over, as if it were
 * not there; an unknown one too.
 */
export function topicConfig(overrides: ReadonlyMap<string, string>, settings: BrokerConfig): TopicConfig {
  const config = {} as Record<string, ConfigValue>;
  for (const [name, key] of TOPIC_CONFIG_KEYS) {
    const text = overrides.get(name);
    const own = text === undefined ? undefined : parseOrUndefined(name, key, text);
    config[camelCase(name)] = own ?? topicDefault(name, key, settings);
  }
  return config as TopicConfig;
}

/** The part of a topic's configs that acts on its logs. */
export function logConfig(topic: TopicConfig): LogConfig {
  return {
    segmentBytes: topic.internalSegmentBytes ?? topic.segmentBytes,
    segmentMs: topic.segmentMs,
    segmentJitterMs: topic.segmentJitterMs,
    segmentIndexBytes: topic.segmentIndexBytes,
    indexIntervalBytes: topic.indexIntervalBytes,
    flushMessages: topic.flushMessages,
    flushMs: topic.flushMs,
    retentionBytes: topic.retentionBytes,
    retentionMs: topic.retentionMs,
    maxMessageBytes: topic.maxMessageBytes,
    deleteRetentionMs: topic.deleteRetentionMs,
    minCompactionLagMs: topic.minCompactionLagMs,
    maxCompactionLagMs: topic.maxCompactionLagMs,
    fileDeleteDelayMs: topic.fileDeleteDelayMs,
    minCleanableDirtyRatio: topic.minCleanableDirtyRatio,
    cleanupDelete: topic.cleanupPolicy.includes("delete"),
    cleanupCompact: topic.cleanupPolicy.includes("compact"),
    compressionType: topic.compressionType as CompressionType,
    compressionGzipLevel: topic.compressionGzipLevel,
    compressionLz4Level: topic.compressionLz4Level,
    compressionZstdLevel: topic.compressionZstdLevel,
    preallocate: topic.preallocate,
    messageTimestampType: topic.messageTimestampType as LogConfig["messageTimestampType"],
    messageTimestampBeforeMaxMs: topic.messageTimestampBeforeMaxMs,
    messageTimestampAfterMaxMs: topic.messageTimestampAfterMaxMs,
  };
}

function parseOrUndefined(name: string, key: ConfigKey, text: string): ConfigValue | undefined {
  try {
    return parseConfig(name, key, text);
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}
