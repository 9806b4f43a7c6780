/**
 * Replication, the controller, its quorum.
 *
 * Names, types, defaults, ranges and update modes are Kafka's; part of the table in ../broker-configs.ts.
 */
import { bool, int, list, long, MAX_LONG, string } from "../config-key.ts";
import { atLeast, hostAndPortList, oneOf, quorumVoters, validList } from "../valid.ts";

export const REPLICATION_CONFIGS = {
  "controller.socket.timeout.ms": int(30_000),
  "default.replication.factor": int(1),
  "replica.lag.time.max.ms": long(30_000),
  "replica.socket.timeout.ms": int(30_000),
  "replica.socket.receive.buffer.bytes": int(65_536),
  "replica.fetch.max.bytes": int(1_048_576, { valid: atLeast(0) }),
  "replica.fetch.wait.max.ms": int(500),
  "replica.fetch.backoff.ms": int(1000, { valid: atLeast(0) }),
  "replica.fetch.min.bytes": int(1),
  "replica.fetch.response.max.bytes": int(10_485_760, { valid: atLeast(0) }),
  "num.replica.fetchers": int(1, { valid: atLeast(1), dynamic: "cluster-wide" }),
  "replica.high.watermark.checkpoint.interval.ms": long(5000),
  "fetch.purgatory.purge.interval.requests": int(1000),
  "producer.purgatory.purge.interval.requests": int(1000),
  "delete.records.purgatory.purge.interval.requests": int(1),
  "auto.leader.rebalance.enable": bool(true),
  "leader.imbalance.check.interval.seconds": long(300, { valid: atLeast(1) }),
  "unclean.leader.election.interval.ms": long(300_000, { valid: atLeast(1), internal: true }),
  "unclean.leader.election.enable": bool(false, { dynamic: "cluster-wide" }),
  "security.inter.broker.protocol": string("PLAINTEXT", {
    valid: oneOf("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
  }),
  "inter.broker.listener.name": string(null),
  "replica.selector.class": string(null),
  "follower.fetch.last.tiered.offset.enable": bool(false, { dynamic: "cluster-wide" }),
  "process.roles": list(null, { valid: validList({ mayBeEmpty: false, of: ["broker", "controller"] }) }),
  "node.id": int(null, { valid: atLeast(0) }),
  "initial.broker.registration.timeout.ms": int(60_000),
  "broker.heartbeat.interval.ms": int(2000),
  "broker.session.timeout.ms": int(9000),
  "controller.listener.names": list(null, { valid: validList({ mayBeEmpty: false }) }),
  "sasl.mechanism.controller.protocol": string("GSSAPI"),
  "controller.performance.sample.period.ms": long(60_000, { valid: atLeast(100), internal: true }),
  "controller.performance.always.log.threshold.ms": long(2000, { valid: atLeast(0), internal: true }),
  "server.max.startup.time.ms": long(MAX_LONG, { valid: atLeast(0), internal: true }),
  "controller.quorum.voters": list([], { valid: quorumVoters }),
  "controller.quorum.bootstrap.servers": list([], { valid: hostAndPortList }),
  "controller.quorum.election.timeout.ms": int(1000, { valid: atLeast(0) }),
  "controller.quorum.fetch.timeout.ms": int(2000, { valid: atLeast(0) }),
  "controller.quorum.election.backoff.max.ms": int(1000, { valid: atLeast(0) }),
  "controller.quorum.append.linger.ms": int(25, { valid: atLeast(0) }),
  "controller.quorum.request.timeout.ms": int(2000, { valid: atLeast(0) }),
  "controller.quorum.retry.backoff.ms": int(20, { valid: atLeast(0) }),
  "controller.quorum.auto.join.enable": bool(false),
  "controller.quorum.fetch.snapshot.max.bytes": int(1_048_576, { valid: atLeast(1) }),
  "controller.quorum.fetch.max.bytes": int(1_048_576, { valid: atLeast(1) }),
} as const;
