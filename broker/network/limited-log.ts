/**
 * A log for what peers cause: so many lines of each kind in a while, then a count, so that no client fills a disk.
 *
 * Invariant: messages are constants of the code, so that their number is small; what peers sent stands in the fields, cut to
 * a readable length.
 */
import type { Clock } from "../../storage/clock.ts";
import type { LogFields, Logger } from "../../storage/logger.ts";

const LINES_PER_WINDOW = 10;
const WINDOW_MS = 10_000;
const MAX_TEXT_LENGTH = 200;

interface Kind {
  windowStartMs: number;
  lines: number;
  suppressed: number;
}

export class LimitedLog implements Logger {
  private readonly log: Logger;
  private readonly clock: Clock;
  private readonly kinds = new Map<string, Kind>();

  constructor(log: Logger, clock: Clock) {
    this.log = log;
    this.clock = clock;
  }

  debug(fields: LogFields, message: string): void {
    this.log.debug(fields, message);
  }

  info(fields: LogFields, message: string): void {
    const admitted = this.admit(fields, message);
    if (admitted !== undefined) this.log.info(admitted, message);
  }

  warn(fields: LogFields, message: string): void {
    const admitted = this.admit(fields, message);
    if (admitted !== undefined) this.log.warn(admitted, message);
  }

  error(fields: LogFields, message: string): void {
    const admitted = this.admit(fields, message);
    if (admitted !== undefined) this.log.error(admitted, message);
  }

  private admit(fields: LogFields, message: string): LogFields | undefined {
    const nowMs = this.clock.monotonicMs();
    let kind = this.kinds.get(message);
    if (kind === undefined) {
      kind = { windowStartMs: nowMs, lines: 0, suppressed: 0 };
      this.kinds.set(message, kind);
    } else if (nowMs - kind.windowStartMs >= WINDOW_MS) {
      kind.windowStartMs = nowMs;
      kind.lines = 0;
    }
    if (++kind.lines > LINES_PER_WINDOW) {
      kind.suppressed++;
      return undefined;
    }
    const { suppressed } = kind;
    kind.suppressed = 0;
    return suppressed === 0 ? shortened(fields) : { ...shortened(fields), suppressed };
  }
}

function shortened(fields: LogFields): LogFields {
  const short: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const tooLong = typeof value === "string" && value.length > MAX_TEXT_LENGTH;
    short[name] = tooLong ? `${value.slice(0, MAX_TEXT_LENGTH)}…` : value;
  }
  return short;
}
