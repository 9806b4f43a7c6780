/**
 * What a sync that failed leaves behind: the operating system holds the pages for written, and no later sync brings them to the device.
 *
 * Owns: the mark that a log's directory then bears, and writing such pages again when the log is opened. The mark is never synced: once
 * the power is gone so are those pages, and what is read is what the device has.
 *
 * Differs from Kafka: a log whose sync failed is written anew from its recovery point on when it is opened; Kafka trusts what it reads
 * there, and a power cut may take it although a later sync succeeded.
 */
import {
  CLEANED_SUFFIX,
  LOG_SUFFIX,
  offsetFileName,
  offsetOfFileName,
  type PartitionDirectory,
} from "./partition-directory.ts";

const MARK = "sync-failed";
const CHUNK_BYTES = 1024 * 1024;

/** Silent when the disk does not even take the mark. */
export function markFailedSync(directory: PartitionDirectory): void {
  try {
    directory.disk.writeFile(directory.pathOf(MARK), "");
  } catch {
    // The log is offline all the same.
  }
}

/**
 * Writes again all segments that reach behind the recovery point, where a sync failed.
 * @param names what lies in the directory
 * @throws DiskError: the log cannot be opened
 */
export async function rewriteAfterFailedSync(
  directory: PartitionDirectory,
  names: ReadonlySet<string>,
  recoveryPoint: number,
): Promise<void> {
  if (!names.has(MARK)) return;
  const offsets = [...names].flatMap((name) => offsetOfFileName(name, LOG_SUFFIX) ?? []).sort((a, b) => a - b);
  for (const [index, baseOffset] of offsets.entries()) {
    if ((offsets[index + 1] ?? Number.POSITIVE_INFINITY) > recoveryPoint) await rewrite(directory, baseOffset);
  }
  await directory.disk.syncDirectory(directory.path);
  directory.remove(MARK);
}

/** Under the name of what a cleaner has not finished, which is removed when the log is opened again. */
async function rewrite(directory: PartitionDirectory, baseOffset: number): Promise<void> {
  const name = offsetFileName(baseOffset, LOG_SUFFIX);
  const source = directory.open(name);
  const target = directory.create(name + CLEANED_SUFFIX);
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let position = 0; position < source.sizeBytes; ) {
      const count = await source.readLarge(position, chunk);
      if (count === 0) break;
      target.append([chunk.subarray(0, count)]);
      position += count;
    }
    await target.sync();
  } finally {
    source.close();
    target.close();
  }
  directory.rename(name + CLEANED_SUFFIX, name);
}
