/**
 * What one connection, and all together, may ask of a node.
 *
 * Those that Kafka has carry its name and default; the others are for what it leaves open (a peer that never reads, that
 * promises and does not send, that opens connections and is silent).
 */
export interface RequestLimits {
  /** socket.request.max.bytes */
  readonly maxRequestBytes: number;
  /** sasl.server.max.receive.size: before a connection has authenticated. */
  readonly maxUnauthenticatedRequestBytes: number;
  /** max.connections, of a node; above it a new connection is closed. */
  readonly maxConnections: number;
  /** max.connections.per.ip */
  readonly maxConnectionsPerIp: number;
  /** connections.max.idle.ms */
  readonly idleTimeoutMs: number;
  /** Until the first request is complete. Real clients send one at once. */
  readonly firstRequestTimeoutMs: number;
  /** Requests of one connection that are handled but not answered. */
  readonly maxRequestsInFlight: number;
  /** And their bytes; one request alone may have more. */
  readonly maxBytesInFlight: number;
  /** Responses of one connection that the kernel does not take: above it nothing more is handled. */
  readonly maxUnsentBytes: number;
  /** queued.max.request.bytes: requests of a node that arrive or are being answered. */
  readonly maxRequestBytesOfNode: number;
  /** Responses of a node that the kernel does not take: above it the slowest readers are closed. */
  readonly maxUnsentBytesOfNode: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const DEFAULT_REQUEST_LIMITS: RequestLimits = {
  maxRequestBytes: 100 * MIB,
  maxUnauthenticatedRequestBytes: 512 * KIB,
  maxConnections: Number.POSITIVE_INFINITY,
  maxConnectionsPerIp: Number.POSITIVE_INFINITY,
  idleTimeoutMs: 600_000,
  firstRequestTimeoutMs: 60_000,
  maxRequestsInFlight: 16, // producers have five, librdkafka without idempotence many more: it gains nothing by them
  maxBytesInFlight: 32 * MIB,
  maxUnsentBytes: MIB,
  maxRequestBytesOfNode: 256 * MIB,
  maxUnsentBytesOfNode: 512 * MIB,
};
