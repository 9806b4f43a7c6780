/**
 * Small text files that are replaced as a whole: the old content or the new one survives a crash, never a mixture.
 *
 * An offset checkpoint has Kafka's form: a line with the version 0, a line with the number of entries, and an entry
 * "topic partition offset" a line. Reading takes every line that can be understood: a file that is missing, cut short or
 * damaged gives what is left of it, for each offset only saves work or is checked against the log.
 * Differs from Kafka: a checkpoint file with a bad line is read without that line, where Kafka refuses the whole file.
 */

import { parseDirectoryName, partitionDirectoryName } from "./directory-name.ts";
import type { Disk } from "./disk.ts";
import { DiskError } from "./disk.ts";

const VERSION = "0";
export const TEMPORARY_SUFFIX = ".tmp";

/** Writes under another name, syncs, renames and syncs the directory: when it resolves the new content is on the device. */
export async function replaceFile(disk: Disk, path: string, content: string | Buffer): Promise<void> {
  const temporary = path + TEMPORARY_SUFFIX;
  disk.writeFile(temporary, content);
  await disk.syncFile(temporary);
  disk.rename(temporary, path);
  await disk.syncDirectory(path.slice(0, path.lastIndexOf("/")));
}

/** The content, or undefined when there is no such file, or no file by that name. @throws DiskError for what else fails. */
export function readFileIfThere(disk: Disk, path: string): string | undefined {
  try {
    return disk.readFile(path).toString("utf8");
  } catch (error) {
    if (error instanceof DiskError && (error.kind === "gone" || error.kind === "exists")) return undefined;
    throw error;
  }
}

export interface CheckpointContent {
  /** By the name of the partition's directory, "topic-partition". */
  readonly offsets: Map<string, number>;
  /** Whether everything was there and understood. */
  readonly whole: boolean;
}

export function parseOffsets(text: string): CheckpointContent {
  const lines = text.split("\n").map((line) => line.trim());
  const offsets = new Map<string, number>();
  if (lines[0] !== VERSION || !/^\d+$/.test(lines[1] ?? "")) return { offsets, whole: false };
  let understood = 0;
  for (const line of lines.slice(2)) {
    const parts = /^(\S+) (\d+) (\d+)$/.exec(line);
    if (parts === null) continue;
    const [topic, partition, offset] = [parts[1] as string, Number(parts[2]), Number(parts[3])];
    if (!Number.isSafeInteger(offset)) continue;
    const name = partitionDirectoryName(topic, partition);
    if (parseDirectoryName(name) === undefined) continue;
    offsets.set(name, offset);
    understood++;
  }
  return { offsets, whole: understood === Number(lines[1]) && offsets.size === understood };
}

/** @param offsets by the name of the partition's directory. */
export function formatOffsets(offsets: ReadonlyMap<string, number>): string {
  const lines: string[] = [];
  for (const [name, offset] of offsets) {
    const dash = name.lastIndexOf("-");
    lines.push(`${name.slice(0, dash)} ${name.slice(dash + 1)} ${offset}\n`);
  }
  return `${VERSION}\n${lines.length}\n${lines.join("")}`;
}
