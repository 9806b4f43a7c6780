/**
 * The configs of groups (KIP-848, KIP-932, KIP-1071), and the broker configs behind them.
 *
 * Owns: the table, and the bounds a broker sets for its groups. A group need not exist to have configs.
 */
import { type BrokerConfig, type BrokerConfigName, settingOf } from "./broker-configs.ts";
import { bool, type ConfigKey, int, string } from "./config-key.ts";
import { ConfigError } from "./config-value.ts";
import { atLeast, offsetResetStrategy, oneOf } from "./valid.ts";

export const GROUP_CONFIGS = {
  "consumer.session.timeout.ms": int(45_000, { valid: atLeast(1) }),
  "consumer.heartbeat.interval.ms": int(5000, { valid: atLeast(1) }),
  "consumer.assignment.interval.ms": int(1000, { valid: atLeast(0) }),
  "share.session.timeout.ms": int(45_000, { valid: atLeast(1) }),
  "share.heartbeat.interval.ms": int(5000, { valid: atLeast(1) }),
  "share.record.lock.duration.ms": int(30_000, { valid: atLeast(1000) }),
  "share.delivery.count.limit": int(5, { valid: atLeast(2) }),
  "share.partition.max.record.locks": int(2000, { valid: atLeast(100) }),
  "share.auto.offset.reset": string("latest", { valid: offsetResetStrategy }),
  "share.isolation.level": string("read_uncommitted", { valid: oneOf("read_committed", "read_uncommitted") }),
  "share.renew.acknowledge.enable": bool(true),
  "share.assignment.interval.ms": int(1000, { valid: atLeast(0) }),
  "streams.session.timeout.ms": int(45_000, { valid: atLeast(1) }),
  "streams.heartbeat.interval.ms": int(5000, { valid: atLeast(1) }),
  "streams.num.standby.replicas": int(0, { valid: atLeast(0) }),
  "streams.initial.rebalance.delay.ms": int(3000, { valid: atLeast(0) }),
  "streams.assignment.interval.ms": int(1000, { valid: atLeast(0) }),
} as const;

export type GroupConfigName = keyof typeof GROUP_CONFIGS;

export const GROUP_CONFIG_KEYS: ReadonlyMap<string, ConfigKey> = new Map(Object.entries(GROUP_CONFIGS));

/** The broker config that stands in for what a group does not set. */
export function brokerSynonymOfGroupConfig(name: string): BrokerConfigName | undefined {
  const hasNone = ["share.auto.offset.reset", "share.isolation.level", "share.renew.acknowledge.enable"].includes(name);
  return hasNone || !GROUP_CONFIG_KEYS.has(name) ? undefined : (`group.${name}` as BrokerConfigName);
}

interface Bound {
  readonly config: GroupConfigName;
  readonly min?: BrokerConfigName;
  readonly max: BrokerConfigName;
}

/** In the order in which Kafka checks them. */
const BOUNDS: readonly Bound[] = [
  ...(["consumer", "share", "streams"] as const).flatMap((kind): Bound[] => [
    bound(`${kind}.heartbeat.interval.ms`),
    bound(`${kind}.session.timeout.ms`),
    ...(kind === "share"
      ? [
          bound("share.record.lock.duration.ms"),
          bound("share.delivery.count.limit"),
          bound("share.partition.max.record.locks"),
        ]
      : []),
    ...(kind === "streams"
      ? [
          {
            config: "streams.num.standby.replicas",
            max: "group.streams.max.standby.replicas",
          } as const,
        ]
      : []),
    bound(`${kind}.assignment.interval.ms`),
  ]),
];

/** `kind.rest` lies between the broker's `group.kind.min.rest` and `group.kind.max.rest`. */
function bound(config: GroupConfigName): Bound {
  const [kind, ...rest] = config.split(".");
  const of = (end: "min" | "max"): BrokerConfigName => `group.${kind}.${end}.${rest.join(".")}` as BrokerConfigName;
  return { config, min: of("min"), max: of("max") };
}

/** Checks one group's values against each other and against the bounds of the broker. @throws ConfigError */
export function checkGroupConfigsTogether(values: ReadonlyMap<string, unknown>, broker: BrokerConfig): void {
  const brokerValue = (name: BrokerConfigName): number => settingOf(broker, name) as number;
  for (const { config, min, max } of BOUNDS) {
    const value = values.get(config) as number | undefined;
    if (value === undefined) continue;
    if (min !== undefined && value < brokerValue(min))
      throw new ConfigError(`${config} must be greater than or equal to ${min}`);
    if (value > brokerValue(max)) throw new ConfigError(`${config} must be less than or equal to ${max}`);
  }
  for (const kind of ["consumer", "share", "streams"] as const) {
    const effective = (name: GroupConfigName): number =>
      (values.get(name) as number | undefined) ?? brokerValue(`group.${name}` as BrokerConfigName);
    if (effective(`${kind}.session.timeout.ms`) <= effective(`${kind}.heartbeat.interval.ms`))
      throw new ConfigError(`${kind}.session.timeout.ms must be greater than ${kind}.heartbeat.interval.ms`);
  }
}

/** The broker's own defaults for its groups lie within its own bounds. @throws ConfigError */
export function checkGroupBounds(broker: BrokerConfig): void {
  const brokerValue = (name: BrokerConfigName): number => settingOf(broker, name) as number;
  const inOrder = (small: BrokerConfigName, large: BrokerConfigName, subject: "small" | "large"): void => {
    if (brokerValue(small) <= brokerValue(large)) return;
    throw new ConfigError(
      subject === "large"
        ? `${large} must be greater than or equal to ${small}`
        : `${small} must be less than or equal to ${large}`,
    );
  };
  for (const { config, min, max } of BOUNDS) {
    const own = `group.${config}` as BrokerConfigName;
    if (min !== undefined) {
      inOrder(min, max, "large");
      inOrder(min, own, "large");
    }
    inOrder(own, max, "small");
  }
  for (const kind of ["consumer", "share", "streams"] as const)
    if (brokerValue(`group.${kind}.heartbeat.interval.ms`) >= brokerValue(`group.${kind}.session.timeout.ms`))
      throw new ConfigError(`group.${kind}.heartbeat.interval.ms must be less than group.${kind}.session.timeout.ms`);
}
