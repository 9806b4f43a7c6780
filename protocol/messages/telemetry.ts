/** Client metrics (KIP-714). */
import { defineApi } from "../schema/api.ts";
import { array, bool, bytes, int8, int16, int32, string, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const GetTelemetrySubscriptionsRequest = message("GetTelemetrySubscriptionsRequest", "0", "0+", {
  clientInstanceId: uuid(),
});

export const GetTelemetrySubscriptionsResponse = message("GetTelemetrySubscriptionsResponse", "0", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  clientInstanceId: uuid(),
  subscriptionId: int32(),
  acceptedCompressionTypes: array(int8()),
  pushIntervalMs: int32(),
  telemetryMaxBytes: int32(),
  deltaTemporality: bool(),
  requestedMetrics: array(string()),
});

/** GetTelemetrySubscriptions (key 71): which metrics a client shall push, and how often. */
export const GetTelemetrySubscriptions = defineApi({
  key: 71,
  request: GetTelemetrySubscriptionsRequest,
  response: GetTelemetrySubscriptionsResponse,
  listeners: ["broker"],
});

export const PushTelemetryRequest = message("PushTelemetryRequest", "0", "0+", {
  clientInstanceId: uuid(),
  subscriptionId: int32(),
  terminating: bool(),
  compressionType: int8(),
  metrics: bytes(),
});

export const PushTelemetryResponse = message("PushTelemetryResponse", "0", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
});

/** PushTelemetry (key 72): metrics of a client. */
export const PushTelemetry = defineApi({
  key: 72,
  request: PushTelemetryRequest,
  response: PushTelemetryResponse,
  listeners: ["broker"],
});
