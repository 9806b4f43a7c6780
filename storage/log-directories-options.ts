/** What the logs of a node are given, and what they tell: settings with Kafka's defaults, callbacks, descriptions. */
import { DEFAULT_FLUSH_LIMITS, type FlushLimits } from "./background-flush.ts";
import { type CheckpointIntervals, DEFAULT_CHECKPOINT_INTERVALS } from "./checkpoint-schedule.ts";
import type { LogSurroundings } from "./log/log-surroundings.ts";
import type { SegmentedLog } from "./log/segmented-log.ts";
import { type CleanerSettings, DEFAULT_CLEANER_SETTINGS } from "./log-cleaner.ts";
import type { LogConfig } from "./log-config.ts";
import type { UpkeepSettings } from "./log-upkeep.ts";

export interface LogDirectoriesSettings extends UpkeepSettings {
  readonly checkpoints: CheckpointIntervals;
  readonly flush: FlushLimits;
  readonly cleaner: CleanerSettings;
  /** A log that a full disk took offline is opened again when the volume has so much room. */
  readonly reopenUsableBytes: number;
}

export const DEFAULT_LOG_DIRECTORIES_SETTINGS: LogDirectoriesSettings = {
  retentionCheckIntervalMs: 300_000,
  initialTaskDelayMs: 30_000,
  producerExpirationCheckIntervalMs: 600_000,
  checkpoints: DEFAULT_CHECKPOINT_INTERVALS,
  flush: DEFAULT_FLUSH_LIMITS,
  cleaner: DEFAULT_CLEANER_SETTINGS,
  reopenUsableBytes: 64 * 1024 * 1024,
};

export interface LogDirectoriesOptions {
  readonly around: LogSurroundings;
  /** log.dirs */
  readonly paths: readonly string[];
  readonly clusterId: string;
  readonly nodeId: number;
  readonly configOf: (topic: string) => LogConfig;
  readonly settings?: Partial<LogDirectoriesSettings>;
  /** A log is offline for good. */
  readonly onLogOffline?: (log: SegmentedLog, error: Error) => void;
  /** A log takes the place of one that a full disk had taken offline. */
  readonly onLogReopened?: (log: SegmentedLog, before: SegmentedLog) => void;
  /** Logs that a full disk had kept from being opened, or made, are there now. */
  readonly onMissingOpened?: () => void;
  /** The directory that metadata assigns to a partition of this node; undefined when it says nothing of one. */
  readonly assignedDirectory?: (topic: string, partition: number) => string | undefined;
  /** A future log has all of the current one: true once whoever keeps the metadata knows that it will take its place. */
  readonly onFutureReady?: (future: SegmentedLog) => Promise<boolean>;
  /** In the turn in which a log takes the place of one in another directory. */
  readonly onLogMoved?: (log: SegmentedLog, before: SegmentedLog) => void;
  /** A future log will not take the place of the current one. */
  readonly onMoveEnded?: (future: SegmentedLog) => void;
  /** Bytes a second of logs on the move, as it is set now; Infinity for no limit. */
  readonly moveBytesPerSecond?: () => number;
  /** Every log in the directory is offline, and was told so. */
  readonly onDirectoryOffline?: (directoryId: string) => void;
}

export interface ObtainOptions {
  /** The metadata says that the replica is new here: it does not lie in a directory that is offline. */
  readonly isNew?: boolean;
  /** The directory that the metadata assigns. */
  readonly directoryId?: string;
  /** Nothing new is to be put there, as long as there is another. */
  readonly isCordoned?: (path: string) => boolean;
}

export interface DirectoryDescription {
  readonly path: string;
  /** Undefined for one that could not be opened. */
  readonly directoryId: string | undefined;
  readonly isOffline: boolean;
  /** Of the volume; -1 when it is offline. */
  readonly totalBytes: number;
  readonly usableBytes: number;
  readonly logs: readonly SegmentedLog[];
  /** Those that are being filled to take the place of one in another directory. */
  readonly futures: readonly SegmentedLog[];
}
