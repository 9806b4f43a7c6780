/** Brokers and controllers enter, live in and leave a cluster (KIP-631). */
import { defineApi } from "../schema/api.ts";
import { array, bool, int16, int32, int64, string, uint16, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const BrokerRegistrationRequest = message("BrokerRegistrationRequest", "0-4", "0+", {
  brokerId: int32(),
  clusterId: string(),
  incarnationId: uuid(),
  listeners: array({
    name: string(),
    host: string(),
    port: uint16(),
    securityProtocol: int16(),
  }),
  features: array({
    name: string(),
    minSupportedVersion: int16(),
    maxSupportedVersion: int16(),
  }),
  rack: string({ nullable: "0+" }),
  isMigratingZkBroker: bool({ versions: "1+", default: false }),
  logDirs: array(uuid(), { versions: "2+", ignorable: true }),
  previousBrokerEpoch: int64({ versions: "3+", default: -1, ignorable: true }),
});

export const BrokerRegistrationResponse = message("BrokerRegistrationResponse", "0-4", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  brokerEpoch: int64({ default: -1 }),
});

/** BrokerRegistration (key 62): a broker incarnation asks for an epoch. v2 directories (KIP-858), v3 previous epoch (KIP-966). */
export const BrokerRegistration = defineApi({
  key: 62,
  request: BrokerRegistrationRequest,
  response: BrokerRegistrationResponse,
  listeners: ["controller"],
});

export const BrokerHeartbeatRequest = message("BrokerHeartbeatRequest", "0-2", "0+", {
  brokerId: int32(),
  brokerEpoch: int64({ default: -1 }),
  currentMetadataOffset: int64(),
  wantFence: bool(),
  wantShutDown: bool(),
  offlineLogDirs: array(uuid(), { tag: 0, taggedVersions: "1+" }),
  cordonedLogDirs: array(uuid(), { nullable: "2+", tag: 1, taggedVersions: "2+", default: null }),
});

export const BrokerHeartbeatResponse = message("BrokerHeartbeatResponse", "0-2", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  isCaughtUp: bool({ default: false }),
  isFenced: bool({ default: true }),
  shouldShutDown: bool(),
});

/** BrokerHeartbeat (key 63): a broker is alive, and asks to be fenced, unfenced or shut down. v1 offline directories, v2 cordoned ones. */
export const BrokerHeartbeat = defineApi({
  key: 63,
  request: BrokerHeartbeatRequest,
  response: BrokerHeartbeatResponse,
  listeners: ["controller"],
});

export const UnregisterBrokerRequest = message("UnregisterBrokerRequest", "0", "0+", {
  brokerId: int32(),
});

export const UnregisterBrokerResponse = message("UnregisterBrokerResponse", "0", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
});

/** UnregisterBroker (key 64): forgets a broker. */
export const UnregisterBroker = defineApi({
  key: 64,
  request: UnregisterBrokerRequest,
  response: UnregisterBrokerResponse,
  listeners: ["broker", "controller"],
});

export const ControllerRegistrationRequest = message("ControllerRegistrationRequest", "0", "0+", {
  controllerId: int32(),
  incarnationId: uuid(),
  zkMigrationReady: bool(),
  listeners: array({
    name: string(),
    host: string(),
    port: uint16(),
    securityProtocol: int16(),
  }),
  features: array({
    name: string(),
    minSupportedVersion: int16(),
    maxSupportedVersion: int16(),
  }),
});

export const ControllerRegistrationResponse = message("ControllerRegistrationResponse", "0", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  errorMessage: string({ nullable: "0+" }),
});

/** ControllerRegistration (key 70): a controller tells its listeners and features (KIP-919). */
export const ControllerRegistration = defineApi({
  key: 70,
  request: ControllerRegistrationRequest,
  response: ControllerRegistrationResponse,
  listeners: ["controller"],
});
