/** The producer snapshot file. */
import { array, int16, int32, int64, uint32 } from "../schema/field.ts";
import { message } from "../schema/message.ts";

/** State of every producer of a partition at an offset. */
export const ProducerSnapshot = message("ProducerSnapshot", "1", "none", {
  crc: uint32(),
  producerEntries: array({
    producerId: int64(),
    epoch: int16(),
    lastSequence: int32(),
    lastOffset: int64(),
    offsetDelta: int32(),
    timestamp: int64(),
    coordinatorEpoch: int32(),
    currentTxnFirstOffset: int64(),
  }),
});
