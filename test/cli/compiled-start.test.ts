/** The start command as V8 compiled it before: it is what runs where it is there, and nothing needs it. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { builtPackage, removeBuiltPackage } from "../support/odradek-command.ts";

let directory: string;
beforeAll(async () => {
  const built = await builtPackage();
  // Inside, so that dependencies are found.
  directory = mkdtempSync(join(built, "copy-"));
  for (const name of ["cli", "chunks", "compute-worker.js"])
    cpSync(join(built, name), join(directory, name), { recursive: true });
});
afterAll(() => removeBuiltPackage());

const script = (): string => join(directory, "cli/start.cjs");

/** Starts and stops; what went to standard output. */
function started(): string {
  const args = [join(directory, "cli/odradek.js"), "start", "--port", "0", "--data-dir", join(directory, "data")];
  // Standard error is the log's.
  const { stdout, stderr, status } = spawnSync(process.execPath, ["-e", STOP_WHEN_READY, ...args], {
    encoding: "utf8",
  });
  expect([stderr, status]).toEqual(["", 0]);
  return stdout;
}

const STOP_WHEN_READY = `
const child = require("node:child_process").spawn(process.execPath, process.argv.slice(1), { stdio: ["ignore", "pipe", "ignore"] });
child.stdout.on("data", (line) => { process.stdout.write(line); child.kill("SIGTERM"); });
child.on("close", (code) => { process.exitCode = code ?? 1; });
`;

it("has code that this Node.js takes", () => {
  const check = `
    const { readFileSync } = require("node:fs");
    const [file] = process.argv.slice(1);
    const cachedData = readFileSync(file + ".cache");
    const script = new (require("node:vm").Script)(readFileSync(file, "latin1"), { filename: file, cachedData });
    process.stdout.write(String(script.cachedDataRejected));`;
  expect(execFileSync(process.execPath, ["-e", check, script()], { encoding: "utf8" })).toBe("false");
});

it("serves", () => {
  expect(started()).toMatch(/^ready 127\.0\.0\.1:\d+\n$/);
});

it("serves with code of another V8", () => {
  writeFileSync(`${script()}.cache`, "no code at all");
  expect(started()).toMatch(/^ready /);
});

it("is what runs, and its mistakes are shown as such", () => {
  writeFileSync(
    script(),
    `(function (exports) {
      exports.runStart = async () => { throw Object.assign(new Error("from the script"), { name: "CommandError" }); };
    })`,
  );
  const args = [join(directory, "cli/odradek.js"), "start", "--port", "0"];
  const { stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect([stderr, status]).toEqual(["odradek: from the script\n", 1]);
});

it("is not needed", () => {
  rmSync(script());
  rmSync(`${script()}.cache`);
  expect(started()).toMatch(/^ready /);
});
