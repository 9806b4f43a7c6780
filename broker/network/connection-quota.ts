/**
 * How many connections a node has, and from where.
 *
 * Differs from Kafka: above max.connections a new connection is closed, where Kafka leaves it in the kernel's queue until
 * another goes.
 */
import type { RequestLimits } from "./request-limits.ts";

export class ConnectionQuota {
  private readonly limits: RequestLimits;
  private readonly byHost = new Map<string, number>();
  private count = 0;

  constructor(limits: RequestLimits) {
    this.limits = limits;
  }

  /** Counts a new connection, or says why there may be no more. Each that was admitted leaves once. */
  admit(host: string): string | undefined {
    const { maxConnections, maxConnectionsPerIp } = this.limits;
    if (this.count >= maxConnections) return `max.connections is ${maxConnections}`;
    const ofHost = this.byHost.get(host) ?? 0;
    if (ofHost >= maxConnectionsPerIp) return `max.connections.per.ip is ${maxConnectionsPerIp}`;
    this.count++;
    this.byHost.set(host, ofHost + 1);
    return undefined;
  }

  leave(host: string): void {
    this.count--;
    const ofHost = (this.byHost.get(host) ?? 1) - 1;
    if (ofHost === 0) this.byHost.delete(host);
    else this.byHost.set(host, ofHost);
  }
}
