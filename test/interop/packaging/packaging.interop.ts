/** The package as users get it: packed, installed into projects of their own, and tested with, under four test runners. */
import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { projectRoot } from "../../../scripts/project-root.ts";
import { runProgram } from "../../support/programs.ts";
import { findBun } from "../support/bun.ts";
import { describeWith, Missing, needProgram } from "../support/toolchain.ts";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const QUIETLY = ["--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts"];
const JEST = "jest@30.5.2";
const VITEST = "vitest@4.1.12";
const KAFKAJS = "kafkajs@2.2.4";

describeWith("The package", needProgram("npm", "comes with Node.js"), (npm) => {
  const directory = mkdtempSync(join(tmpdir(), "odradek-package-"));
  let tarball: string;

  beforeAll(async () => {
    // `prepare` builds what is packed.
    await runProgram(npm, ["pack", "--pack-destination", directory], { cwd: projectRoot, timeoutMs: 300_000 });
    tarball = join(directory, readdirSync(directory).find((name) => name.endsWith(".tgz")) as string);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  /** A project with the package, a client and what else it needs, as its author would install them. */
  async function project(fixture: string, manifest: object, ...packages: readonly string[]): Promise<string> {
    const folder = join(directory, fixture);
    cpSync(here(fixture), folder, { recursive: true });
    for (const name of readdirSync(folder))
      renameSync(join(folder, name), join(folder, name.replace(/\.fixture$/, "")));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: fixture, private: true, ...manifest }));
    await runProgram(npm, ["install", ...QUIETLY, tarball, KAFKAJS, ...packages], { cwd: folder, timeoutMs: 300_000 });
    return folder;
  }

  test("vitest: a failover test takes less than a second", async () => {
    const folder = await project("vitest", { type: "module" }, VITEST);
    const run = () => runProgram(process.execPath, ["node_modules/vitest/vitest.mjs", "run"], { cwd: folder });
    const times: number[] = [];
    // The best of three: the machine may do other things.
    for (let i = 0; i < 3; i++) times.push(Number(/failover test: (\d+) ms/.exec(await run())?.[1]));
    process.stderr.write(`failover test in vitest: ${times.join(", ")} ms\n`);
    expect(Math.min(...times)).toBeLessThan(1000);
  });

  test("jest with its default config: the library is required", async () => {
    const folder = await project("jest", {}, JEST);
    await runProgram(process.execPath, ["node_modules/jest/bin/jest.js", "--ci"], { cwd: folder });
  });

  test("node:test: the process ends by itself when the cluster is stopped", async () => {
    const folder = await project("node-test", { type: "module" });
    await runProgram(process.execPath, ["--test", "failover.test.mjs"], { cwd: folder });
  });

  test("types: a project in TypeScript compiles against the package, as a module and as CommonJS", async () => {
    const folder = await project("types", {}, "typescript@7.0.2", "@types/node@20.19.25");
    const compiler = join(folder, "node_modules/typescript/bin/tsc");
    for (const name of ["esm.mts", "cjs.cts"]) {
      const options = ["--strict", "--noEmit", "--module", "node20", "--target", "es2023", "--skipLibCheck", "false"];
      await runProgram(process.execPath, [compiler, ...options, "--types", "node", name], { cwd: folder });
    }
  });

  test("bun", async (context) => {
    const bun = await findBun();
    if (bun instanceof Missing) return context.skip(bun.reason);
    const folder = await project("bun", { type: "module" });
    await runProgram(bun, ["test"], { cwd: folder });
  });
});
