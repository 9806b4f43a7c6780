/**
 * Hints about where a partition went, in answers of brokers that do not lead it (KIP-951).
 */
import type { Broker } from "../broker.ts";
import type { RequestContext } from "../dispatch/handler.ts";
import { type BrokerImage, NO_LEADER } from "./metadata-image.ts";

export function currentLeader(
  topic: string | null,
  partition: number,
  broker: Broker,
): { leaderId: number; leaderEpoch: number } {
  const image = topic === null ? undefined : broker.image.topics.get(topic)?.partitions[partition];
  return { leaderId: image?.leader ?? NO_LEADER, leaderEpoch: image?.leaderEpoch ?? -1 };
}

/** Where a broker is reached by clients of a listener; undefined when it does not offer that listener. */
export function endpointOf(broker: BrokerImage, listenerName: string): { host: string; port: number } | undefined {
  return broker.endpoints.find((endpoint) => endpoint.name === listenerName);
}

export function nodeEndpoints(
  brokerIds: Iterable<number>,
  context: RequestContext,
): { nodeId: number; host: string; port: number; rack: string | null }[] {
  const endpoints = [];
  for (const nodeId of brokerIds) {
    const broker = context.broker.image.brokers.get(nodeId);
    const endpoint = broker === undefined ? undefined : endpointOf(broker, context.connection.listenerName);
    if (broker === undefined || broker.fenced || endpoint === undefined) continue;
    endpoints.push({ nodeId, host: endpoint.host, port: endpoint.port, rack: broker.rack });
  }
  return endpoints;
}
