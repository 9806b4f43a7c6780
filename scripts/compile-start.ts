/**
 * `compile-start FILE`: starts a node from the script, once, and puts V8's code for what that took beside it, in FILE.cache.
 *
 * A process of its own: V8 takes code only from a V8 with the same flags, which a test runner may not have.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, scriptOf } from "../cli/compiled-start.ts";
import type { runStart } from "../cli/start-command.ts";
import { startOptions } from "../cli/start-options.ts";

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("compile-start FILE");
const script = scriptOf(file);
const directory = mkdtempSync(join(tmpdir(), "odradek-compile-"));
try {
  const command = run(script, file) as { runStart: typeof runStart };
  await command.runStart(
    startOptions(
      new Map([
        ["port", ["0"]],
        ["data-dir", [directory]],
      ]),
    ),
  );
} catch (error) {
  // Where nothing can listen the code is that of a script that has not run: not as good, and good enough.
  console.error(error);
} finally {
  writeFileSync(`${file}.cache`, script.createCachedData());
  rmSync(directory, { recursive: true, force: true });
}
process.exit(0);
