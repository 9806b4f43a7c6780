/** Python and the clients of requirements.txt, in a virtual environment outside the project that is made once. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runProgram } from "../../support/programs.ts";
import type { ClientProgram } from "./program-client.ts";
import { cacheFolder, Missing, needProgram } from "./toolchain.ts";

const clients = (name: string) => fileURLToPath(new URL(`../clients/${name}`, import.meta.url));

export class Python {
  private readonly interpreter: string;

  constructor(interpreter: string) {
    this.interpreter = interpreter;
  }

  /** How a script in test/interop/clients is run. */
  program(script: string): Pick<ClientProgram, "command" | "args" | "options"> {
    return { command: this.interpreter, args: [clients(script)], options: { env: { PYTHONDONTWRITEBYTECODE: "1" } } };
  }
}

/** An interpreter with all clients; missing without Python 3 and its venv module. */
export async function findPython(): Promise<Python | Missing> {
  const python = needProgram("python3", "Python 3.10 or newer");
  if (python instanceof Missing) return python;
  const requirements = readFileSync(clients("requirements.txt"));
  const key = createHash("sha256").update(requirements).digest("hex").slice(0, 12);
  const environment = cacheFolder(`python-${key}`);
  const interpreter = join(environment, "bin", "python");
  const complete = join(environment, "complete");
  if (!existsSync(complete)) {
    await runProgram(python, ["-m", "venv", "--clear", environment]);
    const install = [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "-r",
      clients("requirements.txt"),
    ];
    await runProgram(interpreter, install, { timeoutMs: 600_000 });
    writeFileSync(complete, "");
  }
  return new Python(interpreter);
}
