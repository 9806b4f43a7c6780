/**
 * The transaction coordinator and the share-state coordinator.
 *
 * Names, types, defaults, ranges and update modes are Kafka's; part of the table in ../broker-configs.ts.
 */
import { bool, int, short } from "../config-key.ts";
import { atLeast, between } from "../valid.ts";

export const TRANSACTION_CONFIGS = {
  "share.coordinator.state.topic.num.partitions": int(50, { valid: atLeast(1) }),
  "share.coordinator.state.topic.replication.factor": short(3, { valid: atLeast(1) }),
  "share.coordinator.state.topic.min.isr": short(2, { valid: atLeast(1) }),
  "share.coordinator.state.topic.segment.bytes": int(104_857_600, { valid: atLeast(1) }),
  "share.coordinator.threads": int(1, { valid: atLeast(1) }),
  "share.coordinator.snapshot.update.records.per.snapshot": int(500, { valid: between(0, 500) }),
  "share.coordinator.load.buffer.size": int(5_242_880, { valid: atLeast(1) }),
  "share.coordinator.state.topic.compression.codec": int(0),
  "share.coordinator.append.linger.ms": int(-1, { valid: atLeast(-1) }),
  "share.coordinator.write.timeout.ms": int(5000, { valid: atLeast(1) }),
  "share.coordinator.state.topic.prune.interval.ms": int(300_000, { valid: atLeast(1), internal: true }),
  "share.coordinator.cold.partition.snapshot.interval.ms": int(300_000, { valid: atLeast(1), internal: true }),
  "share.coordinator.cached.buffer.max.bytes": int(1_048_588, { valid: atLeast(524_288), dynamic: "cluster-wide" }),
  "transaction.state.log.min.isr": int(2, { valid: atLeast(1) }),
  "transaction.state.log.load.buffer.size": int(5_242_880, { valid: atLeast(1) }),
  "transaction.state.log.replication.factor": short(3, { valid: atLeast(1) }),
  "transaction.state.log.num.partitions": int(50, { valid: atLeast(1) }),
  "transaction.state.log.segment.bytes": int(104_857_600, { valid: atLeast(1) }),
  "transaction.partition.verification.enable": bool(true, { dynamic: "cluster-wide" }),
  "producer.id.expiration.ms": int(86_400_000, { valid: atLeast(1), dynamic: "cluster-wide" }),
  "producer.id.expiration.check.interval.ms": int(600_000, { valid: atLeast(1), internal: true }),
  "transactional.id.expiration.ms": int(604_800_000, { valid: atLeast(1) }),
  "transaction.max.timeout.ms": int(900_000, { valid: atLeast(1) }),
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": int(10_000, { valid: atLeast(1) }),
  "transaction.remove.expired.transaction.cleanup.interval.ms": int(3_600_000, { valid: atLeast(1) }),
  "transaction.two.phase.commit.enable": bool(false),
  "add.partitions.to.txn.retry.backoff.max.ms": int(100, { valid: atLeast(0) }),
  "add.partitions.to.txn.retry.backoff.ms": int(20, { valid: atLeast(1) }),
} as const;
