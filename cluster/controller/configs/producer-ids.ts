/**
 * AllocateProducerIds: blocks of ids that no other broker ever gets (KIP-730, R108).
 */

import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { AllocateProducerIdsRequest } from "../../../protocol/messages/allocate-producer-ids.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import { record } from "../../metadata/metadata-record.ts";
import { type ControllerView, checkBrokerEpoch } from "../controller-view.ts";
import { atomic, type Decision } from "../decision.ts";

export const PRODUCER_ID_BLOCK_SIZE = 1000;

export function decideProducerIds(
  view: ControllerView,
  { brokerId, brokerEpoch }: Decode<typeof AllocateProducerIdsRequest>,
): Decision<{ readonly producerIdStart: number; readonly producerIdLen: number }> {
  checkBrokerEpoch(view.image, brokerId, brokerEpoch);
  const producerIdStart = view.image.nextProducerId;
  const nextProducerId = producerIdStart + PRODUCER_ID_BLOCK_SIZE;
  if (nextProducerId > Number.MAX_SAFE_INTEGER) {
    throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, "Exhausted all producerIds.");
  }
  const given = record("ProducerIds", 0, { brokerId, brokerEpoch, nextProducerId });
  return atomic([given], { producerIdStart, producerIdLen: PRODUCER_ID_BLOCK_SIZE });
}
