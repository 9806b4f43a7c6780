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

const PLAIN_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/**
 * log.dirs of a node whose data lies in a directory: the directory, or several in it where log.dirs has several plain names.
 * @param asked log.dirs as somebody set it
 */
export function logDirectoriesWithin(directory: string, asked: string | undefined): string {
  const names = asked?.split(",").map((name) => name.trim()) ?? [];
  const areNames = names.length > 1 && names.every((name) => PLAIN_NAME.test(name));
  return areNames ? names.map((name) => `${directory}/${name}`).join(",") : directory;
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
