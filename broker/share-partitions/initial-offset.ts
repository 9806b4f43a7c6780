/**
 * Where a share group starts in a partition in which it has not read yet (share.auto.offset.reset; KIP-932, KIP-1106).
 */
import type { Clock } from "../../storage/clock.ts";
import type { Partition } from "../partition/partition.ts";
import { resetDurationMs } from "./share-settings.ts";

/** Undefined as long as a new leader does not know how far its predecessor had committed. @throws KafkaError, DiskError. */
export async function initialOffset(
  partition: Partition,
  autoOffsetReset: string,
  clock: Clock,
): Promise<number | undefined> {
  const { log, leader } = partition;
  if (autoOffsetReset === "earliest") return log.logStartOffset;
  const { highWatermark } = log;
  if (leader === undefined || highWatermark < leader.epochStartOffset) return undefined;
  const durationMs = resetDurationMs(autoOffsetReset);
  if (durationMs === undefined) return highWatermark;
  const found = await log.offsetForTimestamp(clock.wallMs() - durationMs, highWatermark);
  return found?.offset ?? highWatermark;
}
