/**
 * A sentence on each config that users of topics, groups and client metrics set, for DescribeConfigs v3+ (KIP-569).
 *
 * Differs from Kafka: DescribeConfigs documents configs in sentences of our own.
 */
import { ResourceType } from "../metadata/metadata-image.ts";
import { brokerDocumentationOf } from "./broker-documentation.ts";

const TOPIC: Readonly<Record<string, string>> = {
  "cleanup.policy":
    "What happens to old records: delete (after a time or beyond a size), compact (keep the last of each key), or both.",
  "compression.gzip.level": "The level at which batches are compressed when compression.type is gzip.",
  "compression.lz4.level": "The level at which batches are compressed when compression.type is lz4.",
  "compression.type": "How batches are stored: as their producer compressed them, uncompressed, or with one codec.",
  "compression.zstd.level": "The level at which batches are compressed when compression.type is zstd.",
  "delete.retention.ms": "How long a compacted topic keeps the marker of a deleted key.",
  "file.delete.delay.ms": "How long a file that was taken out of a log stays on the disk.",
  "flush.messages": "After how many records a log is synced to the disk.",
  "flush.ms": "After how long a log is synced to the disk.",
  "follower.replication.throttled.replicas":
    "The replicas whose fetching is throttled: partition:broker, or * for all.",
  "index.interval.bytes": "How many bytes of records lie between two entries of an offset index.",
  "internal.segment.bytes": "The size of a segment, without the lower limit of segment.bytes.",
  "leader.replication.throttled.replicas": "The replicas that are served throttled: partition:broker, or * for all.",
  "local.retention.bytes": "How much of a tiered log stays on the broker's disk.",
  "local.retention.ms": "How long a tiered log stays on the broker's disk.",
  "max.compaction.lag.ms": "How long a record may stay uncompacted.",
  "max.message.bytes": "The largest batch that is accepted, as it is sent.",
  "message.timestamp.after.max.ms": "How far ahead of the broker's time a record's timestamp may be.",
  "message.timestamp.before.max.ms": "How far behind the broker's time a record's timestamp may be.",
  "message.timestamp.type": "Whether records carry the time at which they were made or were appended.",
  "min.cleanable.dirty.ratio": "The share of a log that must be uncompacted before it is compacted.",
  "min.compaction.lag.ms": "How long a record stays uncompacted at least.",
  "min.insync.replicas": "How many replicas must have a record before acks=all is acknowledged.",
  preallocate: "Whether a new segment's file gets its full size at once.",
  "remote.log.copy.disable": "Whether a tiered topic is no longer copied.",
  "remote.log.delete.on.disable": "Whether what was copied is deleted once a topic is no longer tiered.",
  "remote.storage.enable": "Whether old segments go to a remote storage.",
  "retention.bytes": "How large a partition's log may be before its oldest segments are deleted; -1 without limit.",
  "retention.ms": "How old a segment may be before it is deleted; -1 without limit.",
  "segment.bytes": "The size of a segment.",
  "segment.index.bytes": "The size of an offset index.",
  "segment.jitter.ms": "The random part of segment.ms, so that segments do not all roll at once.",
  "segment.ms": "After how long a new segment begins.",
  "unclean.leader.election.enable":
    "Whether a replica that is not in sync may lead when no other can, losing what it lacks.",
};

const GROUP: Readonly<Record<string, string>> = {
  "consumer.session.timeout.ms": "After how long a consumer that says nothing is taken for dead.",
  "consumer.heartbeat.interval.ms": "How often a consumer says that it lives.",
  "consumer.assignment.interval.ms": "The least time between two assignments of a consumer group.",
  "share.session.timeout.ms": "After how long a member of a share group that says nothing is taken for dead.",
  "share.heartbeat.interval.ms": "How often a member of a share group says that it lives.",
  "share.record.lock.duration.ms": "How long a record is held by the consumer that acquired it.",
  "share.delivery.count.limit": "How often a record is delivered at most.",
  "share.partition.max.record.locks": "How many records of a partition may be held at once.",
  "share.auto.offset.reset": "Where a share group starts: latest, earliest, or by_duration: and how long before now.",
  "share.isolation.level": "Whether a share group sees records of transactions that are not committed.",
  "share.renew.acknowledge.enable": "Whether a consumer may prolong its hold of a record.",
  "share.assignment.interval.ms": "The least time between two assignments of a share group.",
  "streams.session.timeout.ms": "After how long a member of a streams group that says nothing is taken for dead.",
  "streams.heartbeat.interval.ms": "How often a member of a streams group says that it lives.",
  "streams.num.standby.replicas": "How many standby tasks each task has.",
  "streams.initial.rebalance.delay.ms": "How long the first assignment of a streams group waits for more members.",
  "streams.assignment.interval.ms": "The least time between two assignments of a streams group.",
};

const CLIENT_METRICS: Readonly<Record<string, string>> = {
  metrics: "Prefixes of the metrics that clients push; * for all.",
  "interval.ms": "How often clients push.",
  match: "Which clients push: selector=regular expression, all of which must hold.",
};

const BY_TYPE: ReadonlyMap<number, Readonly<Record<string, string>>> = new Map([
  [ResourceType.TOPIC, TOPIC],
  [ResourceType.GROUP, GROUP],
  [ResourceType.CLIENT_METRICS, CLIENT_METRICS],
]);

/** Null where there is none. @param name a name of the tables. */
export function documentationOf(resourceType: number, name: string): string | null {
  if (resourceType === ResourceType.BROKER) return brokerDocumentationOf(name);
  return BY_TYPE.get(resourceType)?.[name] ?? null;
}
