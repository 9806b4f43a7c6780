/**
 * Quotas, metrics, delegation tokens.
 *
 * Names, types, defaults, ranges and update modes are Kafka's; part of the table in ../broker-configs.ts.
 */
import { className, int, list, long, password, string } from "../config-key.ts";
import { atLeast, validList } from "../valid.ts";

export const QUOTA_AND_METRICS_CONFIGS = {
  "quota.window.num": int(11, { valid: atLeast(1) }),
  "replication.quota.window.num": int(11, { valid: atLeast(1) }),
  "alter.log.dirs.replication.quota.window.num": int(11, { valid: atLeast(1) }),
  "controller.quota.window.num": int(11, { valid: atLeast(1) }),
  "quota.window.size.seconds": int(1, { valid: atLeast(1) }),
  "replication.quota.window.size.seconds": int(1, { valid: atLeast(1) }),
  "alter.log.dirs.replication.quota.window.size.seconds": int(1, { valid: atLeast(1) }),
  "controller.quota.window.size.seconds": int(1, { valid: atLeast(1) }),
  "client.quota.callback.class": className(null),
  "metrics.num.samples": int(2, { valid: atLeast(1) }),
  "metrics.sample.window.ms": long(30_000, { valid: atLeast(1) }),
  "metric.reporters": list(["org.apache.kafka.common.metrics.JmxReporter"], {
    valid: validList(),
    dynamic: "cluster-wide",
  }),
  "metrics.recording.level": string("INFO"),
  "kafka.metrics.reporters": list([], { valid: validList() }),
  "kafka.metrics.polling.interval.secs": int(10, { valid: atLeast(1) }),
  "telemetry.max.bytes": int(1_048_576, { valid: atLeast(1) }),
  "delegation.token.secret.key": password(null),
  "delegation.token.max.lifetime.ms": long(604_800_000, { valid: atLeast(1) }),
  "delegation.token.expiry.time.ms": long(86_400_000, { valid: atLeast(1) }),
  "delegation.token.expiry.check.interval.ms": long(3_600_000, { valid: atLeast(1) }),
} as const;
