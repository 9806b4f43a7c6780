/**
 * Kafka's broker configs that the logs of a node take their times and limits from.
 */
import type { BrokerConfig } from "../broker/config/broker-configs.ts";
import type { LogDirectoriesSettings } from "../storage/log-directories-options.ts";

/** log.dirs, or log.dir: at least one. */
export function logDirectoryPaths(settings: BrokerConfig): readonly string[] {
  const paths = settings.logDirs ?? settings.logDir ?? [];
  return paths.map((path) => (path.length > 1 ? path.replace(/\/+$/, "") : path));
}

export function logDirectoriesSettings(settings: BrokerConfig): Partial<LogDirectoriesSettings> {
  return {
    retentionCheckIntervalMs: settings.logRetentionCheckIntervalMs,
    initialTaskDelayMs: settings.logInitialTaskDelayMs,
    producerExpirationCheckIntervalMs: settings.producerIdExpirationCheckIntervalMs,
    checkpoints: {
      recoveryPointMs: settings.logFlushOffsetCheckpointIntervalMs,
      logStartMs: settings.logFlushStartOffsetCheckpointIntervalMs,
      highWatermarkMs: settings.replicaHighWatermarkCheckpointIntervalMs,
    },
    cleaner: {
      enabled: settings.logCleanerEnable,
      backoffMs: settings.logCleanerBackoffMs,
      dedupeBufferBytes: settings.logCleanerDedupeBufferSize,
      ioMaxBytesPerSecond: settings.logCleanerIoMaxBytesPerSecond,
    },
  };
}
