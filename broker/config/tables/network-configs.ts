/**
 * Listeners, connections, requests, and what concerns the broker as a whole.
 *
 * Names, types, defaults, ranges and update modes are Kafka's; part of the table in ../broker-configs.ts.
 */
import { bool, int, list, long, MAX_INT, string } from "../config-key.ts";
import { atLeast, between, connectionOverrides, gzipLevel, nonNull, oneOf, validList } from "../valid.ts";

export const NETWORK_CONFIGS = {
  listeners: list(["PLAINTEXT://:9092"], { valid: validList({ mayBeEmpty: false }), dynamic: "per-broker" }),
  "advertised.listeners": list(null, { valid: validList({ mayBeEmpty: false, mayBeNull: true }) }),
  "listener.security.protocol.map": string(
    "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT",
    { dynamic: "per-broker" },
  ),
  "socket.send.buffer.bytes": int(102_400),
  "socket.receive.buffer.bytes": int(102_400),
  "socket.request.max.bytes": int(104_857_600, { valid: atLeast(1) }),
  "socket.listen.backlog.size": int(50, { valid: atLeast(1) }),
  "max.connections.per.ip": int(MAX_INT, { valid: atLeast(0), dynamic: "cluster-wide" }),
  "max.connections.per.ip.overrides": string("", { valid: connectionOverrides, dynamic: "cluster-wide" }),
  "max.connections": int(MAX_INT, { valid: atLeast(0), dynamic: "cluster-wide" }),
  "max.connection.creation.rate": int(MAX_INT, { valid: atLeast(0), dynamic: "cluster-wide" }),
  "connections.max.idle.ms": long(600_000),
  "connection.failed.authentication.delay.ms": int(100, { valid: atLeast(0) }),
  "queued.max.requests": int(500, { valid: atLeast(1) }),
  "queued.max.request.bytes": long(-1),
  "num.network.threads": int(3, { valid: atLeast(1), dynamic: "cluster-wide" }),
  "broker.id": int(-1),
  "message.max.bytes": int(1_048_588, { valid: atLeast(0), dynamic: "cluster-wide" }),
  "num.io.threads": int(8, { valid: atLeast(1), dynamic: "cluster-wide" }),
  "num.replica.alter.log.dirs.threads": int(null),
  "background.threads": int(10, { valid: atLeast(1), dynamic: "cluster-wide" }),
  "request.timeout.ms": int(30_000),
  "socket.connection.setup.timeout.ms": long(10_000),
  "socket.connection.setup.timeout.max.ms": long(30_000),
  "config.providers": list([], { valid: validList(), dynamic: "cluster-wide" }),
  "authorizer.class.name": string("", { valid: nonNull }),
  "early.start.listeners": list(null, { valid: validList({ mayBeNull: true }) }),
  "broker.rack": string(null),
  "controlled.shutdown.enable": bool(true),
  "delete.topic.enable": bool(true),
  "compression.type": string("producer", {
    valid: oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
    dynamic: "cluster-wide",
  }),
  "compression.gzip.level": int(-1, { valid: gzipLevel, dynamic: "cluster-wide" }),
  "compression.lz4.level": int(9, { valid: between(1, 17), dynamic: "cluster-wide" }),
  "compression.zstd.level": int(3, { valid: between(-131_072, 22), dynamic: "cluster-wide" }),
  "max.incremental.fetch.session.cache.slots": int(1000, { valid: atLeast(0) }),
  "fetch.max.bytes": int(57_671_680, { valid: atLeast(1024) }),
  "max.request.partition.size.limit": int(2000, { valid: atLeast(1) }),
  "unstable.api.versions.enable": bool(false, { internal: true }),
  "unstable.feature.versions.enable": bool(false, { internal: true }),
} as const;
