/** Go and the clients of test/interop/clients/go, built into a folder outside the project. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runProgram } from "../../support/programs.ts";
import { cacheFolder, Missing, needProgram } from "./toolchain.ts";

const MODULE = fileURLToPath(new URL("../clients/go", import.meta.url));
/** The first build downloads and compiles all that the clients stand on. */
const BUILD_TIMEOUT_MS = 900_000;

/** The path of a client built from the folder of this name; missing without Go. */
export async function findGoClient(name: string): Promise<string | Missing> {
  const go = needProgram("go", "Go 1.26 or newer");
  if (go instanceof Missing) return go;
  const program = join(cacheFolder("go-clients"), name);
  const env = { GOMODCACHE: cacheFolder("go-modules"), GOFLAGS: "-modcacherw -buildvcs=false" };
  await runProgram(go, ["build", "-o", program, `./${name}`], { cwd: MODULE, env, timeoutMs: BUILD_TIMEOUT_MS });
  return program;
}
