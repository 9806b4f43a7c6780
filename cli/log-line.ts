/**
 * A log line as a person at a terminal reads it: time, level, message, then the fields.
 *
 * Invariant: one line, whatever stands in the fields; nothing in them moves the cursor or colours the screen.
 */
import { printable } from "./output/printable.ts";

const COLOURS: Readonly<Record<string, string>> = { debug: "2", info: "36", warn: "33", error: "31", fatal: "31" };

export interface LogRecord {
  readonly time: number;
  /** As pino names it: info, warn, ... */
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Ends with a line break; an error's stack follows on lines of its own. */
export function formatLogLine(record: LogRecord, options: { readonly colours: boolean }): string {
  const { time, level, msg, ...fields } = record;
  const name = level.toUpperCase().padEnd(5);
  const coloured = options.colours ? `\u001b[${COLOURS[level] ?? "0"}m${name}\u001b[0m` : name;
  const clock = new Date(time).toISOString().slice(11, 23);
  const shown = Object.entries(fields)
    .filter(([field]) => field !== "err")
    .map(([field, value]) => `  ${field}=${shownValue(value)}`);
  return `${clock} ${coloured} ${printable(msg)}${shown.join("")}\n${stackOf(fields.err)}`;
}

function shownValue(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  const isPlain = /^[^\s"=]+$/.test(text) || text.startsWith("{") || text.startsWith("[");
  return printable(isPlain ? text : JSON.stringify(text));
}

function stackOf(error: unknown): string {
  const stack = (error as { stack?: unknown } | undefined)?.stack;
  if (typeof stack !== "string") return "";
  return stack
    .split("\n")
    .map((line) => `    ${printable(line.trim())}\n`)
    .join("");
}
