/**
 * The programs a race needs besides the brokers: librdkafka's load generator, and a server made of kfake.
 *
 * Owns: where they come from: a variable, the PATH, or a build that is kept in the cache of the interop tests. What cannot be had
 * is named.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder, Missing, needProgram } from "../../../test/interop/support/toolchain.ts";
import { isExecutable, programOnPath, runProgram } from "../../../test/support/programs.ts";

/** Carries librdkafka's source. */
const NODE_RDKAFKA = "node-rdkafka@3.6.1";
const BUILD_TIMEOUT_MS = 900_000;

export async function findLoadGenerator(): Promise<string | Missing> {
  const there = given("RDKAFKA_PERFORMANCE") ?? programOnPath("rdkafka_performance");
  if (there !== undefined) return there;
  const folder = cacheFolder("librdkafka");
  const source = join(folder, "package/deps/librdkafka");
  const program = join(source, "examples/rdkafka_performance");
  if (isExecutable(program)) return program;
  for (const tool of ["npm", "tar", "make", "cc"]) {
    const path = needProgram(tool, "librdkafka is built from source; or set RDKAFKA_PERFORMANCE");
    if (path instanceof Missing) return path;
  }
  const run = (command: string, args: readonly string[], cwd: string) =>
    runProgram(command, args, { cwd, timeoutMs: BUILD_TIMEOUT_MS });
  if (!existsSync(source)) {
    const [archive = ""] = (await run("npm", ["pack", "--silent", NODE_RDKAFKA], folder)).trim().split("\n").slice(-1);
    await run("tar", ["-xzf", archive], folder);
  }
  await run("./configure", [], source);
  await run("make", ["-j2", "libs"], source);
  await run("make", ["-C", "examples", "rdkafka_performance"], source);
  return program;
}

export async function findKfake(): Promise<string | Missing> {
  const there = given("KFAKE");
  if (there !== undefined) return there;
  const go = needProgram("go", "Go 1.26 or newer builds kfake; or set KFAKE");
  if (go instanceof Missing) return go;
  const program = join(cacheFolder("kfake"), "kfake");
  const cwd = fileURLToPath(new URL("kfake", import.meta.url));
  const env = { GOMODCACHE: cacheFolder("go-modules"), GOFLAGS: "-modcacherw -buildvcs=false" };
  await runProgram(go, ["build", "-o", program, "."], { cwd, env, timeoutMs: BUILD_TIMEOUT_MS });
  return program;
}

function given(variable: string): string | undefined {
  const path = process.env[variable];
  if (path !== undefined && !isExecutable(path)) throw new Error(`${variable}=${path} is no program`);
  return path;
}
