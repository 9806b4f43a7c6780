/**
 * A config as a table declares it: type, default, what it accepts, how it may be changed while the broker runs.
 */
import { type ConfigType, type ConfigValue, formatText, formatValue, parseValue } from "./config-value.ts";
import type { Valid } from "./valid.ts";

/** Kafka's largest LONG and INT; the first is the largest integer a number holds, and is shown as what it stands for. */
export const MAX_LONG = Number.MAX_SAFE_INTEGER;
export const MAX_INT = 0x7fff_ffff;

/** Who may change a broker config while it runs: nobody, per broker only, or also for all brokers at once. */
export type DynamicMode = "read-only" | "per-broker" | "cluster-wide";

export interface ConfigKey<T extends ConfigValue = ConfigValue> {
  readonly type: ConfigType;
  /** Null where Kafka has none. */
  readonly defaultValue: T;
  readonly valid: Valid | undefined;
  readonly dynamic: DynamicMode;
  /** Not described to anybody unless it is set. */
  readonly internal: boolean;
}

type ValueOf<K> = K extends ConfigKey<infer T> ? T : never;
type CamelCase<S extends string> = S extends `${infer Head}.${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

/** The values of a table's configs, their names in camel case: `log.retention.ms` is `logRetentionMs`. */
export type ValuesOf<Table> = { readonly [K in keyof Table & string as CamelCase<K>]: ValueOf<Table[K]> };

/** Asked for again for every partition that is made. */
const fieldNames = new Map<string, string>();
/** There are not so many configs: what comes beyond is not remembered. */
const MAX_FIELD_NAMES = 1000;

/** `log.retention.ms` as `logRetentionMs`. */
export function camelCase(name: string): string {
  let field = fieldNames.get(name);
  if (field === undefined) {
    field = name.replace(/\.(.)/g, (_dot, letter: string) => letter.toUpperCase());
    if (fieldNames.size < MAX_FIELD_NAMES) fieldNames.set(name, field);
  }
  return field;
}

interface KeyOptions {
  readonly valid?: Valid;
  readonly dynamic?: Exclude<DynamicMode, "read-only">;
  readonly internal?: boolean;
}

function key<T extends ConfigValue>(type: ConfigType, defaultValue: T, options: KeyOptions = {}): ConfigKey<T> {
  const { valid, dynamic = "read-only", internal = false } = options;
  return { type, defaultValue, valid, dynamic, internal };
}

/** A type that includes null only where the default is null. */
type With<T extends ConfigValue, D> = T | (D & null);

export function bool(defaultValue: boolean, options?: KeyOptions): ConfigKey<boolean> {
  return key<boolean>("BOOLEAN", defaultValue, options);
}
export function int<D extends number | null>(defaultValue: D, options?: KeyOptions): ConfigKey<With<number, D>> {
  return key<With<number, D>>("INT", defaultValue as With<number, D>, options);
}
export function short(defaultValue: number, options?: KeyOptions): ConfigKey<number> {
  return key<number>("SHORT", defaultValue, options);
}
export function long<D extends number | null>(defaultValue: D, options?: KeyOptions): ConfigKey<With<number, D>> {
  return key<With<number, D>>("LONG", defaultValue as With<number, D>, options);
}
export function double(defaultValue: number, options?: KeyOptions): ConfigKey<number> {
  return key<number>("DOUBLE", defaultValue, options);
}
export function string<D extends string | null>(defaultValue: D, options?: KeyOptions): ConfigKey<With<string, D>> {
  return key<With<string, D>>("STRING", defaultValue as With<string, D>, options);
}
export function list<D extends readonly string[] | null>(
  defaultValue: D,
  options?: KeyOptions,
): ConfigKey<With<readonly string[], D>> {
  return key<With<readonly string[], D>>("LIST", defaultValue as With<readonly string[], D>, options);
}
export function className<D extends string | null>(defaultValue: D, options?: KeyOptions): ConfigKey<With<string, D>> {
  return key<With<string, D>>("CLASS", defaultValue as With<string, D>, options);
}
export function password(defaultValue: null, options?: KeyOptions): ConfigKey<string | null> {
  return key<string | null>("PASSWORD", defaultValue, options);
}

/** A config's value from its text. @throws ConfigError */
export function parseConfig(name: string, { type, valid }: ConfigKey, text: string): ConfigValue {
  const value = parseValue(name, type, text);
  return valid === undefined ? value : valid(name, value);
}

/** The text Kafka shows for a text that is accepted; a list is shown without what stands in it twice. */
export function shownText(name: string, key: ConfigKey, text: string): string {
  return key.type === "LIST" ? (formatValue(key.type, parseConfig(name, key, text)) ?? "") : formatText(key.type, text);
}

/** The text of the default, as Kafka shows it; null where there is none. */
export function defaultText(key: ConfigKey): string | null {
  return formatValue(key.type, key.defaultValue);
}
