/**
 * The records of a share partition as they were stored: a new leader goes on from there.
 */
import type { StateBatch } from "../share-state/share-persister.ts";
import { Delivery, DeliveryState, isDone } from "./delivery.ts";
import { InFlightBatch } from "./in-flight-batch.ts";
import { InFlightRecords } from "./in-flight-records.ts";

/** Of records that may be given again nobody stores as many as one: such are read as if they had never been given. */
const MAX_AVAILABLE = 1_000_000;
/** One more is told in 16 bits. */
const MAX_DELIVERY_COUNT = 0x7ffe;

export function restoredRecords(startOffset: number, stored: readonly StateBatch[]): InFlightRecords {
  const held = new InFlightRecords(startOffset);
  const batches: InFlightBatch[] = [];
  for (const { firstOffset, lastOffset, deliveryState, deliveryCount } of stored) {
    if (lastOffset < startOffset) continue;
    const state = deliveryState as DeliveryState;
    if (!isDone(state) && lastOffset - Math.max(firstOffset, startOffset) >= MAX_AVAILABLE) continue;
    const count = Math.min(deliveryCount, MAX_DELIVERY_COUNT);
    const delivery = new Delivery(isDone(state) ? state : DeliveryState.AVAILABLE, count);
    batches.push(new InFlightBatch(Math.max(firstOffset, startOffset), lastOffset, delivery));
  }
  held.restore(batches);
  return held;
}
