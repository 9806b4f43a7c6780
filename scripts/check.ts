/**
 * `npm run check`: everything a contribution must pass: format and lint, types (Node's and Bun's), tidiness, tests.
 *
 * The static checks run side by side; the tests, which measure time and memory, run alone and only after them.
 * Each check speaks only when it fails.
 */
import { spawn } from "node:child_process";
import { projectRoot } from "./project-root.ts";

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

interface Outcome {
  readonly check: Check;
  readonly passed: boolean;
  readonly output: string;
  readonly seconds: number;
}

const staticChecks: readonly Check[] = [
  { name: "format and lint", command: ["biome", "check", "--error-on-warnings", "."] },
  { name: "types (Node)", command: ["tsc", "-p", "tsconfig.json"] },
  { name: "types (Bun)", command: ["tsc", "-p", "tsconfig.bun.json"] },
  { name: "tidy", command: ["tsx", "scripts/tidy.ts"] },
];
const tests: Check = { name: "tests", command: ["vitest", "run"] };

function run(check: Check, show: boolean): Promise<Outcome> {
  const started = performance.now();
  const [program, ...args] = check.command;
  return new Promise((resolve, reject) => {
    const child = spawn(`${projectRoot}/node_modules/.bin/${program}`, args, {
      cwd: projectRoot,
      stdio: show ? "inherit" : ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (output += chunk));
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({ check, passed: code === 0, output, seconds: (performance.now() - started) / 1000 }),
    );
  });
}

function report({ check, passed, output, seconds }: Outcome): void {
  if (!passed && output !== "") console.log(output.trimEnd());
  console.log(`${passed ? "ok  " : "FAIL"} ${check.name} (${seconds.toFixed(1)} s)`);
}

const outcomes = await Promise.all(staticChecks.map((check) => run(check, false)));
outcomes.forEach(report);
const tested = await run(tests, true);
report(tested);
process.exitCode = [...outcomes, tested].every((outcome) => outcome.passed) ? 0 : 1;
