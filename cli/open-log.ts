/**
 * The log of a process, on its standard error.
 */
import { writeSync } from "node:fs";
import { LateLogger } from "./late-logger.ts";

const STDERR = 2;

export function openLog(): LateLogger {
  const isTerminal = process.stderr.isTTY === true;
  const colours = isTerminal && process.env.NO_COLOR === undefined;
  const logger = new LateLogger({ write: writeToStandardError, isTerminal, colours });
  process.once("exit", () => logger.flush());
  return logger;
}

function writeToStandardError(text: string): void {
  try {
    writeSync(STDERR, text);
  } catch {
    // Nobody reads (EPIPE), or too slowly (EAGAIN): a broker goes on without its log.
  }
}
