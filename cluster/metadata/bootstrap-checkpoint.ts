/**
 * `bootstrap.checkpoint` in the metadata directory: what a new cluster starts from, features above all (and SCRAM credentials, if
 * Kafka's tool put them there).
 *
 * Read when the log is empty: the first controller writes its records into the log in one transaction.
 */
import type { Disk } from "../../storage/disk.ts";
import { DEFAULT_FEATURE_LEVELS, METADATA_VERSION } from "./features.ts";
import { type MetadataRecord, record } from "./metadata-record.ts";
import { BOOTSTRAP_FILE, decodeSnapshot, encodeSnapshot } from "./snapshot-format.ts";

/** Feature levels as records, metadata.version first: it says how to read what follows. */
export function featureLevelRecords(levels: ReadonlyMap<string, number>): MetadataRecord[] {
  const first = (name: string): number => (name === METADATA_VERSION ? 0 : 1);
  return [...levels]
    .sort(([a], [b]) => first(a) - first(b))
    .filter(([, level]) => level > 0)
    .map(([name, featureLevel]) => record("FeatureLevel", 0, { name, featureLevel }));
}

/** Formats a new directory; a power cut leaves the whole file or none. */
export async function writeBootstrapCheckpoint(
  disk: Disk,
  directory: string,
  timestamp: number,
  levels: ReadonlyMap<string, number> = DEFAULT_FEATURE_LEVELS,
): Promise<void> {
  const batches = encodeSnapshot({
    leaderEpoch: 0,
    timestamp,
    lastContainedLogTimestamp: 0,
    quorum: [],
    records: featureLevelRecords(levels),
  });
  const path = `${directory}/${BOOTSTRAP_FILE}`;
  disk.writeFile(`${path}.tmp`, Buffer.concat([...batches]));
  await disk.syncFile(`${path}.tmp`);
  disk.rename(`${path}.tmp`, path);
  await disk.syncDirectory(directory);
}

/** The records of the file, or undefined when there is none. @throws CorruptMetadata. */
export function readBootstrapCheckpoint(disk: Disk, directory: string): readonly MetadataRecord[] | undefined {
  const path = `${directory}/${BOOTSTRAP_FILE}`;
  return disk.exists(path) ? decodeSnapshot(disk.readFile(path)).records : undefined;
}
