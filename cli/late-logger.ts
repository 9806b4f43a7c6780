/**
 * The log of the process: lines go to pino, which is loaded once the nodes serve, as it takes longer to load than to start.
 *
 * Owns: the lines until then, and the level. Leaves to pino: JSON; to log-line.ts: lines for a terminal.
 * Invariant: no warning is lost: what waits when the process ends is written then.
 */
import type { LogFields, Logger } from "../storage/logger.ts";
import { formatLogLine, type LogRecord } from "./log-line.ts";

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal";

interface WaitingLine {
  readonly time: number;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: LogFields;
  readonly message: string;
}

export interface LogOutput {
  /** Synchronous, so that nothing is lost when the process ends. */
  write(text: string): void;
  /** A person reads: no JSON. */
  readonly isTerminal: boolean;
  readonly colours: boolean;
}

/** More lines than any start gives; beyond it something is wrong, and the first lines say what. */
const MAX_WAITING = 10_000;

const ORDER: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error", "fatal"];

export class LateLogger implements Logger {
  private waiting: WaitingLine[] = [];
  private target: ((line: WaitingLine) => void) | undefined;
  private level: LogLevel = "info";
  private readonly output: LogOutput;

  constructor(output: LogOutput) {
    this.output = output;
  }

  debug(fields: LogFields, message: string): void {
    this.log("debug", fields, message);
  }
  info(fields: LogFields, message: string): void {
    this.log("info", fields, message);
  }
  warn(fields: LogFields, message: string): void {
    this.log("warn", fields, message);
  }
  error(fields: LogFields, message: string): void {
    this.log("error", fields, message);
  }

  setLevel(level: LogLevel): void {
    this.level = level;
  }

  /** Loads pino and gives it what waits. */
  async open(): Promise<void> {
    const { pino } = await import("pino");
    let timeMs = 0;
    const { output } = this;
    const log = pino(
      {
        base: null,
        level: "trace",
        timestamp: () => `,"time":${timeMs}`,
        formatters: { level: (label) => ({ level: label }) },
      },
      {
        write: (json: string) =>
          output.write(output.isTerminal ? formatLogLine(JSON.parse(json) as LogRecord, output) : json),
      },
    );
    this.target = ({ time, level, fields, message }) => {
      timeMs = time;
      log[level](fields, message);
    };
    this.flushTo(this.target);
  }

  /** Writes the warnings and errors that wait, without pino: for a process that ends before it is loaded. */
  flush(): void {
    this.flushTo(({ time, level, fields, message }) => {
      if (ORDER.indexOf(level) < ORDER.indexOf("warn")) return;
      const record = { level, time, ...withPlainErrors(fields), msg: message };
      this.output.write(this.output.isTerminal ? formatLogLine(record, this.output) : `${JSON.stringify(record)}\n`);
    });
  }

  private log(level: WaitingLine["level"], fields: LogFields, message: string): void {
    if (ORDER.indexOf(level) < ORDER.indexOf(this.level)) return;
    const line = { time: Date.now(), level, fields, message };
    if (this.target !== undefined) this.target(line);
    else if (this.waiting.length < MAX_WAITING) this.waiting.push(line);
  }

  private flushTo(write: (line: WaitingLine) => void): void {
    const lines = this.waiting;
    this.waiting = [];
    for (const line of lines) write(line);
  }
}

/** As pino shows them. */
function withPlainErrors(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) =>
      value instanceof Error ? [name, { type: value.name, message: value.message, stack: value.stack }] : [name, value],
    ),
  );
}
