/**
 * The records of a share partition as they were stored: a new leader goes on from there.
 */
import type { StateBatch } from "../share-state/share-persister.ts";
import { Delivery, DeliveryState, isDone } from "./delivery.ts";
import { InFlightBatch } from "./in-flight-batch.ts";
import { InFlightRecords } from "./in-flight-records.ts";

export function restoredRecords(startOffset: number, stored: readonly StateBatch[]): InFlightRecords {
  const held = new InFlightRecords(startOffset);
  const batches: InFlightBatch[] = [];
  for (const { firstOffset, lastOffset, deliveryState, deliveryCount } of stored) {
    if (lastOffset < startOffset) continue;
    const state = deliveryState as DeliveryState;
    const delivery = new Delivery(isDone(state) ? state : DeliveryState.AVAILABLE, deliveryCount);
    batches.push(new InFlightBatch(Math.max(firstOffset, startOffset), lastOffset, delivery));
  }
  held.restore(batches);
  return held;
}
