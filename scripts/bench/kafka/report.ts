/**
 * docs/benchmarks.md: a line for each row, from the run that measured it last. All figures of a line are of one run; lines are of
 * different ones.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../../project-root.ts";
import type { Figures, Row } from "./rows.ts";
import type { PeerName } from "./servers.ts";

const FILE = join(projectRoot, "docs/benchmarks.md");
const MARK = "<!-- kafka -->";
const END = "<!-- /kafka -->";

export type Column = PeerName | "bare";
export type Measured = ReadonlyMap<Column, Figures>;

const COLUMNS: readonly (readonly [Column, string])[] = [
  ["odradek", "Odradek"],
  ["apache-kafka", "Apache Kafka 4.3.1"],
  ["kfake", "kfake, on disk"],
  ["bare", "bare loop"],
];

/** "447 MB/s, 1.4 CPU s/GB" */
export function shown(figures: Figures | undefined): string {
  if (figures === undefined) return "";
  return Object.entries(figures)
    .map(
      ([unit, value]) => `${value.toLocaleString("en", { maximumSignificantDigits: 3, useGrouping: false })} ${unit}`,
    )
    .join(", ");
}

/** How many times what the other takes we take, of the figure that says most: above 1 we are behind. */
export function ratio(measured: Measured, other: Column): string {
  const ours = measured.get("odradek");
  const theirs = measured.get(other);
  if (ours === undefined || theirs === undefined) return "";
  const unit = ["CPU s/GB", "p50 µs", "s", "ready ms"].find((name) => name in ours && name in theirs);
  if (unit === undefined) return "";
  return ((ours[unit] as number) / (theirs[unit] as number)).toFixed(2);
}

/** The row takes its place in the table; the others stay. */
export function writeRow(row: Row, measured: Measured, rounds: number): void {
  const lines = new Map<string, string>();
  for (const line of (between(MARK, END) ?? "").split("\n")) {
    const name = /^\| `([^`]+)`/.exec(line)?.[1];
    if (name !== undefined) lines.set(name, line);
  }
  const today = new Date().toISOString().slice(0, 10);
  const cells = [
    `\`${row.name}\` ${row.title}`,
    ...COLUMNS.map(([column]) => shown(measured.get(column))),
    ...(["apache-kafka", "kfake", "bare"] as const).map((other) => ratio(measured, other)),
    row.aim,
    `${today}, ${rounds} rounds`,
  ];
  lines.set(row.name, `| ${cells.join(" | ")} |`);
  const titles = ["row", ...COLUMNS.map(([, title]) => title), "÷ Kafka", "÷ kfake", "÷ bare", "aim", "measured"];
  const table = [`| ${titles.join(" | ")} |`, `|${titles.map(() => "---|").join("")}`, ...lines.values()].join("\n");
  const there = existsSync(FILE) ? readFileSync(FILE, "utf8") : "# Benchmarks\n";
  const old = there.includes(MARK) ? there : `${there}\n${SECTION}`;
  const before = old.slice(0, old.indexOf(MARK) + MARK.length);
  writeFileSync(FILE, `${before}\n${machine()}\n\n${table}\n${old.slice(old.indexOf(END))}`);
}

function between(start: string, end: string): string | undefined {
  const text = existsSync(FILE) ? readFileSync(FILE, "utf8") : "";
  if (!text.includes(start)) return undefined;
  return text.slice(text.indexOf(start), text.indexOf(end));
}

function machine(): string {
  const [cpu] = cpus();
  return `${cpus().length} cores (${cpu?.model.trim()}), shared by the load and the broker; Node.js ${process.version}, ${process.platform}.`;
}

const SECTION = `## Beside other brokers

The same load on Odradek, Apache Kafka 4.3.1 and kfake (franz-go's), one after the other in one run, round by round; medians of the
rounds. \`npm run bench -- kafka\` measures (scripts/bench/kafka says how to choose rows), \`BENCH_WRITE=1\` writes this table.

The load is librdkafka's \`rdkafka_performance\` with four partitions and 5 ms linger; round trips are one raw connection with one
request in flight. CPU s/GB is what the broker's processes use for a GB of values; it is far steadier than MB/s. The bare loop
receives frames of that size, computes their CRC-32C and appends them to new files (one, and three in turn), and nothing else. The
columns with ÷ say how many times the other's CPU (or time, where there is no CPU) we take: below 1 is better than they.

${MARK}
${END}
`;
