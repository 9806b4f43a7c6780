/**
 * Opens the log of a partition, or makes it.
 *
 * Owns: the directory, its `partition.metadata`, and that a directory of another topic of the same name is not opened. Leaves to
 * loading.ts: what lies in it.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { DiskError } from "../disk.ts";
import { EpochCheckpoint } from "./epoch-checkpoint.ts";
import { loadLog, startLog } from "./loading.ts";
import { LogState } from "./log-state.ts";
import type { LogSurroundings, OpenLogOptions } from "./log-surroundings.ts";
import { PartitionDirectory } from "./partition-directory.ts";
import { readPartitionMetadata, writePartitionMetadata } from "./partition-metadata.ts";
import { DeferredDeletes } from "./segment-files.ts";
import { SegmentedLog } from "./segmented-log.ts";

/** Of a directory without a topic id (written by a Kafka before 2.8) that nobody names one for. */
const NO_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA";

/**
 * Recovers what a crash left, and finds the log's marks.
 * @throws DiskError; KafkaError INCONSISTENT_TOPIC_ID when the directory is another topic's, UNSUPPORTED_FOR_MESSAGE_FORMAT when it
 * holds messages of before Kafka 0.11.
 */
export async function openPartitionLog(around: LogSurroundings, options: OpenLogOptions): Promise<SegmentedLog> {
  const opening = begin(around, options);
  try {
    await loadLog(opening.state, options);
  } catch (error) {
    giveUp(opening.state);
    throw error;
  }
  return opening.finish();
}

/** Makes a log where none is, in the same turn. @throws DiskError `exists` when something lies at the path. */
export function createPartitionLog(around: LogSurroundings, options: OpenLogOptions): SegmentedLog {
  if (around.disk.exists(options.path)) throw new DiskError("exists", options.path);
  const opening = begin(around, options);
  try {
    startLog(opening.state, options.logStartOffset);
  } catch (error) {
    giveUp(opening.state);
    throw error;
  }
  return opening.finish();
}

interface Opening {
  readonly state: LogState;
  finish(): SegmentedLog;
}

/** The log without what lies in its directory. */
function begin(around: LogSurroundings, options: OpenLogOptions): Opening {
  const { disk, clock } = around;
  const { path, config } = options;
  const isNew = !disk.exists(path);
  if (isNew) disk.makeDirectory(path);
  const directory = new PartitionDirectory(disk, path);
  if (isNew) directory.noteCreated();
  // Whoever made it may have been killed before a flush.
  else if (!options.cleanShutdown) directory.assumeUnsynced();
  const topicId = settleTopicId(directory, options, isNew);
  let log: SegmentedLog | undefined;
  let failure: unknown;
  const failed = (error: unknown): void => {
    failure ??= error;
    log?.storageFailed(error);
  };
  const epochCheckpoint = new EpochCheckpoint(directory, failed);
  const deletes = new DeferredDeletes(directory, clock, failed);
  const state = new LogState({ around, directory, config, epochCheckpoint, deletes });
  const finish = (): SegmentedLog => {
    log = new SegmentedLog(state, topicId, options);
    if (failure !== undefined) log.storageFailed(failure);
    return log;
  };
  return { state, finish };
}

function giveUp(state: LogState): void {
  state.epochCheckpoint.stop();
  for (const segment of state.segments.all) segment.close();
}

function settleTopicId(directory: PartitionDirectory, { path, topicId }: OpenLogOptions, isNew: boolean): string {
  const stored = isNew ? undefined : readPartitionMetadata(directory.disk, path);
  if (stored !== undefined && topicId !== undefined && stored !== topicId) {
    throw new KafkaError(ErrorCode.INCONSISTENT_TOPIC_ID, `${path} belongs to topic id ${stored}, not ${topicId}`);
  }
  if (stored === undefined && topicId !== undefined) writePartitionMetadata(directory, topicId);
  return stored ?? topicId ?? NO_TOPIC_ID;
}
