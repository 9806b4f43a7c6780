/**
 * Opens the logs that lie in a node's directories, and closes them: a few at a time, and never for long in one turn.
 *
 * Owns: which directory holds what, with which checkpoints it is opened, and that two directories do not hold the same log.
 * Leaves to openPartitionLog: what lies in it. A log that cannot be opened is remembered as failed; others live.
 */
import { KafkaError } from "../protocol/kafka-error.ts";
import type { Clock } from "./clock.ts";
import { partitionDirectoryName } from "./directory-name.ts";
import { DiskError } from "./disk.ts";
import type { HostedLog, HostedLogs } from "./hosted-logs.ts";
import type { LogSurroundings } from "./log/log-surroundings.ts";
import { openPartitionLog } from "./log/open-partition-log.ts";
import type { SegmentedLog } from "./log/segmented-log.ts";
import type { LogConfig } from "./log-config.ts";
import type { FoundDirectory, LogDirectory } from "./log-directory.ts";
import { DirectoryRefused } from "./meta-properties.ts";
import { TimeSlice } from "./time-slice.ts";

/** The quorum's own log; it opens it itself. */
const METADATA_TOPIC = "__cluster_metadata";
/** Recovery reads off the loop: some logs wait while others are looked at. */
const CONCURRENT_LOADS = 4;
const CONCURRENT_CLOSES = 8;

/** A log that could not be opened, or not be made, where it lies, and why. */
export interface FailedLog {
  readonly error: Error;
  readonly place: LogPlace;
  readonly directory: LogDirectory;
}

export interface LogPlace {
  readonly topic: string;
  readonly partition: number;
  readonly path: string;
  /** Left out where only what lies there can say it. */
  readonly topicId?: string;
}

export interface LoadedLogs {
  readonly logs: readonly HostedLog[];
  /** Those that could not be opened, by name. */
  readonly failed: ReadonlyMap<string, FailedLog>;
  /** Directories of logs that were deleted before the node stopped. */
  readonly deleted: readonly FoundDirectory[];
}

/** @throws DirectoryRefused: two directories hold the same log. DiskError of a directory that cannot be listed goes to `directoryFailed`. */
export async function loadLogs(
  around: LogSurroundings,
  directories: readonly LogDirectory[],
  configOf: (topic: string) => LogConfig,
  directoryFailed: (directory: LogDirectory, error: DiskError) => void,
): Promise<LoadedLogs> {
  const jobs: { readonly found: FoundDirectory; readonly directory: LogDirectory }[] = [];
  const deleted: FoundDirectory[] = [];
  const places = new Map<string, string>();
  for (const directory of directories) {
    for (const found of listOrFail(directory, directoryFailed)) {
      const { topic, partition, state, path } = found;
      if (topic === METADATA_TOPIC) continue;
      if (state === "delete") deleted.push(found);
      if (state === "stray" || state === "future") around.logger.warn({ path }, "a directory set aside is left alone");
      if (state !== "current") continue;
      const name = partitionDirectoryName(topic, partition);
      const other = places.get(name);
      if (other !== undefined)
        throw new DirectoryRefused(`${other} and ${path} hold the same partition: remove one of them`);
      places.set(name, path);
      jobs.push({ found, directory });
    }
  }
  const logs: HostedLog[] = [];
  const failed = new Map<string, FailedLog>();
  const slice = new TimeSlice(around.clock);
  const work = async (): Promise<void> => {
    for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) {
      const { found, directory } = job;
      const name = partitionDirectoryName(found.topic, found.partition);
      try {
        logs.push({ name, directory, log: await loadLog(around, found, directory, configOf(found.topic)) });
      } catch (error) {
        if (!(error instanceof DiskError || error instanceof KafkaError)) throw error;
        around.logger.error(
          { path: found.path, error: String(error) },
          "a log cannot be opened: its partition is offline",
        );
        failed.set(name, { error, place: found, directory });
      }
      await slice.step();
    }
  };
  jobs.reverse();
  await Promise.all(Array.from({ length: CONCURRENT_LOADS }, work));
  return { logs, failed, deleted };
}

/** Opens one log with what its directory's checkpoints say of it. @throws DiskError, KafkaError */
export function loadLog(
  around: LogSurroundings,
  { topic, partition, path, topicId }: LogPlace,
  directory: LogDirectory,
  config: LogConfig,
): Promise<SegmentedLog> {
  const name = partitionDirectoryName(topic, partition);
  return openPartitionLog(around, {
    path,
    topic,
    partition,
    ...(topicId === undefined ? {} : { topicId }),
    directoryId: directory.directoryId,
    config,
    cleanShutdown: directory.lastShutdown.clean,
    wasCleaned: directory.cleanedOffsets.offsets.has(name),
    recoveryPoint: directory.recoveryPoints.offsets.get(name) ?? 0,
    logStartOffset: directory.logStarts.offsets.get(name) ?? 0,
    highWatermark: directory.highWatermarks.offsets.get(name) ?? 0,
  });
}

/** Opens a log anew that went offline: what it knew of itself is as good as a checkpoint. @throws DiskError, KafkaError */
export function reopenLog(around: LogSurroundings, { name, log, directory }: HostedLog): Promise<SegmentedLog> {
  log.abandon();
  const { path, topic, partition, topicId, config, recoveryPoint, logStartOffset, highWatermark } = log;
  const { directoryId } = directory;
  const wasCleaned = directory.cleanedOffsets.offsets.has(name);
  const marks = { cleanShutdown: false, wasCleaned, recoveryPoint, logStartOffset, highWatermark };
  return openPartitionLog(around, { path, topic, partition, topicId, directoryId, config, ...marks });
}

/** Closes every log that is online; `closed` then holds those that could be. */
export async function closeLogs(hosted: HostedLogs, clock: Clock): Promise<void> {
  const left = [...hosted.all()].filter(({ log }) => !log.offline);
  const slice = new TimeSlice(clock);
  const work = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      try {
        await next.log.close();
        hosted.closed.add(next);
      } catch (error) {
        // It has gone offline and said so.
        if (!(error instanceof KafkaError)) throw error;
      }
      await slice.step();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_CLOSES }, work));
}

function listOrFail(
  directory: LogDirectory,
  directoryFailed: (directory: LogDirectory, error: DiskError) => void,
): FoundDirectory[] {
  try {
    return directory.list();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    directoryFailed(directory, error);
    return [];
  }
}
