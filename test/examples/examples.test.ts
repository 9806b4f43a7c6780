/** Every example runs to its end, as it should end. One process for all: starting it is most of the work. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runProgram } from "../support/programs.ts";

const root = join(import.meta.dirname, "..", "..");
const TIMEOUT_MS = 170_000;

test(
  "all examples",
  async () => {
    // Those in other languages are tried by the interop tests.
    const names = readdirSync(join(root, "examples")).filter((name) =>
      existsSync(join(root, "examples", name, `${name}.ts`)),
    );
    const args = ["--import", "tsx", join(root, "scripts", "example.ts"), "all"];
    const output = await runProgram(process.execPath, args, { cwd: root, timeoutMs: TIMEOUT_MS });
    expect(output.split("\n").filter((line) => names.includes(line))).toEqual(names);
    expect(output).not.toContain("WRONG");
  },
  TIMEOUT_MS + 10_000,
);
