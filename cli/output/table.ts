/**
 * Tables as people read them in a terminal: columns aligned, numbers to the right, a header in capitals.
 *
 * Invariant: one line a row, whatever stands in the cells.
 */
import { printable } from "./printable.ts";

export type Cell = string | number | null | undefined;
export type Row = Readonly<Record<string, Cell>>;

const GAP = "  ";
/** For what is not known or not there. */
const ABSENT = "-";

/** Rows under their column's names, each line with its line break; the columns are those of the first row. */
export function formatTable(rows: readonly Row[]): string {
  const [first] = rows;
  if (first === undefined) return "";
  const columns = Object.keys(first).map((name) => columnOf(name, rows));
  const lines = Array.from({ length: rows.length + 1 }, (_, line) =>
    columns
      .map(({ cells, width, isNumber }) => {
        const cell = cells[line] as string;
        return isNumber ? cell.padStart(width) : cell.padEnd(width);
      })
      .join(GAP)
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join("");
}

function columnOf(name: string, rows: readonly Row[]): { cells: string[]; width: number; isNumber: boolean } {
  const isNumber = rows.some((row) => typeof row[name] === "number");
  const cells = [name.toUpperCase(), ...rows.map((row) => shown(row[name]))];
  return { cells, width: Math.max(...cells.map((cell) => cell.length)), isNumber };
}

function shown(cell: Cell): string {
  if (cell === null || cell === undefined || cell === "") return ABSENT;
  return typeof cell === "number" ? String(cell) : printable(cell);
}
