/**
 * What all Fetch answers of a node hold together, from being read until the kernel has taken them.
 *
 * Owns: how much the next one may have. Each gets a share of what is left, so that a hundred clients that ask for all there is,
 * and then do not read it, hold not much more than one does; a small answer is always to be had, and clients come again. Followers,
 * of whom there are few, get a fair one even then: what is acknowledged waits for them.
 */

const MIB = 1024 * 1024;
const LIMIT_BYTES = 256 * MIB;
/** Of what is left: one client alone is not kept from the largest answer that Kafka gives by default (55 MiB). */
const SHARE = 4;
const SMALL_BYTES = MIB;
/** Where nothing is left. One batch is given whatever its size. */
const SMALLEST_BYTES = 64 * 1024;

export class FetchMemory {
  usedBytes = 0;

  /** Takes what one answer may have; to be settled once it is read. */
  grant(maxBytes: number, toFollower = false): number {
    const leftBytes = LIMIT_BYTES - this.usedBytes;
    const leastBytes = leftBytes > 0 || toFollower ? SMALL_BYTES : SMALLEST_BYTES;
    const shareBytes = Math.max(leastBytes, leftBytes / SHARE);
    const grantedBytes = Math.min(maxBytes, Math.floor(shareBytes));
    this.usedBytes += grantedBytes;
    return grantedBytes;
  }

  /** An answer was granted so much and has read so much. */
  settle(grantedBytes: number, readBytes: number): void {
    this.usedBytes += readBytes - grantedBytes;
  }

  /** What was read has been sent, or never will be. */
  give(readBytes: number): void {
    this.usedBytes -= readBytes;
  }
}
