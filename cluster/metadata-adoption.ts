/**
 * A directory that one combined node wrote becomes a cluster of several: the controller, now a node of its own, starts from a copy
 * of that node's metadata log.
 */
import type { Disk } from "../storage/disk.ts";
import { BOOTSTRAP_FILE } from "./metadata/snapshot-format.ts";
import { METADATA_PARTITION_DIRECTORY } from "./raft/open-metadata-log.ts";

/** What a member of the quorum remembers of elections is its own; epochs are in the log too. */
const NOT_COPIED: ReadonlySet<string> = new Set(["quorum-state"]);

/**
 * Copies the metadata log of the first node into the controller's directory when that has none and the node was a controller.
 * Synchronous: it happens once, before anything runs, and the log is small.
 */
export function adoptMetadata(
  to: Disk,
  controllerDirectory: string,
  from: Disk,
  nodeDirectory: string | undefined,
): void {
  if (nodeDirectory === undefined) return;
  const source = `${nodeDirectory}/${METADATA_PARTITION_DIRECTORY}`;
  const target = `${controllerDirectory}/${METADATA_PARTITION_DIRECTORY}`;
  // Only a controller has a bootstrap file; brokers have copies of the log that may be behind.
  if (to.exists(target) || !from.exists(source) || !from.exists(`${nodeDirectory}/${BOOTSTRAP_FILE}`)) return;
  const unfinished = `${target}.adopted`;
  to.makeDirectory(unfinished);
  for (const { name, kind } of from.list(source)) {
    if (kind === "file" && !NOT_COPIED.has(name))
      to.writeFile(`${unfinished}/${name}`, from.readFile(`${source}/${name}`));
  }
  to.writeFile(`${controllerDirectory}/${BOOTSTRAP_FILE}`, from.readFile(`${nodeDirectory}/${BOOTSTRAP_FILE}`));
  to.rename(unfinished, target);
}
