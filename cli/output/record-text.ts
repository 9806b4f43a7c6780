/**
 * A record as `consume` prints it: its value, and in front of it what else was asked for; or as JSON, a line each.
 *
 * Invariant: on a terminal nothing in a record moves the cursor or colours the screen; elsewhere bytes go out as they are.
 */
import type { FetchedRecord } from "../client/fetched-records.ts";
import { printable } from "./printable.ts";

export interface RecordStyle {
  readonly offsets: boolean;
  readonly timestamps: boolean;
  readonly keys: boolean;
  readonly headers: boolean;
  readonly separator: string;
  readonly isTerminal: boolean;
}

const NULL = Buffer.from("null");
const LINE_BREAK = Buffer.from("\n");

/** As `orders-0@12 TAB 2026-11-29T12:00:00.000Z TAB key TAB a=1,b=2 TAB value`. */
export function recordLine(record: FetchedRecord, style: RecordStyle): Buffer {
  const { topic, partition, offset, timestamp, key, value, headers } = record;
  const parts: Buffer[] = [];
  if (style.offsets) parts.push(Buffer.from(`${topic}-${partition}@${offset}`));
  if (style.timestamps) parts.push(Buffer.from(timeText(timestamp) ?? "-"));
  if (style.keys) parts.push(key ?? NULL);
  if (style.headers) parts.push(headers.length === 0 ? Buffer.from("-") : headerText(headers));
  parts.push(value ?? NULL);
  const separator = Buffer.from(style.separator);
  const line = Buffer.concat(parts.flatMap((part, index) => (index === 0 ? [part] : [separator, part])));
  if (!style.isTerminal) return Buffer.concat([line, LINE_BREAK]);
  // What a record may well have stays: tabs and lines of its own.
  return Buffer.from(
    `${line
      .toString()
      .split(/([\n\t])/)
      .map((text) => (/^[\n\t]$/.test(text) ? text : printable(text)))
      .join("")}\n`,
  );
}

function headerText(headers: FetchedRecord["headers"]): Buffer {
  return Buffer.concat(
    headers.flatMap(({ key, value }, index) => [Buffer.from(`${index === 0 ? "" : ","}${key}=`), value ?? NULL]),
  );
}

/** One object on one line; what is no UTF-8 is given in base64, under a name that says so. */
export function recordJson(record: FetchedRecord): string {
  const { topic, partition, offset, timestamp, key, value, headers } = record;
  return `${JSON.stringify({
    ...{ topic, partition, offset, timestamp: timeText(timestamp) ?? null },
    ...bytesAs("key", key),
    ...bytesAs("value", value),
    headers: headers.map((header) => ({ key: header.key, ...bytesAs("value", header.value) })),
  })}\n`;
}

function bytesAs(name: string, bytes: Buffer | null): Record<string, string | null> {
  if (bytes === null) return { [name]: null };
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? { [name]: text } : { [`${name}Base64`]: bytes.toString("base64") };
}

const LAST_DATE_MS = 8_640_000_000_000_000;

function timeText(timestampMs: number): string | undefined {
  if (timestampMs < 0 || timestampMs > LAST_DATE_MS) return undefined;
  return new Date(timestampMs).toISOString();
}
