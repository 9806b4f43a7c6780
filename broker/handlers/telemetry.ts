/**
 * Client metrics (KIP-714): GetTelemetrySubscriptions (71), PushTelemetry (72).
 *
 * Answered always, and advertised where somebody takes what is pushed, as in Kafka. Leaves all else to ../telemetry.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { GetTelemetrySubscriptions, PushTelemetry } from "../../protocol/messages/telemetry.ts";
import { ZERO_UUID } from "../../protocol/uuid.ts";
import type { Handler } from "../dispatch/handler.ts";
import { ACCEPTED_COMPRESSION } from "../telemetry/client-telemetry.ts";

export const handleGetTelemetrySubscriptions: Handler<typeof GetTelemetrySubscriptions> = (request, context) => {
  const { telemetry } = context.broker;
  const asked = telemetry.ask(request.clientInstanceId, context);
  if (typeof asked === "number") {
    return {
      ...{ throttleTimeMs: 0, errorCode: asked, clientInstanceId: ZERO_UUID, subscriptionId: 0 },
      ...{ acceptedCompressionTypes: [], pushIntervalMs: 0, telemetryMaxBytes: 0, deltaTemporality: false },
      requestedMetrics: [],
    };
  }
  const { clientInstanceId, subscriptionId, pushIntervalMs, metrics } = asked;
  return {
    ...{ throttleTimeMs: 0, errorCode: ErrorCode.NONE, clientInstanceId, subscriptionId, pushIntervalMs },
    ...{ acceptedCompressionTypes: [...ACCEPTED_COMPRESSION], telemetryMaxBytes: telemetry.maxBytes },
    ...{ deltaTemporality: true, requestedMetrics: [...metrics] },
  };
};

export const handlePushTelemetry: Handler<typeof PushTelemetry> = (request, context) => ({
  throttleTimeMs: 0,
  errorCode: context.broker.telemetry.push(request, context),
});
