/**
 * Brokers and controllers enter, live in and leave the cluster: BrokerRegistration (62), BrokerHeartbeat (63), UnregisterBroker (64),
 * ControllerRegistration (70), AssignReplicasToDirs (73), AllocateProducerIds (67).
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { AllocateProducerIds } from "../../../protocol/messages/allocate-producer-ids.ts";
import {
  BrokerHeartbeat,
  BrokerRegistration,
  ControllerRegistration,
  UnregisterBroker,
} from "../../../protocol/messages/broker-lifecycle.ts";
import { AssignReplicasToDirs } from "../../../protocol/messages/log-dirs.ts";
import { decideUnregister } from "../brokers/fence-broker.ts";
import { decideHeartbeat } from "../brokers/heartbeat.ts";
import { decideRegisterBroker } from "../brokers/register-broker.ts";
import { decideRegisterController } from "../brokers/register-controller.ts";
import { decideProducerIds } from "../configs/producer-ids.ts";
import { decideAssignDirectories } from "../replicas/assign-directories.ts";
import { controllerApi, written } from "./controller-api.ts";

const { NONE } = ErrorCode;

export const BROKER_APIS = [
  controllerApi({
    api: BrokerRegistration,
    handle: (request, context) =>
      written(
        context,
        (view) => decideRegisterBroker(view, request, context.apiVersion),
        ({ brokerEpoch }) => ({ throttleTimeMs: 0, errorCode: NONE, brokerEpoch }),
      ),
    refuse: (_, { errorCode }) => ({ throttleTimeMs: 0, errorCode, brokerEpoch: -1 }),
  }),
  controllerApi({
    api: BrokerHeartbeat,
    handle: (request, context) =>
      written(
        context,
        (view) => decideHeartbeat(view, request),
        (reply) => ({ throttleTimeMs: 0, errorCode: NONE, ...reply }),
      ),
    refuse: (_, { errorCode }) => ({ throttleTimeMs: 0, errorCode, shouldShutDown: false }),
  }),
  controllerApi({
    api: UnregisterBroker,
    handle: ({ brokerId }, context) =>
      written(
        context,
        (view) => decideUnregister(view, brokerId),
        () => ({ throttleTimeMs: 0, errorCode: NONE, errorMessage: null }),
      ),
    refuse: (_, refusal) => ({ throttleTimeMs: 0, ...refusal }),
  }),
  controllerApi({
    api: ControllerRegistration,
    handle: (request, context) =>
      written(
        context,
        (view) => decideRegisterController(view, request),
        () => ({ throttleTimeMs: 0, errorCode: NONE, errorMessage: null }),
      ),
    refuse: (_, refusal) => ({ throttleTimeMs: 0, ...refusal }),
  }),
  controllerApi({
    api: AssignReplicasToDirs,
    handle: (request, context) =>
      written(
        context,
        (view) => decideAssignDirectories(view, request),
        (response) => response,
      ),
    refuse: (_, { errorCode }) => ({ throttleTimeMs: 0, errorCode, directories: [] }),
  }),
  controllerApi({
    api: AllocateProducerIds,
    handle: (request, context) =>
      written(
        context,
        (view) => decideProducerIds(view, request),
        (block) => ({ throttleTimeMs: 0, errorCode: NONE, ...block }),
      ),
    refuse: (_, { errorCode }) => ({ throttleTimeMs: 0, errorCode, producerIdStart: 0, producerIdLen: 0 }),
  }),
];
