/**
 * What a machine may lack: compilers, runtimes, other people's programs.
 *
 * Owns: saying which is missing and what would bring it. Its cases are then skipped; where the toolchain is there, whatever goes
 * wrong afterwards (a download, a build, the peer itself) is a failure.
 */
import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { programOnPath } from "../../support/programs.ts";

export class Missing {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** The program's path, or why its cases are skipped. */
export function needProgram(name: string, remedy: string): string | Missing {
  return programOnPath(name) ?? new Missing(`${name} is not on the PATH (${remedy})`);
}

/** Describes the cases of a toolchain, or names it as skipped. */
export function describeWith<T>(name: string, tool: T | Missing, cases: (tool: T) => void): void {
  if (tool instanceof Missing) {
    process.stderr.write(`skipped: ${name}: ${tool.reason}\n`);
    test.skipIf(true)(`${name}: ${tool.reason}`, () => {});
  } else {
    describe(name, () => cases(tool));
  }
}

/** A folder outside the project that survives runs: virtual environments, module caches, jars. */
export function cacheFolder(name: string): string {
  const base = process.env.ODRADEK_INTEROP_CACHE ?? join(homedir(), ".cache", "odradek-interop");
  const folder = join(base, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
