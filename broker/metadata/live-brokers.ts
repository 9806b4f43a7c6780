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

/** Brokers that are not fenced and offer the listener, in the order of their ids. */
export function liveBrokers(image: MetadataImage, listenerName: string): LiveBroker[] {
  const live: LiveBroker[] = [];
  for (const broker of image.brokers.values()) {
    const endpoint = broker.fenced ? undefined : endpointOf(broker, listenerName);
    if (endpoint === undefined) continue;
    live.push({ nodeId: broker.id, host: endpoint.host, port: endpoint.port, rack: broker.rack });
  }
  return live.sort((a, b) => a.nodeId - b.nodeId);
}
