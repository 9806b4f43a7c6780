/**
 * Ids of log directories, those with a meaning of their own included (KIP-858).
 */
import { DirectoryId } from "../../protocol/uuid.ts";

/** How ids begin whose first 60 bits are zero: nearly all others are told apart without decoding. */
const ZERO_HALF = "AAAAAAAAAA";

/** Reserved ids: the high half is zero, the low half below 100. */
export function isReservedDirectory(id: string): boolean {
  if (!id.startsWith(ZERO_HALF)) return false;
  const bytes = Buffer.from(id, "base64url");
  return bytes.readBigUInt64BE(0) === 0n && bytes.readBigInt64BE(8) < 100n;
}

/** Whether a replica in this directory can be used, given the directories its broker has online. */
export function isOnlineDirectory(id: string, online: readonly string[]): boolean {
  if (id === DirectoryId.UNASSIGNED || id === DirectoryId.MIGRATING) return true;
  if (id === DirectoryId.LOST) return false;
  // A registration from before directories were told says nothing about them (KAFKA-16162).
  return online.length === 0 || online.includes(id);
}
