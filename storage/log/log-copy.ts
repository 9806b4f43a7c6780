/**
 * Copies a log into another one of the same node, a round at a time, by the append path of followers.
 *
 * Owns: where the next round begins, and that the copy is cut back where the log it copies was (by leader epochs, as between a
 * follower and its leader). Leaves to LogMoves: when.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { LogRead } from "../partition-log.ts";
import type { SegmentedLog } from "./segmented-log.ts";

/** Whatever epoch a leader wrote. */
const ANY_EPOCH = 2_147_483_647;

/**
 * Copies what comes next, a batch at least; a promise where it has to be read from the disk. Returns the bytes copied.
 * @throws KafkaError, DiskError
 */
export function copyRound(from: SegmentedLog, to: SegmentedLog, maxBytes: number): number | Promise<number> {
  align(from, to);
  const { logEndOffset: startOffset } = to;
  if (startOffset >= from.logEndOffset) {
    followMarks(from, to);
    return 0;
  }
  const { truncations } = from;
  const read = from.read(startOffset, {
    maxBytes,
    upToOffset: from.logEndOffset,
    minOneBatch: true,
    wholeBatches: true,
    abortedTransactions: false,
  });
  if (!(read instanceof Promise)) return append(read, from, to);
  return read.then((late) => {
    // Cut back meanwhile: what was read may not be in it any more.
    if (from.truncations === truncations && to.logEndOffset === startOffset) return append(late, from, to);
    late.release();
    return 0;
  });
}

function append(read: LogRead, from: SegmentedLog, to: SegmentedLog): number {
  const { logEndOffset } = to;
  try {
    const [first] = read.pieces;
    const records = read.pieces.length === 1 && first !== undefined ? first : Buffer.concat(read.pieces);
    to.appendAsFollower(records, undefined, ANY_EPOCH);
  } finally {
    read.release();
  }
  // Asked again it would be the same.
  if (to.logEndOffset === logEndOffset)
    throw new KafkaError(ErrorCode.CORRUPT_MESSAGE, "a log cannot be copied further");
  followMarks(from, to);
  return read.sizeBytes;
}

/** What is committed of the log is so of its copy, and what it has dropped the copy drops. */
function followMarks(from: SegmentedLog, to: SegmentedLog): void {
  const highWatermark = Math.min(from.highWatermark, to.logEndOffset);
  if (highWatermark > to.highWatermark) to.setHighWatermark(highWatermark);
  const logStartOffset = Math.min(from.logStartOffset, to.highWatermark);
  if (logStartOffset > to.logStartOffset) to.raiseLogStartOffset(logStartOffset);
}

/** Cuts the copy back to what it has in common with the log, or begins it anew. */
function align(from: SegmentedLog, to: SegmentedLog): void {
  while (to.logStartOffset <= from.logStartOffset && from.logStartOffset <= to.logEndOffset) {
    const isEmpty = to.logStartOffset === to.logEndOffset;
    const common = isEmpty ? to.logEndOffset : commonEndOffset(from, to);
    if (common === to.logEndOffset) return;
    if (common <= to.logStartOffset) break;
    to.truncateTo(common);
  }
  to.truncateFullyAndStartAt(from.logStartOffset);
}

/** Where the two part at the latest, seen from the newest epoch of the copy. */
function commonEndOffset(from: SegmentedLog, to: SegmentedLog): number {
  const least = Math.min(from.logEndOffset, to.logEndOffset);
  const epoch = to.latestLeaderEpoch;
  if (epoch < 0) return least;
  const known = epoch > from.latestLeaderEpoch ? from.latestLeaderEpoch : from.endOffsetForEpoch(epoch).leaderEpoch;
  const [there, here] = [from.endOffsetForEpoch(known), to.endOffsetForEpoch(known)];
  return Math.min(least, there.endOffset, here.endOffset);
}
