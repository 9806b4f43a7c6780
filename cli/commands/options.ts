/**
 * Options that commands share, and reading values: what is wrong with one is said in a line.
 */
import type { Argv, Options } from "yargs";
import { CommandError } from "../command-error.ts";
import type { Arguments } from "../commands.ts";

const DEFAULT_BOOTSTRAP = "127.0.0.1:9092";

/** An option with a value. */
export function valued(placeholder: string, description: string, more: Options = {}): Options {
  return { type: "string", requiresArg: true, nargs: 1, description: `${placeholder}  ${description}`, ...more };
}

export function flag(description: string, more: Options = {}): Options {
  return { type: "boolean", description, ...more };
}

/** Where the cluster is, and how to write. */
export function withCommonOptions(command: Argv): Argv {
  return command
    .option(
      "bootstrap",
      valued("HOST:PORT", "Brokers to ask first, with commas in between", {
        alias: "b",
        default: DEFAULT_BOOTSTRAP,
      }),
    )
    .option("json", flag("Write JSON, for programs"));
}

/** The last value of an option; undefined when it was not given. */
export function text(argv: Arguments, name: string): string | undefined {
  const value = argv[name];
  const last: unknown = Array.isArray(value) ? value.at(-1) : value;
  return last === undefined ? undefined : String(last);
}

/** Every value of an option. */
export function texts(argv: Arguments, name: string): string[] {
  const value = argv[name];
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

export function isSet(argv: Arguments, name: string): boolean {
  return argv[name] === true;
}

/** A whole number. @throws CommandError it is none, or out of range. */
export function wholeNumber(
  argv: Arguments,
  name: string,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const value = text(argv, name);
  if (value === undefined) return undefined;
  const number = /^[+-]?\d+$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(number) && number >= min && number <= max) return number;
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new CommandError(`--${name} needs a whole number ${range}, not ${JSON.stringify(value)}`);
}

/** Values of the form KEY=VALUE, in their order. @throws CommandError */
export function pairs(argv: Arguments, name: string): [string, string][] {
  return texts(argv, name).map((pair) => {
    const at = pair.indexOf("=");
    if (at <= 0) throw new CommandError(`--${name} needs KEY=VALUE, not ${JSON.stringify(pair)}`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
}

const UNITS = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** What `time` takes, for help. */
export const TIME_FORMS = "as 2026-01-31T12:00Z, ms since 1970, or how long ago: 90s, 15m, 2h, 1d";

/** A point in time, in ms since 1970. @throws CommandError */
export function time(argv: Arguments, name: string, nowMs: number): number | undefined {
  const value = text(argv, name);
  if (value === undefined) return undefined;
  if (/^\d{5,}$/.test(value)) return Number(value);
  const [, amount, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(value) ?? [];
  if (amount !== undefined) return nowMs - Number(amount) * (UNITS.get(unit as string) as number);
  const parsed = /^\d{4}-\d{2}/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(parsed))
    throw new CommandError(`--${name} needs a time, ${TIME_FORMS}; not ${JSON.stringify(value)}`);
  return parsed;
}
