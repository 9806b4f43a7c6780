/**
 * The brokers a client may be sent to.
 */
import { endpointOf } from "./current-leader.ts";
import type { MetadataImage } from "./metadata-image.ts";

export interface LiveBroker {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

/** Brokers that are not fenced and offer the listener, in the order of their ids. @param isNamed fenced ones that are told of too. */
export function liveBrokers(
  image: MetadataImage,
  listenerName: string,
  isNamed?: (brokerId: number) => boolean,
): LiveBroker[] {
  const live: LiveBroker[] = [];
  for (const broker of image.brokers.values()) {
    const isTold = !broker.fenced || isNamed?.(broker.id) === true;
    const endpoint = isTold ? endpointOf(broker, listenerName) : undefined;
    if (endpoint === undefined) continue;
    live.push({ nodeId: broker.id, host: endpoint.host, port: endpoint.port, rack: broker.rack });
  }
  return live.sort((a, b) => a.nodeId - b.nodeId);
}
