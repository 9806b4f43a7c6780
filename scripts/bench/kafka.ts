/**
 * Odradek, Apache Kafka and kfake under the same load, in one run, round by round. Which rows and rounds: kafka/README.md.
 *
 * Owns: which servers run when; that all are gone afterwards, with their data. What the machine lacks is named and left out.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Missing } from "../../test/interop/support/toolchain.ts";
import { removeBuiltPackage } from "../../test/support/odradek-command.ts";
import { findLoadGenerator } from "./kafka/programs.ts";
import { type Column, type Measured, ratio, shown, writeRow } from "./kafka/report.ts";
import { type Course, type Figures, ROWS, type Row } from "./kafka/rows.ts";
import { type PeerName, type Server, serverOf } from "./kafka/servers.ts";

const PEERS: readonly PeerName[] = ["odradek", "apache-kafka", "kfake"];

const listed = (variable: string): string[] | undefined =>
  process.env[variable]?.split(",").filter((name) => name !== "");

function chosen<T>(variable: string, all: readonly T[], nameOf: (one: T) => string): readonly T[] {
  const names = listed(variable);
  const unknown = names?.filter((name) => !all.some((one) => nameOf(one) === name)) ?? [];
  if (unknown.length > 0)
    throw new Error(`${variable}: no ${unknown.join(", ")}; there are ${all.map(nameOf).join(", ")}`);
  return names === undefined ? all : all.filter((one) => names.includes(nameOf(one)));
}

export async function benchKafka(): Promise<void> {
  const rows = chosen("BENCH_ROWS", ROWS, ({ name }) => name);
  const peers = chosen("BENCH_PEERS", PEERS, (name) => name);
  const rounds = Number(process.env.BENCH_ROUNDS ?? 3);
  const tool = await findLoadGenerator();
  if (tool instanceof Missing) {
    console.log(`not measured: ${tool.reason}`);
    return;
  }
  const race = new Race(peers);
  let topics = 0;
  const course = (row: Row): Course => ({
    tool,
    scale: Number(process.env.BENCH_SCALE ?? 1),
    replicas: row.nodes,
    topic: () => `bench-${++topics}`,
  });
  try {
    for (const row of rows) {
      const measured = await race.run(row, rounds, course(row));
      print(row, measured);
      if (process.env.BENCH_WRITE === "1") writeRow(row, measured, rounds);
    }
  } finally {
    await race.end();
    await removeBuiltPackage();
  }
}

/** The servers of a run: those that serve row after row, and those of one measurement. */
class Race {
  private readonly folder = mkdtempSync(join(tmpdir(), "bench-kafka-"));
  private readonly peers: readonly PeerName[];
  private readonly lasting = new Map<string, Server>();
  private readonly missing = new Set<string>();
  private made = 0;

  constructor(peers: readonly PeerName[]) {
    this.peers = peers;
    // Whoever interrupts a run is not left with gigabytes; the programs end with this process.
    process.once("exit", () => rmSync(this.folder, { recursive: true, force: true }));
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  }

  async run(row: Row, rounds: number, course: Course): Promise<Measured> {
    const all = new Map<Column, Figures[]>();
    const keep = (column: Column, figures: Figures) => all.set(column, [...(all.get(column) ?? []), figures]);
    for (let round = 0; round < rounds; round++) {
      for (const peer of this.peers) {
        const figures = await this.measure(row, peer, course);
        if (figures !== undefined) keep(peer, figures);
      }
      if (row.bare !== undefined) keep("bare", await row.bare(course.scale));
    }
    return new Map([...all].map(([column, figures]) => [column, medians(figures)]));
  }

  private async measure(row: Row, peer: PeerName, course: Course): Promise<Figures | undefined> {
    if (row.alone !== true) {
      const server = await this.lastingServer(peer, row.nodes);
      return server && (await row.measure(server, course));
    }
    const server = await this.make(peer, row.nodes);
    try {
      return server && (await row.measure(server, course));
    } finally {
      await server?.drop();
    }
  }

  /** Only those of as many nodes run beside each other. */
  private async lastingServer(peer: PeerName, nodes: number): Promise<Server | undefined> {
    const key = `${peer} ${nodes}`;
    const there = this.lasting.get(key);
    if (there !== undefined) return there;
    for (const [other, server] of this.lasting) {
      if (other.endsWith(` ${nodes}`)) continue;
      this.lasting.delete(other);
      await server.drop();
    }
    const server = await this.make(peer, nodes);
    if (server === undefined) return undefined;
    this.lasting.set(key, server);
    await server.start();
    return server;
  }

  private async make(peer: PeerName, nodes: number): Promise<Server | undefined> {
    const server = await serverOf(peer, nodes, join(this.folder, `${peer}-${++this.made}`));
    if (!(server instanceof Missing)) return server;
    const skipped = `skipped: ${peer} with ${nodes} nodes: ${server.reason}`;
    if (!this.missing.has(skipped)) console.log(skipped);
    this.missing.add(skipped);
    return undefined;
  }

  async end(): Promise<void> {
    for (const server of this.lasting.values()) await server.drop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Of each figure by itself. */
function medians(all: readonly Figures[]): Figures {
  const median = (name: string): number =>
    all.map((figures) => figures[name] as number).sort((a, b) => a - b)[all.length >> 1] as number;
  return Object.fromEntries(Object.keys(all[0] ?? {}).map((name) => [name, median(name)]));
}

function print(row: Row, measured: Measured): void {
  console.log(`${row.name}: ${row.title}   (aim: ${row.aim})`);
  for (const [column, figures] of measured) {
    const beside = column === "odradek" ? "" : `   ours / its: ${ratio(measured, column)}`;
    console.log(`  ${column.padEnd(14)} ${shown(figures)}${beside}`);
  }
}
