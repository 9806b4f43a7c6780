/** Both engines on Bun, whose buffers and code generation are not Node's. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runProgram } from "../../support/programs.ts";
import { findBun } from "../support/bun.ts";
import { describeWith } from "../support/toolchain.ts";

const PROGRAM = fileURLToPath(new URL("engines-agree.ts", import.meta.url));

describeWith("Bun", await findBun(), (bun) => {
  test("the engines agree on every message and version", async () => {
    expect(await runProgram(bun, ["run", PROGRAM])).toMatch(/^\d{4,} messages\n$/);
  });
});
