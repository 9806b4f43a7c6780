/**
 * `npm run bench -- NAME ...`: measurements by theme, each beside what it compares with in the same run.
 *
 * Owns: which measurement belongs to which theme, and how rows are printed. Leaves to bench/*.ts: measuring.
 */
import { existsSync } from "node:fs";

interface Measurement {
  /** In scripts/bench, without .ts. */
  readonly module: string;
  /** What it exports: prints by itself, or gives rows to print. */
  readonly name: string;
}

const THEMES: ReadonlyMap<string, readonly Measurement[]> = new Map([
  [
    "wire",
    [
      { module: "codec", name: "benchCodec" },
      { module: "crc-and-codecs", name: "benchCrcAndCodecs" },
      { module: "sockets", name: "benchSockets" },
      { module: "startup", name: "benchStartup" },
    ],
  ],
  [
    "log",
    [
      { module: "log", name: "benchLog" },
      { module: "turns", name: "benchTurns" },
      { module: "log-recovery", name: "benchLogRecovery" },
    ],
  ],
  ["kafka", [{ module: "kafka", name: "benchKafka" }]],
  ["cluster", [{ module: "cluster", name: "benchCluster" }]],
  ["groups", [{ module: "groups", name: "benchGroups" }]],
  ["share", [{ module: "share", name: "benchShare" }]],
]);

/** A single measurement may be asked for by its module's name. */
function measurementsOf(name: string): readonly Measurement[] {
  const theme = THEMES.get(name);
  if (theme !== undefined) return theme;
  const single = [...THEMES.values()].flat().filter((measurement) => measurement.module === name);
  if (single.length > 0) return single;
  console.error(`no measurement ${name}`);
  printThemes();
  process.exit(1);
}

function printThemes(): void {
  for (const [theme, measurements] of THEMES)
    console.log(`npm run bench -- ${theme.padEnd(10)} ${measurements.map(({ module }) => module).join(", ")}`);
}

type Cell = string | number;

/** Rows as a table; numbers to the right, with separators. */
function printRows(rows: readonly Readonly<Record<string, Cell>>[]): void {
  const columns = Object.keys(rows[0] ?? {});
  const shown = (cell: Cell): string =>
    typeof cell === "string" ? cell : cell.toLocaleString("en", { maximumFractionDigits: cell < 100 ? 1 : 0 });
  const widths = columns.map((column) =>
    Math.max(column.length, ...rows.map((row) => shown(row[column] as Cell).length)),
  );
  const isNumber = columns.map((column) => typeof rows[0]?.[column] === "number");
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) =>
        isNumber[index] ? cell.padStart(widths[index] as number) : cell.padEnd(widths[index] as number),
      )
      .join("  ")
      .trimEnd();
  console.log(line(columns));
  for (const row of rows) console.log(line(columns.map((column) => shown(row[column] as Cell))));
}

const names = process.argv.slice(2);
const measurements = names[0] === "--help" ? [] : names.flatMap(measurementsOf);
if (measurements.length === 0) {
  printThemes();
} else {
  console.log(`Node.js ${process.version}, ${process.platform} ${process.arch}`);
}
for (const { module, name } of measurements) {
  const file = new URL(`./bench/${module}.ts`, import.meta.url);
  console.log(`\n== ${module}`);
  if (!existsSync(file)) {
    console.log("(not measured: there is no such measurement yet)");
    continue;
  }
  const exported = (await import(file.href)) as Readonly<Record<string, (() => unknown) | undefined>>;
  const run = exported[name];
  if (run === undefined) throw new Error(`scripts/bench/${module}.ts exports no ${name}`);
  const rows = await run();
  if (Array.isArray(rows)) printRows(rows as Record<string, Cell>[]);
}
