/**
 * What a crash left of deleting and cleaning segments: finished or discarded before the log is opened.
 *
 * The cleaner's result is complete once nothing is called `.cleaned` any more, for files are renamed from there to `.swap` from the
 * highest offset down; then it replaces the segments whose offsets it spans.
 */
import { HeaderScan } from "./header-scan.ts";
import {
  CLEANED_SUFFIX,
  DELETED_SUFFIX,
  LOG_SUFFIX,
  offsetFileName,
  offsetOfFileName,
  type PartitionDirectory,
  REBUILT_SUFFIX,
  SEGMENT_SUFFIXES,
  SNAPSHOT_SUFFIX,
  SWAP_SUFFIX,
  TRANSACTION_INDEX_SUFFIX,
} from "./partition-directory.ts";

/** The metadata log's snapshots have a suffix that looks alike; they are the quorum's. */
const CHECKPOINT_DELETED_SUFFIX = ".checkpoint.deleted";

/** Finishes or discards, and returns the names of the files that are left. */
export function finishInterrupted(directory: PartitionDirectory): Set<string> {
  const names = new Set<string>();
  for (const { name, kind } of directory.disk.list(directory.path)) if (kind === "file") names.add(name);
  const remove = (name: string) => {
    directory.remove(name);
    names.delete(name);
  };
  let leastCleaned = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const isDeleted = name.endsWith(DELETED_SUFFIX) && !name.endsWith(CHECKPOINT_DELETED_SUFFIX);
    if (isDeleted || name.endsWith(TRANSACTION_INDEX_SUFFIX + REBUILT_SUFFIX)) remove(name);
    else leastCleaned = Math.min(leastCleaned, baseOffsetOf(name, CLEANED_SUFFIX) ?? Number.POSITIVE_INFINITY);
  }
  for (const name of names) {
    const swapOffset = baseOffsetOf(name, SWAP_SUFFIX);
    if (name.endsWith(CLEANED_SUFFIX) || (swapOffset !== undefined && swapOffset >= leastCleaned)) remove(name);
  }
  const swapped = [...names].map((name) => offsetOfFileName(name, LOG_SUFFIX + SWAP_SUFFIX)).filter(isOffset);
  const from = Math.min(...swapped);
  const to = Math.max(...swapped.map((baseOffset) => endOffsetOf(directory, baseOffset)));
  for (const name of names) {
    const baseOffset = baseOffsetOf(name, "");
    if (baseOffset !== undefined && baseOffset >= from && baseOffset < to) remove(name);
  }
  for (const name of names) {
    if (!name.endsWith(SWAP_SUFFIX)) continue;
    const finalName = name.slice(0, -SWAP_SUFFIX.length);
    directory.rename(name, finalName);
    names.delete(name);
    names.add(finalName);
  }
  removeOrphans(names, remove);
  return names;
}

/** Indexes without their log. */
function removeOrphans(names: ReadonlySet<string>, remove: (name: string) => void): void {
  for (const name of names) {
    const baseOffset = baseOffsetOf(name, "");
    if (baseOffset !== undefined && !names.has(offsetFileName(baseOffset, LOG_SUFFIX))) remove(name);
  }
}

/** The base offset in the name of a segment's file that has a suffix behind its kind. */
function baseOffsetOf(name: string, fileSuffix: string): number | undefined {
  for (const kind of SEGMENT_SUFFIXES) {
    const offset = offsetOfFileName(name, kind + fileSuffix);
    if (offset !== undefined) return offset;
  }
  return undefined;
}

/** Offset behind the last batch of a segment that is to be swapped in. */
function endOffsetOf(directory: PartitionDirectory, baseOffset: number): number {
  const file = directory.open(offsetFileName(baseOffset, LOG_SUFFIX) + SWAP_SUFFIX);
  const scan = new HeaderScan(file, 0, file.sizeBytes);
  let endOffset = baseOffset;
  for (let batch = scan.next(); batch !== undefined; batch = scan.next()) endOffset = batch.nextOffset;
  file.close();
  return endOffset;
}

function isOffset(offset: number | undefined): offset is number {
  return offset !== undefined;
}

/** The offsets of the producer snapshots among the names. */
export function snapshotOffsets(names: ReadonlySet<string>): number[] {
  return [...names].map((name) => offsetOfFileName(name, SNAPSHOT_SUFFIX)).filter(isOffset);
}
