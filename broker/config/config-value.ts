/**
 * Values of configs: from text as Kafka reads it, and back to text as Kafka shows it.
 *
 * Owns: the types of configs and what each accepts. Leaves to valid.ts: ranges; to config-key.ts: defaults.
 */
export type ConfigType = "BOOLEAN" | "STRING" | "INT" | "SHORT" | "LONG" | "DOUBLE" | "LIST" | "CLASS" | "PASSWORD";

export type ConfigValue = boolean | number | string | readonly string[] | null;

/** The ids of DescribeConfigs v3+; 0 is a config whose type is not known. */
export const CONFIG_TYPE_ID: Readonly<Record<ConfigType, number>> = {
  BOOLEAN: 1,
  STRING: 2,
  INT: 3,
  SHORT: 4,
  LONG: 5,
  DOUBLE: 6,
  LIST: 7,
  CLASS: 8,
  PASSWORD: 9,
};

/** A value that is refused. The message is Kafka's; which error code it becomes depends on who asked. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** The message of a value that is refused, as Kafka words it. */
export function invalidValue(name: string, value: unknown, reason: string): ConfigError {
  return new ConfigError(`Invalid value ${shown(value)} for configuration ${name}: ${reason}`);
}

function shown(value: unknown): string {
  return Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
}

const INTEGER = /^[+-]?\d+$/;
const RANGES = {
  SHORT: [-0x8000n, 0x7fffn],
  INT: [-0x8000_0000n, 0x7fff_ffffn],
  LONG: [-(2n ** 63n), 2n ** 63n - 1n],
} as const;
const DOUBLE = /^[+-]?(?:NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[dDfF]?)$/;

/**
 * Reads a value. A LONG beyond ±(2^53-1) saturates there; its exact text is what formatText gives.
 * @throws ConfigError
 */
export function parseValue(
  name: string,
  type: ConfigType,
  text: string,
): boolean | number | string | readonly string[] {
  const trimmed = trim(text);
  switch (type) {
    case "BOOLEAN": {
      const lower = trimmed.toLowerCase();
      if (lower !== "true" && lower !== "false")
        throw invalidValue(name, text, "Expected value to be either true or false");
      return lower === "true";
    }
    case "SHORT":
    case "INT":
    case "LONG": {
      const integer = parseInteger(type, trimmed);
      if (integer === undefined) throw invalidValue(name, text, `Not a number of type ${type}`);
      return saturate(integer);
    }
    case "DOUBLE":
      if (!DOUBLE.test(trimmed)) throw invalidValue(name, text, `Not a number of type ${type}`);
      return Number(trimmed.replace(/[dDfF]$/, ""));
    case "LIST":
      return trimmed === "" ? [] : trimmed.split(/[ \t\n\v\f\r]*,[ \t\n\v\f\r]*/);
    case "STRING":
    case "CLASS":
    case "PASSWORD":
      return trimmed;
  }
}

/** The canonical text of a text that parseValue accepts: " +05 " is 5, " TRUE " is true, "a , b" is a,b. */
export function formatText(type: ConfigType, text: string): string {
  const trimmed = trim(text);
  switch (type) {
    case "SHORT":
    case "INT":
    case "LONG":
      return BigInt(trimmed.replace(/^\+/, "")).toString();
    default:
      return formatValue(type, parseValue("", type, text)) ?? "";
  }
}

/** A value as Kafka shows it. Numbers beyond ±(2^53-1) are taken for the ends of a LONG. */
export function formatValue(type: ConfigType, value: ConfigValue): string | null {
  if (value === null) return null;
  if (Array.isArray(value)) return value.join(",");
  if (type === "DOUBLE") return formatDouble(value as number);
  if (value === Number.MAX_SAFE_INTEGER) return RANGES.LONG[1].toString();
  if (value === Number.MIN_SAFE_INTEGER) return RANGES.LONG[0].toString();
  return String(value);
}

/** A double as Java writes it: 1.0, 0.5, 1.0E7, 1.7976931348623157E308. */
function formatDouble(value: number): string {
  const magnitude = Math.abs(value);
  if (!Number.isFinite(value)) return String(value);
  if (magnitude === 0 || (magnitude >= 1e-3 && magnitude < 1e7))
    return Number.isInteger(value) ? `${value}.0` : String(value);
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  return `${digits.includes(".") ? digits : `${digits}.0`}E${Number(exponent)}`;
}

function parseInteger(type: keyof typeof RANGES, trimmed: string): bigint | undefined {
  if (!INTEGER.test(trimmed)) return undefined;
  const value = BigInt(trimmed.replace(/^\+/, ""));
  const [min, max] = RANGES[type];
  return value < min || value > max ? undefined : value;
}

function saturate(value: bigint): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)));
}

/** Java's trim(): all up to U+0020, and nothing else. */
function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= 0x20) start++;
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--;
  return text.slice(start, end);
}
