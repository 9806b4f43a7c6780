#!/usr/bin/env node
/**
 * The `odradek` command: runs what its arguments say, and ends the process when that fails.
 */
import * as nodeModule from "node:module";
import { isCommandError } from "./command-error.ts";
import { runCommand } from "./run-command.ts";

// Node.js 22 and newer keep what they compiled for the next start; it is loaded below, by an import of its own.
(nodeModule as { enableCompileCache?: () => unknown }).enableCompileCache?.();

runCommand(process.argv.slice(2)).catch((error: unknown) => {
  const shown = isCommandError(error) ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`odradek: ${shown}\n`);
  process.exit(1);
});
