/**
 * Replicas that cannot be reached now: their broker is gone, or the directory they lie in (KIP-858).
 */
import { DirectoryId } from "../../protocol/uuid.ts";
import type { MetadataImage, PartitionImage } from "./metadata-image.ts";

/** @param live brokers that a client of the listener may be sent to. */
export function offlineReplicas(
  partition: PartitionImage,
  live: ReadonlySet<number>,
  image: MetadataImage,
): readonly number[] {
  return partition.replicas.filter((id, index) => {
    if (!live.has(id)) return true;
    const directories = image.brokers.get(id)?.directories ?? [];
    return !isOnline(partition.directories[index] ?? DirectoryId.UNASSIGNED, directories);
  });
}

/** A broker that names no directories is of a version that does not, so all of its are taken to work. */
function isOnline(directory: string, online: readonly string[]): boolean {
  if (directory === DirectoryId.LOST) return false;
  if (directory === DirectoryId.UNASSIGNED || directory === DirectoryId.MIGRATING) return true;
  return online.length === 0 || online.includes(directory);
}
