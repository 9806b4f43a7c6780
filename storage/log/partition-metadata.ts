/** `partition.metadata`: the id of the topic whose partition a directory holds, so that a topic made anew is not taken for it. */
import { readFileIfThere } from "../checkpoint-file.ts";
import type { Disk } from "../disk.ts";
import { PARTITION_METADATA, type PartitionDirectory } from "./partition-directory.ts";

const VERSION = 0;

/** The topic's id; undefined when the file is missing or does not hold one. */
export function readPartitionMetadata(disk: Disk, directoryPath: string): string | undefined {
  const text = readFileIfThere(disk, `${directoryPath}/${PARTITION_METADATA}`);
  const parts = /^version: (\d+)\r?\ntopic_id: ([A-Za-z0-9_-]{22})\s*$/.exec(text ?? "");
  return parts === null || Number(parts[1]) !== VERSION ? undefined : parts[2];
}

/** The next flush of the log brings it to the device. */
export function writePartitionMetadata(directory: PartitionDirectory, topicId: string): void {
  directory.write(PARTITION_METADATA, `version: ${VERSION}\ntopic_id: ${topicId}`);
}
