/**
 * The configs of client metrics subscriptions (KIP-714): which metrics clients push, how often, and which clients.
 */
import { RegexSyntaxError } from "../groups/consumer/regex/syntax-tree.ts";
import { TopicPattern } from "../groups/consumer/regex/topic-pattern.ts";
import { type ConfigKey, int, list } from "./config-key.ts";
import { ConfigError } from "./config-value.ts";
import { validList } from "./valid.ts";

export const CLIENT_METRICS_CONFIGS = {
  /** Prefixes of metric names; `*` for all. */
  metrics: list([], { valid: validList() }),
  "interval.ms": int(300_000),
  /** `selector=regular expression`, all of which a client must fulfil. */
  match: list([], { valid: validList() }),
} as const;

export const CLIENT_METRICS_CONFIG_KEYS: ReadonlyMap<string, ConfigKey> = new Map(
  Object.entries(CLIENT_METRICS_CONFIGS),
);

const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 3_600_000;
/** Of an attribute that is matched by trying. */
const MAX_BACKTRACKED_LENGTH = 40;
/** To match it: four repetitions, and some choices. */
const MAX_BACKTRACKED_WAYS = 10_000_000;

/** What a subscription may look at in a client. */
const SELECTORS = [
  "client_instance_id",
  "client_id",
  "client_software_name",
  "client_software_version",
  "client_source_address",
  "client_source_port",
] as const;

/** A client as subscriptions look at it. */
export type ClientAttributes = Readonly<Record<string, string>> & Readonly<Record<(typeof SELECTORS)[number], string>>;

/** What an attribute of a client must match as a whole. */
export interface ClientPattern {
  matches(text: string): boolean;
}

/** The interval is out of range: an INVALID_REQUEST, where other values that are refused are INVALID_CONFIG. */
export class IntervalError extends ConfigError {}

/** @throws IntervalError */
export function checkInterval(intervalMs: number): void {
  if (intervalMs < MIN_INTERVAL_MS || intervalMs > MAX_INTERVAL_MS)
    throw new IntervalError(
      `Invalid value ${intervalMs} for interval.ms, interval must be between ${MIN_INTERVAL_MS} and ${MAX_INTERVAL_MS} (1 hour)`,
    );
}

/** The patterns of a subscription by selector. @throws ConfigError */
export function parseMatch(patterns: readonly string[]): Map<string, ClientPattern> {
  const parsed = new Map<string, ClientPattern>();
  for (const pattern of patterns) {
    const separator = pattern.indexOf("=");
    const selector = pattern.slice(0, Math.max(0, separator)).trim();
    try {
      if (!SELECTORS.some((one) => one === selector)) throw new SyntaxError(selector);
      parsed.set(selector, patternOf(pattern.slice(separator + 1).trim()));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw new ConfigError(`Illegal client matching pattern: ${pattern}`, { cause: error });
    }
  }
  return parsed;
}

/**
 * In linear time where the expression allows that; with lookarounds and the like by trying, where that cannot take long.
 * Differs from Kafka: a pattern of a client-metrics `match` that cannot be matched in linear time (lookarounds, back references) and
 * repeats repetitions or choices, or has more than four repetitions, is answered INVALID_CONFIG; Kafka may then match for ever.
 */
function patternOf(regex: string): ClientPattern {
  try {
    return new TopicPattern(regex);
  } catch (error) {
    if (!(error instanceof RegexSyntaxError)) throw error;
    if (takesLong(regex)) throw new SyntaxError("matching it may take for ever");
    const whole = new RegExp(`^(?:${regex})$`, "s");
    return { matches: (text) => text.length <= MAX_BACKTRACKED_LENGTH && whole.test(text) };
  }
}

/** An escape, a class, the start of a group, its end, what repeats something, a choice. */
const BACKTRACKING_SYNTAX =
  /\\.|\[\^?(?:\\.|[^\]\\])*\]|(?<open>\((?:\?(?:<?[=!]|[^)]))?)|(?<close>\))|(?<repeats>[*+?]|\{\d*,?\d*\})[?+]?|(?<choice>\|)/gs;

/** Whether trying all ways to match takes long: more than a power of the text's length, or a high one. */
function takesLong(regex: string): boolean {
  /** For each group that is open: how many ways there are from one place on, of its last sequence and all before it. */
  const open: { ways: number; choices: number }[] = [{ ways: 1, choices: 1 }];
  let closed = { ways: 1, end: -1 };
  for (const { groups = {}, index, 0: text } of `${regex})`.matchAll(BACKTRACKING_SYNTAX)) {
    const group = open.at(-1);
    if (group === undefined) return true;
    const { open: opens, close: closes, repeats, choice } = groups;
    if (opens !== undefined) open.push({ ways: 1, choices: 1 });
    else if (choice !== undefined) group.choices++;
    else if (repeats === "?") group.ways *= 2;
    else if (repeats !== undefined) {
      if (closed.end === index && closed.ways > 1) return true;
      group.ways *= MAX_BACKTRACKED_LENGTH;
    } else if (closes !== undefined) {
      open.pop();
      closed = { ways: group.ways * group.choices, end: index + text.length };
      const around = open.at(-1) ?? group;
      around.ways *= closed.ways;
    }
  }
  return closed.ways > MAX_BACKTRACKED_WAYS;
}
