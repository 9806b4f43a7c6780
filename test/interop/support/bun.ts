/** Bun: the one on the PATH, or on 64-bit Linux the one that npm has, kept outside the project. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { programOnPath, runProgram } from "../../support/programs.ts";
import { cacheFolder, Missing, needProgram } from "./toolchain.ts";

const VERSION = "1.4.5";
const PACKAGE = "@oven/bun-linux-x64";

/** Bun's path; missing on other systems without it. */
export async function findBun(): Promise<string | Missing> {
  const installed = programOnPath("bun");
  if (installed !== undefined) return installed;
  if (process.platform !== "linux" || process.arch !== "x64") return new Missing("bun is not on the PATH (bun.sh)");
  const npm = needProgram("npm", "comes with Node.js");
  if (npm instanceof Missing) return npm;
  const folder = cacheFolder(`bun-${VERSION}`);
  const bun = join(folder, "node_modules", PACKAGE, "bin", "bun");
  // The package is the program itself; Bun's own package would fetch it in an install script.
  if (!existsSync(bun)) {
    const quietly = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save"];
    await runProgram(npm, ["install", "--prefix", folder, ...quietly, `${PACKAGE}@${VERSION}`]);
  }
  return bun;
}
