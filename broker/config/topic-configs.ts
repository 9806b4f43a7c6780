/**
 * The configs of topics: types, defaults, ranges, and the broker configs that stand in for what a topic does not set.
 *
 * Owns: the table and the checks between configs of one topic. Leaves to broker-config-layers.ts: what a topic's broker says.
 */
import { bool, type ConfigKey, double, int, list, long, MAX_LONG, string } from "./config-key.ts";
import { ConfigError } from "./config-value.ts";
import { atLeast, between, gzipLevel, oneOf, throttledReplicas, validList } from "./valid.ts";

export const TOPIC_CONFIGS = {
  "cleanup.policy": list(["delete"], { valid: validList({ of: ["compact", "delete"] }) }),
  "compression.gzip.level": int(-1, { valid: gzipLevel }),
  "compression.lz4.level": int(9, { valid: between(1, 17) }),
  "compression.type": string("producer", {
    valid: oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
  }),
  "compression.zstd.level": int(3, { valid: between(-131_072, 22) }),
  "delete.retention.ms": long(86_400_000, { valid: atLeast(0) }),
  "file.delete.delay.ms": long(60_000, { valid: atLeast(0) }),
  "flush.messages": long(MAX_LONG, { valid: atLeast(1) }),
  "flush.ms": long(MAX_LONG, { valid: atLeast(0) }),
  "follower.replication.throttled.replicas": list([], { valid: throttledReplicas }),
  "index.interval.bytes": int(4096, { valid: atLeast(0) }),
  "leader.replication.throttled.replicas": list([], { valid: throttledReplicas }),
  "local.retention.bytes": long(-2, { valid: atLeast(-2) }),
  "local.retention.ms": long(-2, { valid: atLeast(-2) }),
  "max.compaction.lag.ms": long(MAX_LONG, { valid: atLeast(1) }),
  "max.message.bytes": int(1_048_588, { valid: atLeast(0) }),
  "message.timestamp.after.max.ms": long(3_600_000, { valid: atLeast(0) }),
  "message.timestamp.before.max.ms": long(MAX_LONG, { valid: atLeast(0) }),
  "message.timestamp.type": string("CreateTime", { valid: oneOf("CreateTime", "LogAppendTime") }),
  "min.cleanable.dirty.ratio": double(0.5, { valid: between(0, 1) }),
  "min.compaction.lag.ms": long(0, { valid: atLeast(0) }),
  "min.insync.replicas": int(1, { valid: atLeast(1) }),
  preallocate: bool(false),
  "remote.log.copy.disable": bool(false),
  "remote.log.delete.on.disable": bool(false),
  "remote.storage.enable": bool(false),
  "retention.bytes": long(-1),
  "retention.ms": long(604_800_000, { valid: atLeast(-1) }),
  "segment.bytes": int(1_073_741_824, { valid: atLeast(1_048_576) }),
  "segment.index.bytes": int(10_485_760, { valid: atLeast(4) }),
  "segment.jitter.ms": long(0, { valid: atLeast(0) }),
  "segment.ms": long(604_800_000, { valid: atLeast(1) }),
  "unclean.leader.election.enable": bool(false),
  /** Smaller segments than segment.bytes allows; not described unless it is set. */
  "internal.segment.bytes": int(null, { internal: true }),
} as const;

export type TopicConfigName = keyof typeof TOPIC_CONFIGS;

/** The table as a map, for names that come from outside. */
export const TOPIC_CONFIG_KEYS: ReadonlyMap<string, ConfigKey> = new Map(Object.entries(TOPIC_CONFIGS));

/** A broker config that gives a topic's value, and how many of the topic's units one of its own is. */
export interface BrokerSynonym {
  readonly name: string;
  readonly factor?: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

const same = (name: string): readonly BrokerSynonym[] => [{ name }];

/** The first one that is set gives the value. A topic config that is missing here has no broker config behind it. */
export const BROKER_SYNONYMS: ReadonlyMap<string, readonly BrokerSynonym[]> = new Map(
  Object.entries({
    "cleanup.policy": same("log.cleanup.policy"),
    "compression.gzip.level": same("compression.gzip.level"),
    "compression.lz4.level": same("compression.lz4.level"),
    "compression.type": same("compression.type"),
    "compression.zstd.level": same("compression.zstd.level"),
    "delete.retention.ms": same("log.cleaner.delete.retention.ms"),
    "file.delete.delay.ms": same("log.segment.delete.delay.ms"),
    "flush.messages": same("log.flush.interval.messages"),
    "flush.ms": [{ name: "log.flush.interval.ms" }, { name: "log.flush.scheduler.interval.ms" }],
    "index.interval.bytes": same("log.index.interval.bytes"),
    "local.retention.bytes": same("log.local.retention.bytes"),
    "local.retention.ms": same("log.local.retention.ms"),
    "max.compaction.lag.ms": same("log.cleaner.max.compaction.lag.ms"),
    "max.message.bytes": same("message.max.bytes"),
    "message.timestamp.after.max.ms": same("log.message.timestamp.after.max.ms"),
    "message.timestamp.before.max.ms": same("log.message.timestamp.before.max.ms"),
    "message.timestamp.type": same("log.message.timestamp.type"),
    "min.cleanable.dirty.ratio": same("log.cleaner.min.cleanable.ratio"),
    "min.compaction.lag.ms": same("log.cleaner.min.compaction.lag.ms"),
    "min.insync.replicas": same("min.insync.replicas"),
    preallocate: same("log.preallocate"),
    "retention.bytes": same("log.retention.bytes"),
    "retention.ms": [
      { name: "log.retention.ms" },
      { name: "log.retention.minutes", factor: MINUTE_MS },
      { name: "log.retention.hours", factor: HOUR_MS },
    ],
    "segment.bytes": same("log.segment.bytes"),
    "segment.index.bytes": same("log.index.size.max.bytes"),
    "segment.jitter.ms": [{ name: "log.roll.jitter.ms" }, { name: "log.roll.jitter.hours", factor: HOUR_MS }],
    "segment.ms": [{ name: "log.roll.ms" }, { name: "log.roll.hours", factor: HOUR_MS }],
    "unclean.leader.election.enable": same("unclean.leader.election.enable"),
  } satisfies Partial<Record<TopicConfigName, readonly BrokerSynonym[]>>),
);

/** What one topic's values must fulfil together. @throws ConfigError */
export function checkTopicConfigsTogether(value: (name: TopicConfigName) => unknown): void {
  const minLagMs = value("min.compaction.lag.ms") as number;
  const maxLagMs = value("max.compaction.lag.ms") as number;
  if (minLagMs > maxLagMs)
    throw new ConfigError(
      `conflict topic config setting min.compaction.lag.ms (${minLagMs}) > max.compaction.lag.ms (${maxLagMs})`,
    );
  if (value("remote.storage.enable") === true)
    throw new ConfigError(
      "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
    );
}
