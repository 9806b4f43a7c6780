/**
 * What a command has to say: a table for people or JSON for programs, on standard output; remarks on standard error.
 */
import type { CommandIo } from "../command-io.ts";
import { formatTable, type Row } from "./table.ts";

/** One document, two spaces deep, that ends with a line break. */
export function writeJson(io: CommandIo, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** A table, or a remark when there is nothing to show. */
export function writeTable(io: CommandIo, rows: readonly Row[], whenEmpty: string): void {
  if (rows.length === 0) io.stderr.write(`${whenEmpty}\n`);
  else io.stdout.write(formatTable(rows));
}
