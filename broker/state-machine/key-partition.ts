/**
 * Which partition of an internal topic stores what belongs to a key: Java's hash of the string, so that all brokers agree.
 */
export function partitionOfKey(key: string, partitionCount: number): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
  // The least int32 has no positive counterpart: it counts as 0.
  return hash === -0x80000000 ? 0 : Math.abs(hash) % partitionCount;
}
