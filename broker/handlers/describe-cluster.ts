/**
 * DescribeCluster (key 60): the brokers of the cluster (KIP-700). v1 endpoint type (KIP-919), v2 fenced brokers (KIP-1073).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { DescribeCluster } from "../../protocol/messages/metadata.ts";
import type { Handler } from "../dispatch/handler.ts";
import { ALL_CLUSTER_OPERATIONS, NOT_ASKED } from "../metadata/authorized-operations.ts";
import { endpointOf } from "../metadata/current-leader.ts";
import { liveBrokers } from "../metadata/live-brokers.ts";

const BROKERS = 1;
const CONTROLLERS = 2;

export const handleDescribeCluster: Handler<typeof DescribeCluster> = (request, { broker, connection, apiVersion }) => {
  const { image } = broker;
  if (apiVersion >= 1 && request.endpointType !== BROKERS) {
    const known = request.endpointType === CONTROLLERS;
    return {
      errorCode: known ? ErrorCode.MISMATCHED_ENDPOINT_TYPE : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
      errorMessage: known
        ? "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"
        : `Unsupported endpoint type ${request.endpointType}`,
      endpointType: BROKERS,
      clusterId: "",
      brokers: [],
    };
  }
  const live = liveBrokers(image, connection.listenerName);
  const brokers = live.map(({ nodeId, host, port, rack }) => ({ brokerId: nodeId, host, port, rack, isFenced: false }));
  if (apiVersion >= 2 && request.includeFencedBrokers) {
    for (const fenced of image.brokers.values()) {
      const endpoint = fenced.fenced ? endpointOf(fenced, connection.listenerName) : undefined;
      if (endpoint === undefined) continue;
      brokers.push({
        brokerId: fenced.id,
        host: endpoint.host,
        port: endpoint.port,
        rack: fenced.rack,
        isFenced: true,
      });
    }
    brokers.sort((a, b) => a.brokerId - b.brokerId);
  }
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    endpointType: BROKERS,
    clusterId: image.clusterId,
    controllerId: live.some((one) => one.nodeId === broker.nodeId) ? broker.nodeId : (live[0]?.nodeId ?? -1),
    brokers,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? ALL_CLUSTER_OPERATIONS : NOT_ASKED,
  };
};
