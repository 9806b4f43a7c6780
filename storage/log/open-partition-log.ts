/**
 * Opens the log of a partition, or makes it.
 *
 * Owns: the directory, its `partition.metadata`, and that a directory of another topic of the same name is not opened. Leaves to
 * loading.ts: what lies in it.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { EpochCheckpoint } from "./epoch-checkpoint.ts";
import { loadLog } from "./loading.ts";
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
  const { disk, clock } = around;
  const { path, config } = options;
  const isNew = !disk.exists(path);
  if (isNew) disk.makeDirectory(path);
  const directory = new PartitionDirectory(disk, path, !isNew && options.cleanShutdown);
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
  try {
    await loadLog(state, options);
  } catch (error) {
    epochCheckpoint.stop();
    for (const segment of state.segments.all) segment.close();
    throw error;
  }
  log = new SegmentedLog(state, topicId, options);
  if (failure !== undefined) log.storageFailed(failure);
  return log;
}

function settleTopicId(directory: PartitionDirectory, { path, topicId }: OpenLogOptions, isNew: boolean): string {
  const stored = isNew ? undefined : readPartitionMetadata(directory.disk, path);
  if (stored !== undefined && topicId !== undefined && stored !== topicId) {
    throw new KafkaError(ErrorCode.INCONSISTENT_TOPIC_ID, `${path} belongs to topic id ${stored}, not ${topicId}`);
  }
  if (stored === undefined && topicId !== undefined) writePartitionMetadata(directory, topicId);
  return stored ?? topicId ?? NO_TOPIC_ID;
}
