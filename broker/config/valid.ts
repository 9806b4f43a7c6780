/**
 * What values a config accepts beyond its type: ranges, choices, shapes. A refusal is worded as Kafka words it.
 */
import { ConfigError, type ConfigValue, invalidValue } from "./config-value.ts";

/** Checks a parsed value; gives what is kept of it. @throws ConfigError */
export type Valid = (name: string, value: ConfigValue) => ConfigValue;

export function atLeast(min: number): Valid {
  return between(min, Number.POSITIVE_INFINITY);
}

/** Both ends are allowed. A value that is not a number at all (NaN) passes, as in Kafka. */
export function between(min: number, max: number): Valid {
  return (name, value) => {
    if (value === null) throw invalidValue(name, value, "Value must be non-null");
    if ((value as number) < min) throw invalidValue(name, value, `Value must be at least ${min}`);
    if ((value as number) > max) throw invalidValue(name, value, `Value must be no more than ${max}`);
    return value;
  };
}

export function oneOf(...choices: readonly string[]): Valid {
  return (name, value) => {
    if (!choices.includes(value as string))
      throw invalidValue(name, value, `String must be one of: ${choices.join(", ")}`);
    return value;
  };
}

export function oneOfIgnoringCase(...choices: readonly string[]): Valid {
  return (name, value) => {
    if (!choices.includes(String(value).toUpperCase()))
      throw invalidValue(name, value, `String must be one of (case insensitive): ${choices.join(", ")}`);
    return value;
  };
}

export const nonNull: Valid = (name, value) => {
  if (value === null) throw invalidValue(name, value, "entry must be non null");
  return value;
};

export const nonEmptyString: Valid = (name, value) => {
  if (value === "") throw invalidValue(name, value, "String must be non-empty");
  return value;
};

export const gzipLevel: Valid = (name, value) => {
  const level = value as number;
  if (level !== -1 && !(level >= 1 && level <= 9))
    throw invalidValue(name, value, "Value must be between 1 and 9 or equal to -1");
  return value;
};

interface ListRules {
  /** Left out: yes. */
  readonly mayBeEmpty?: boolean;
  /** Left out: no. */
  readonly mayBeNull?: boolean;
  /** The elements allowed; any that is not empty when left out. */
  readonly of?: readonly string[];
}

/** A list without empty elements. What stands in it twice is kept once (KIP-1161). */
export function validList({ mayBeEmpty = true, mayBeNull = false, of }: ListRules = {}): Valid {
  const allowed = of === undefined ? undefined : oneOf(...of);
  return (name, value) => {
    if (value === null) {
      if (mayBeNull) return value;
      throw new ConfigError(`Configuration '${name}' values must not be null.`);
    }
    const elements = [...new Set(value as readonly string[])];
    if (elements.length === 0 && !mayBeEmpty) {
      const choices = of === undefined ? "any non-empty value" : `[${of.join(", ")}]`;
      throw new ConfigError(`Configuration '${name}' must not be empty. Valid values include: ${choices}`);
    }
    for (const element of elements) {
      if (element === "") throw new ConfigError(`Configuration '${name}' values must not be empty.`);
      allowed?.(name, element);
    }
    return elements;
  };
}

/** `id@host:port`, each. */
export const quorumVoters: Valid = (name, value) => {
  for (const voter of (value ?? []) as readonly string[])
    if (!/^\d+@(?:\[[\da-fA-F:%]+\]|[^@:[\]]+):\d+$/.test(voter))
      throw new ConfigError(
        `Invalid configuration value for ${name}. Each entry should be in the form \`{id}@{host}:{port}\`.`,
      );
  return value;
};

/** `host:port`, each. */
export const hostAndPortList: Valid = (name, value) => {
  for (const entry of (value ?? []) as readonly string[])
    if (!/^(?:\[[\da-fA-F:%]+\]|[^:[\]]+):\d+$/.test(entry))
      throw new ConfigError(
        `Failed to parse host name from ${entry} for the configuration ${name}. Each entry should be in the form "{host}:{port}"`,
      );
  return value;
};

/** `address:count,address:count`. */
export const connectionOverrides: Valid = (name, value) => {
  for (const entry of (value as string).split(",")) {
    if (value !== "" && !/^\s*\S.*:\s*\d+\s*$/.test(entry))
      throw new ConfigError(`Error parsing configuration property '${name}': ${entry}`);
  }
  return value;
};

/** `*`, or `partition:broker`, each. */
export const throttledReplicas: Valid = (name, value) => {
  const entries = value as readonly string[];
  const isWildcard = entries.length === 1 && entries[0]?.trim() === "*";
  if (!isWildcard && !entries.every((entry) => /^\s*(?:\d+:\d+)?\s*$/.test(entry)))
    throw invalidValue(
      name,
      value,
      `${name} must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...`,
    );
  return value;
};

const DURATION = /^\+?[pP](?=.)(?:(\d+)[dD])?(?:[tT](?=.)(?:\d+[hH])?(?:\d+[mM])?(?:\d+(?:[.,]\d{0,9})?[sS])?)?$/;

/** Where a share group starts: latest, earliest, or a duration before now in ISO-8601's form (KIP-1106). */
export const offsetResetStrategy: Valid = (name, value) => {
  const strategy = value as string;
  const duration = strategy.startsWith("by_duration:") ? strategy.slice("by_duration:".length) : "";
  if (strategy !== "latest" && strategy !== "earliest" && !DURATION.test(duration))
    throw invalidValue(
      name,
      value,
      `Invalid value \`${strategy}\` for configuration ${name}. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.`,
    );
  return value;
};
