/**
 * What a share group reads by: what is set for the group, where nothing is the broker's own.
 */
import type { BrokerConfig } from "../config/broker-configs.ts";
import { parseConfig } from "../config/config-key.ts";
import { ConfigError } from "../config/config-value.ts";
import { GROUP_CONFIGS, type GroupConfigName } from "../config/group-configs.ts";
import { type MetadataImage, ResourceType } from "../metadata/metadata-image.ts";

export interface ShareSettings {
  /** share.record.lock.duration.ms: how long a member may take over what it acquired. */
  readonly recordLockDurationMs: number;
  /** share.delivery.count.limit. */
  readonly deliveryCountLimit: number;
  /** share.partition.max.record.locks: records of a partition that may be under way. */
  readonly maxRecordLocks: number;
  /** share.auto.offset.reset: latest, earliest, or by_duration:… */
  readonly autoOffsetReset: string;
  /** share.isolation.level. */
  readonly readCommitted: boolean;
  /** share.renew.acknowledge.enable. */
  readonly renewAcknowledgeEnable: boolean;
}

/** The settings of one group, as the metadata has them now. */
export function shareSettings(groupId: string, image: MetadataImage, broker: BrokerConfig): ShareSettings {
  const texts = image.configsOf(ResourceType.GROUP, groupId);
  const own: ShareSettings = {
    recordLockDurationMs: broker.groupShareRecordLockDurationMs,
    deliveryCountLimit: broker.groupShareDeliveryCountLimit,
    maxRecordLocks: broker.groupSharePartitionMaxRecordLocks,
    autoOffsetReset: GROUP_CONFIGS["share.auto.offset.reset"].defaultValue as string,
    readCommitted: false,
    renewAcknowledgeEnable: true,
  };
  if (texts.size === 0) return own;
  const value = <T>(name: GroupConfigName, otherwise: T): T => parsed<T>(name, texts.get(name)) ?? otherwise;
  const within = (set: number, min: number, max: number): number => Math.min(Math.max(set, min), max);
  return {
    recordLockDurationMs: within(
      value("share.record.lock.duration.ms", own.recordLockDurationMs),
      broker.groupShareMinRecordLockDurationMs,
      broker.groupShareMaxRecordLockDurationMs,
    ),
    deliveryCountLimit: within(
      value("share.delivery.count.limit", own.deliveryCountLimit),
      broker.groupShareMinDeliveryCountLimit,
      broker.groupShareMaxDeliveryCountLimit,
    ),
    maxRecordLocks: within(
      value("share.partition.max.record.locks", own.maxRecordLocks),
      broker.groupShareMinPartitionMaxRecordLocks,
      broker.groupShareMaxPartitionMaxRecordLocks,
    ),
    autoOffsetReset: value("share.auto.offset.reset", own.autoOffsetReset),
    readCommitted: value<string>("share.isolation.level", "read_uncommitted") === "read_committed",
    renewAcknowledgeEnable: value("share.renew.acknowledge.enable", own.renewAcknowledgeEnable),
  };
}

/** The controller lets only valid values in; one that another release wrote is passed over. */
function parsed<T>(name: GroupConfigName, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    return parseConfig(name, GROUP_CONFIGS[name], text) as T;
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

const BY_DURATION = "by_duration:";
const DURATION = /^\+?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d*)?)S)?)?$/i;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** How far back a group begins that has share.auto.offset.reset=by_duration:…; undefined for the other ways. */
export function resetDurationMs(autoOffsetReset: string): number | undefined {
  if (!autoOffsetReset.startsWith(BY_DURATION)) return undefined;
  const [, days = "0", hours = "0", minutes = "0", seconds = "0"] =
    DURATION.exec(autoOffsetReset.slice(BY_DURATION.length)) ?? [];
  return (
    Number(days) * DAY_MS +
    Number(hours) * HOUR_MS +
    Number(minutes) * MINUTE_MS +
    Number(seconds.replace(",", ".")) * SECOND_MS
  );
}
