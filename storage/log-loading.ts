/**
 * Opens the logs that lie in a node's directories, and closes them: a few at a time, and never for long in one turn.
 *
 * Owns: which directory holds what, with which checkpoints it is opened, and that two directories do not hold the same log: of two
 * that a kill left while one took the place of the other, the one counts that the metadata names.
 * Leaves to openPartitionLog: what lies in it. A log that cannot be opened is remembered as failed; others live.
 */
import { KafkaError } from "../protocol/kafka-error.ts";
import type { Clock } from "./clock.ts";
import { partitionDirectoryName, suffixedDirectoryPath } from "./directory-name.ts";
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

export interface LoadingPorts {
  readonly configOf: (topic: string) => LogConfig;
  /** A directory cannot be listed. */
  readonly directoryFailed: (directory: LogDirectory, error: DiskError) => void;
  /** The directory that the metadata assigns to a partition. */
  readonly assignedDirectory: ((topic: string, partition: number) => string | undefined) | undefined;
}

export interface LoadedLogs {
  readonly logs: readonly HostedLog[];
  /** Those that were being filled to take the place of one of `logs`. */
  readonly futures: readonly HostedLog[];
  /** Those that could not be opened, by name. */
  readonly failed: ReadonlyMap<string, FailedLog>;
  /** Directories of logs that were deleted before the node stopped. */
  readonly deleted: readonly FoundDirectory[];
}

/** A directory of a log, and the one it lies in. */
interface Job {
  readonly found: FoundDirectory;
  readonly directory: LogDirectory;
}

/** @throws DirectoryRefused: two directories hold the same log, and nobody says which counts. */
export async function loadLogs(
  around: LogSurroundings,
  directories: readonly LogDirectory[],
  ports: LoadingPorts,
): Promise<LoadedLogs> {
  const { configOf } = ports;
  const deleted: FoundDirectory[] = [];
  const places = new Map<string, Job>();
  const fillings: Job[] = [];
  const leftAlone = ({ path }: FoundDirectory): void =>
    around.logger.warn({ path }, "a directory set aside is left alone");
  for (const directory of directories) {
    for (const found of listOrFail(directory, ports.directoryFailed)) {
      const { topic, partition, state } = found;
      if (topic === METADATA_TOPIC) continue;
      if (state === "delete") deleted.push(found);
      if (state === "stray") leftAlone(found);
      if (state === "future") fillings.push({ found, directory });
      if (state !== "current") continue;
      const name = partitionDirectoryName(topic, partition);
      const job = { found, directory };
      const other = places.get(name);
      places.set(name, other === undefined ? job : theOneAssigned(around, other, job, ports));
    }
  }
  const jobs = [...places.values()];
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
  const futures = new Map<string, HostedLog>();
  for (const { found, directory } of fillings) {
    const name = partitionDirectoryName(found.topic, found.partition);
    const current = logs.find((one) => one.name === name);
    const future =
      current === undefined || current.directory === directory || futures.has(name)
        ? undefined
        : await loadFuture(around, { found, directory }, current.log);
    if (future === undefined) leftAlone(found);
    else futures.set(name, { name, directory, log: future });
  }
  return { logs, futures: [...futures.values()], failed, deleted };
}

/**
 * Of two directories with the same partition: a kill came before the old one lost its name.
 *
 * Differs from Kafka: when a kill in the middle of a move has left a partition in two log directories, the one that the metadata names
 * counts and the other is set aside; Kafka does not start until somebody has removed one of them.
 */
function theOneAssigned(around: LogSurroundings, one: Job, other: Job, { assignedDirectory }: LoadingPorts): Job {
  const { topic, partition } = one.found;
  const assigned = assignedDirectory?.(topic, partition);
  // Neither is this node's any more: each of them is a stray.
  const isNobodys = assignedDirectory !== undefined && assigned === undefined;
  const [kept] = isNobodys ? [one] : [one, other].filter(({ directory }) => directory.directoryId === assigned);
  if (kept === undefined) {
    const paths = `${one.found.path} and ${other.found.path}`;
    throw new DirectoryRefused(`${paths} hold the same partition: remove one of them`);
  }
  const { found, directory } = kept === one ? other : one;
  const path = suffixedDirectoryPath(around.random, directory.path, { topic, partition }, "stray");
  around.disk.rename(found.path, path);
  around.logger.warn(
    { path, kept: kept.found.path },
    "of two logs of one partition the one that was replaced is set aside",
  );
  return kept;
}

/** Undefined when it is of no use: it is left alone then. */
async function loadFuture(
  around: LogSurroundings,
  { found, directory }: Job,
  current: SegmentedLog,
): Promise<SegmentedLog | undefined> {
  try {
    return await loadLog(around, { ...found, topicId: current.topicId }, directory, current.config);
  } catch (error) {
    if (!(error instanceof DiskError || error instanceof KafkaError)) throw error;
    around.logger.error({ path: found.path, error: String(error) }, "a log that was being moved cannot be opened");
    return undefined;
  }
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
  const left = [...hosted.every()].filter(({ log }) => !log.offline);
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
