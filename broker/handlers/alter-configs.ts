/**
 * AlterConfigs (33), IncrementalAlterConfigs (44): checks what only this broker can check, and passes the rest on.
 *
 * Owns: changes of this broker's own resources (its loggers; whether its dynamic configs would do). Leaves to the controller: all
 * other checks, and every change that is kept. Each resource succeeds or fails alone.
 * KIP-226 (dynamic configs), KIP-339 (incremental), KIP-412 (loggers).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import {
  AlterConfigs,
  IncrementalAlterConfigs,
  type IncrementalAlterConfigsResponse,
} from "../../protocol/messages/configs.ts";
import type { Encode } from "../../protocol/schema/message.ts";
import type { Broker } from "../broker.ts";
import { afterOperations, checkBrokerConfigs, checkBrokerName } from "../config/alter-broker-configs.ts";
import { type ConfigOperation, ConfigOperationType, checkOperations } from "../config/config-operation.ts";
import { type Answer, laterFrom } from "../dispatch/answer.ts";
import type { Handler, RequestContext } from "../dispatch/handler.ts";
import { ResourceType } from "../metadata/metadata-image.ts";
import type { ForwardedFor } from "../ports.ts";

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

/** AlterConfigs answers in the same form. */
type Response = Encode<typeof IncrementalAlterConfigsResponse>;
type Result = Response["responses"][number];

export const handleIncrementalAlterConfigs: Handler<typeof IncrementalAlterConfigs> = (request, context) =>
  alter(
    request.resources,
    (resource) => {
      const { resourceType, resourceName, configs } = resource;
      checkOperations(configs);
      if (resourceType === ResourceType.BROKER_LOGGER) {
        checkLoggerOwner(resourceName, context.broker.nodeId);
        context.broker.loggerLevels.alter(configs, request.validateOnly);
        return "done";
      }
      if (resourceType === ResourceType.BROKER) checkBroker(resourceName, configs, false, context.broker);
      return "forward";
    },
    (resources, onBehalfOf) =>
      context.broker.controller.forward(
        IncrementalAlterConfigs,
        context.apiVersion,
        { ...request, resources },
        onBehalfOf,
      ),
    context,
  );

export const handleAlterConfigs: Handler<typeof AlterConfigs> = (request, context) =>
  alter(
    request.resources,
    ({ resourceType, resourceName, configs }) => {
      const operations = configs.map((config) => ({ ...config, configOperation: ConfigOperationType.SET }));
      checkOperations(operations);
      if (resourceType === ResourceType.BROKER_LOGGER)
        throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown resource type ${resourceType}`);
      if (resourceType === ResourceType.BROKER) checkBroker(resourceName, operations, true, context.broker);
      return "forward";
    },
    (resources, onBehalfOf) =>
      context.broker.controller.forward(AlterConfigs, context.apiVersion, { ...request, resources }, onBehalfOf),
    context,
  );

function alter<R extends Resource>(
  resources: readonly R[],
  judge: (resource: R) => "done" | "forward",
  forward: (resources: R[], onBehalfOf: ForwardedFor) => Promise<Response>,
  { connection, clientId }: RequestContext,
): Answer<Response> {
  const twice = resourcesNamedTwice(resources);
  const settled = new Map<R, Result>();
  for (const resource of resources) {
    const { resourceType, resourceName } = resource;
    try {
      if (twice.has(keyOf(resource)))
        throw new KafkaError(ErrorCode.INVALID_REQUEST, "Each resource must appear at most once.");
      if (judge(resource) === "done")
        settled.set(resource, { errorCode: ErrorCode.NONE, errorMessage: null, resourceType, resourceName });
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      settled.set(resource, { errorCode: error.code, errorMessage: error.message, resourceType, resourceName });
    }
  }
  const open = resources.filter((resource) => !settled.has(resource));
  if (open.length === 0) return { throttleTimeMs: 0, responses: [...settled.values()] };
  const onBehalfOf = {
    principalType: connection.principal.type,
    principalName: connection.principal.name,
    clientId,
    clientHost: connection.remoteHost,
  };
  return laterFrom(
    forward(open, onBehalfOf).then(({ throttleTimeMs, responses }) => ({
      throttleTimeMs,
      responses: [...settled.values(), ...responses],
    })),
  );
}

function checkBroker(name: string, operations: readonly ConfigOperation[], replace: boolean, broker: Broker): void {
  const { config: layers, image, nodeId } = broker;
  checkBrokerName(name, nodeId);
  const current = replace ? new Map<string, string>() : image.configsOf(ResourceType.BROKER, name);
  checkBrokerConfigs(name === "", afterOperations(current, operations), layers);
}

function checkLoggerOwner(name: string, nodeId: number): void {
  if (!/^[+-]?\d+$/.test(name))
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Node id must be an integer, but it is: ${name}`);
  if (Number(name) !== nodeId)
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unexpected node id. Expected ${nodeId}, but received ${name}`);
}

function resourcesNamedTwice(resources: readonly Resource[]): Set<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const resource of resources) (seen.has(keyOf(resource)) ? twice : seen).add(keyOf(resource));
  return twice;
}

function keyOf({ resourceType, resourceName }: Resource): string {
  return `${resourceType}:${resourceName}`;
}
