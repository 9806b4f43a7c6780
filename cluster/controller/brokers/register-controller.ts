/**
 * ControllerRegistration: a controller tells its listeners and features (KIP-919).
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { ControllerRegistrationRequest } from "../../../protocol/messages/broker-lifecycle.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import { record } from "../../metadata/metadata-record.ts";
import { type ControllerView, metadataVersionIn } from "../controller-view.ts";
import { atomic, type Decision } from "../decision.ts";

export function decideRegisterController(
  view: ControllerView,
  request: Decode<typeof ControllerRegistrationRequest>,
): Decision<void> {
  if (!metadataVersionIn(view.image).hasControllerRegistration) {
    throw new KafkaError(
      ErrorCode.UNSUPPORTED_VERSION,
      "The current MetadataVersion is too old to support controller registrations.",
    );
  }
  const { controllerId, incarnationId, listeners, features } = request;
  const registration = record("RegisterController", 0, {
    controllerId,
    incarnationId,
    zkMigrationReady: false,
    endPoints: listeners,
    features,
  });
  return atomic([registration], undefined);
}
