/**
 * The start command as V8 has compiled it before: to parse a whole broker takes longer than to start one.
 *
 * Owns: the script that the build puts beside the command, with V8's code for it, and the modules in its place where there is
 * none. Leaves to scripts/compile-start.ts: making that code.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import type { runStart } from "./start-command.ts";

interface StartCommand {
  readonly runStart: typeof runStart;
}

export async function startCommand(): Promise<StartCommand> {
  return compiledStart() ?? (await import("./start-command.ts"));
}

function compiledStart(): StartCommand | undefined {
  if (process.versions.bun !== undefined) return undefined;
  const file = fileURLToPath(new URL("./start.cjs", import.meta.url));
  let code: Buffer;
  try {
    code = readFileSync(`${file}.cache`);
  } catch {
    return undefined; // these are the sources, or a package as it is published
  }
  return run(scriptOf(file, code), file) as StartCommand;
}

/** @param code V8's for it; when another V8 made that, the script is compiled like any other. */
export function scriptOf(file: string, code?: Buffer): Script {
  return new Script(readFileSync(file, "latin1"), {
    filename: file,
    ...(code === undefined ? {} : { cachedData: code }),
  });
}

/** Runs a script, which is one function, as Node.js runs a CommonJS module; gives what it exports. */
export function run(script: Script, file: string): unknown {
  const module = { exports: {} };
  const start = script.runInThisContext() as (...given: unknown[]) => void;
  start(module.exports, createRequire(file), module, file, dirname(file));
  return module.exports;
}
