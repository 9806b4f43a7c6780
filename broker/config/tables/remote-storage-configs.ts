/**
 * Tiered storage: known so that files which name it are accepted; there is none here.
 *
 * Names, types, defaults, ranges and update modes are Kafka's; part of the table in ../broker-configs.ts.
 */
import { bool, double, int, long, MAX_LONG, string } from "../config-key.ts";
import { atLeast, between, nonEmptyString } from "../valid.ts";

export const REMOTE_STORAGE_CONFIGS = {
  "remote.log.storage.system.enable": bool(false),
  "remote.log.storage.manager.impl.prefix": string("rsm.config.", { valid: nonEmptyString }),
  "remote.log.metadata.manager.impl.prefix": string("rlmm.config.", { valid: nonEmptyString }),
  "remote.log.storage.manager.class.name": string(null, { valid: nonEmptyString }),
  "remote.log.storage.manager.class.path": string(null),
  "remote.log.metadata.manager.class.name": string(
    "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager",
    { valid: nonEmptyString },
  ),
  "remote.log.metadata.manager.class.path": string(null),
  "remote.log.metadata.manager.listener.name": string(null, { valid: nonEmptyString }),
  "remote.log.metadata.custom.metadata.max.bytes": int(128, { valid: atLeast(0) }),
  "remote.log.index.file.cache.total.size.bytes": long(1_073_741_824, { valid: atLeast(1), dynamic: "cluster-wide" }),
  "remote.log.index.file.cache.ttl.ms": long(900_000, { valid: atLeast(-1), internal: true }),
  "remote.log.manager.thread.pool.size": int(2, { valid: atLeast(1) }),
  "remote.log.manager.copier.thread.pool.size": int(10, { valid: atLeast(1), dynamic: "cluster-wide" }),
  "remote.log.manager.expiration.thread.pool.size": int(10, { valid: atLeast(1), dynamic: "cluster-wide" }),
  "remote.log.manager.follower.thread.pool.size": int(2, { valid: atLeast(1), dynamic: "cluster-wide" }),
  "remote.log.manager.task.interval.ms": long(30_000, { valid: atLeast(1) }),
  "remote.log.manager.task.retry.backoff.ms": long(500, { valid: atLeast(1), internal: true }),
  "remote.log.manager.task.retry.backoff.max.ms": long(30_000, { valid: atLeast(1), internal: true }),
  "remote.log.manager.task.retry.jitter": double(0.2, { valid: between(0, 0.5), internal: true }),
  "remote.log.reader.threads": int(10, { valid: atLeast(1), dynamic: "cluster-wide" }),
  "remote.log.reader.max.pending.tasks": int(100, { valid: atLeast(1) }),
  "log.local.retention.ms": long(-2, { valid: atLeast(-2), dynamic: "cluster-wide" }),
  "log.local.retention.bytes": long(-2, { valid: atLeast(-2), dynamic: "cluster-wide" }),
  "remote.log.manager.copy.max.bytes.per.second": long(MAX_LONG, { valid: atLeast(1), dynamic: "cluster-wide" }),
  "remote.log.manager.copy.quota.window.num": int(11, { valid: atLeast(1) }),
  "remote.log.manager.copy.quota.window.size.seconds": int(1, { valid: atLeast(1) }),
  "remote.log.manager.fetch.max.bytes.per.second": long(MAX_LONG, { valid: atLeast(1), dynamic: "cluster-wide" }),
  "remote.log.manager.fetch.quota.window.num": int(11, { valid: atLeast(1) }),
  "remote.log.manager.fetch.quota.window.size.seconds": int(1, { valid: atLeast(1) }),
  "remote.fetch.max.wait.ms": int(500, { valid: atLeast(1), dynamic: "cluster-wide" }),
  "remote.list.offsets.request.timeout.ms": long(30_000, { valid: atLeast(1), dynamic: "cluster-wide" }),
} as const;
