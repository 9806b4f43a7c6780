/**
 * The linter's rules that hold the house up: floors know nothing of the floors above, and what comes from the machine comes as
 * an argument. Each test seeds one violation in a copy of the configuration.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../scripts/project-root.ts";

interface Diagnostic {
  readonly category: string;
  readonly location: { readonly path: string };
}

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "odradek-lint-"));
  for (const name of ["biome.json", ".gitignore", "scripts/lint"])
    cpSync(join(projectRoot, name), join(directory, name), { recursive: true });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Lints the sources, by path; returns the rules that each broke. */
function lint(sources: Record<string, string>): Map<string, string[]> {
  for (const [path, source] of Object.entries(sources)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), source);
  }
  const { stdout, stderr } = spawnSync(
    join(projectRoot, "node_modules/.bin/biome"),
    ["lint", "--reporter=json", "--max-diagnostics=none", ...Object.keys(sources)],
    { cwd: directory, encoding: "utf8" },
  );
  const start = stdout.indexOf("{");
  if (start < 0) throw new Error(stderr);
  const broken = new Map<string, string[]>(Object.keys(sources).map((path) => [path, []]));
  for (const { category, location } of (JSON.parse(stdout.slice(start)) as { diagnostics: Diagnostic[] }).diagnostics)
    broken.get(location.path)?.push(category);
  return broken;
}

const LAYER = "lint/style/noRestrictedImports";
const FLOORS = ["protocol", "storage", "broker", "cluster", "console", "cli"];

describe("the layer rule", () => {
  it("refuses every import of a floor above, from any depth, in any form, in node-*.ts too", () => {
    const upward: Record<string, string> = {};
    for (const [index, floor] of FLOORS.entries()) {
      for (const above of FLOORS.slice(index + 1)) {
        upward[`${floor}/to-${above}.ts`] = `import { a } from "../${above}/a.ts";\nexport const b = a;\n`;
        upward[`${floor}/deep/er/to-${above}.ts`] = `export const a = import("../../../${above}/deep/a.ts");\n`;
        upward[`${floor}/node-to-${above}.ts`] = `import type { a } from "../${above}/a.ts";\nexport type b = a;\n`;
      }
    }
    for (const [path, rules] of lint(upward)) expect(rules, path).toContain(LAYER);
  });

  it("refuses tests and scripts in the product", () => {
    const sources = Object.fromEntries(
      FLOORS.map((floor) => [
        `${floor}/from-test.ts`,
        `import { a } from "../test/support/a.ts";\nexport const b = a;\n`,
      ]),
    );
    for (const [path, rules] of lint(sources)) expect(rules, path).toContain(LAYER);
  });

  it("refuses types imported in the form that it cannot see", () => {
    const source = `export type T = import("../cluster/a.ts").T;\nexport type U = typeof import("../cluster/a.ts");\n`;
    expect(lint({ "broker/import-type.ts": source }).get("broker/import-type.ts")).toEqual(["plugin", "plugin"]);
  });

  it("lets a floor import those below, and folders named as a floor inside itself", () => {
    const sources: Record<string, string> = {
      "broker/metadata/down.ts": `import { a } from "../../storage/a.ts";\nexport const b = a;\n`,
      "broker/inside.ts": `import { a } from "./cluster/a.ts";\nexport const b = a;\n`,
      "cli/down.ts": `import { a } from "../cluster/a.ts";\nexport const b = a;\n`,
      "test/anything.ts": `import { a } from "../cli/a.ts";\nexport const b = a;\n`,
    };
    for (const [path, rules] of lint(sources)) expect(rules, path).not.toContain(LAYER);
  });
});

const AMBIENT = [
  "export const a = Date.now();",
  "export const a = Date.now;",
  'export const a = Date["now"]();',
  "export const a = new Date();",
  "export const a = new Date;",
  "export const { now } = Date;",
  "export const a = Math.random();",
  "export const { random } = Math;",
  "export const a = performance.now();",
  "export const a = process.hrtime.bigint();",
  "export const a = process.env.HOME;",
  "setTimeout(() => {}, 1);",
  "setInterval(() => {}, 1);",
  "setImmediate(() => {});",
  "globalThis.setTimeout(() => {}, 1);",
  "export const a = crypto.randomUUID();",
  'import { randomUUID } from "node:crypto";\nexport const a = randomUUID();',
  'import { randomBytes as b } from "node:crypto";\nexport const a = b(1);',
  'import * as c from "node:crypto";\nexport const a = c.randomInt(3);',
  'import crypto from "node:crypto";\nexport const a = crypto.getRandomValues(new Uint8Array(1));',
  'import { readFileSync } from "node:fs";\nexport const a = readFileSync;',
  'import { readFile } from "node:fs/promises";\nexport const a = readFile;',
  'import fs from "fs";\nexport const a = fs;',
  'import net from "node:net";\nexport const a = net;',
  'import tls from "node:tls";\nexport const a = tls;',
  'import http from "node:http";\nexport const a = http;',
  'import { Worker } from "node:worker_threads";\nexport const a = Worker;',
  'import { setTimeout } from "node:timers/promises";\nexport const a = setTimeout;',
  'import { performance } from "node:perf_hooks";\nexport const a = performance;',
  'export const a = await import("node:net");',
  'export { readFileSync } from "node:fs";',
  'export const a = fetch("http://a");',
  'export const a = new WebSocket("ws://a");',
];

describe("the ban on the machine's own time, randomness, disk, network and threads", () => {
  it.each(["protocol", "storage", "broker/deep", "cluster", "console", "test/simulation"])("holds in %s", (folder) => {
    const sources = Object.fromEntries(
      AMBIENT.map((source, index) => [`${folder}/ambient-${index}.ts`, `${source}\n`] as const),
    );
    for (const [path, rules] of lint(sources))
      expect(
        rules.filter((rule) => rule === "plugin" || rule === "lint/style/noRestrictedGlobals"),
        `${path}: ${sources[path]}`,
      ).not.toEqual([]);
  });

  it("spares node-*.ts, cli/, scripts/, words in strings, dates made from numbers, fields of the same name", () => {
    const all = AMBIENT.filter((source) => !source.startsWith("export {"));
    const sources: Record<string, string> = {
      "broker/pure.ts":
        'export const a = [new Date(5), "Date.now()"];\nexport const b = { setTimeout: 1, crypto: 2 };\nexport const c = b.crypto;\n',
      "broker/hash.ts": 'import { createHash } from "node:crypto";\nexport const a = createHash("sha256");\n',
      ...Object.fromEntries(all.map((source, index) => [`broker/node-twin-${index}.ts`, `${source}\n`])),
      ...Object.fromEntries(all.map((source, index) => [`cli/cli-${index}.ts`, `${source}\n`])),
      ...Object.fromEntries(all.map((source, index) => [`scripts/script-${index}.ts`, `${source}\n`])),
    };
    for (const [path, rules] of lint(sources)) {
      expect(rules, path).not.toContain("plugin");
      expect(rules, path).not.toContain("lint/style/noRestrictedGlobals");
    }
  });
});
