/** Runs one test file in a process of its own, in an environment, and gives what became of each test. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectRoot } from "../project-root.ts";

export type TestStatus = "passed" | "failed" | "skipped";

export interface TestOutcome {
  readonly title: string;
  readonly status: TestStatus;
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
    }[];
  }[];
}

const INTEROP_CONFIG = "test/interop/vitest.config.ts";

export async function runTests(file: string, env: Readonly<Record<string, string>>): Promise<TestOutcome[]> {
  const folder = mkdtempSync(join(tmpdir(), "compat-"));
  const report = join(folder, "report.json");
  const config = file.startsWith("test/interop/") ? ["--config", INTEROP_CONFIG] : [];
  const args = ["run", ...config, "--reporter=json", `--outputFile=${report}`, file];
  try {
    const said = await vitest(args, env);
    if (!existsSync(report)) return [{ title: `${file} cannot be run: ${said.slice(-300)}`, status: "failed" }];
    return outcomesOf(JSON.parse(readFileSync(report, "utf8")) as Report);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function vitest(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(projectRoot, "node_modules", ".bin", "vitest"), args, {
      cwd: projectRoot,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (said += chunk));
    child.on("error", reject);
    child.on("close", () => resolve(said));
  });
}

function outcomesOf({ testResults }: Report): TestOutcome[] {
  return testResults.flatMap(({ assertionResults }) =>
    assertionResults.map(({ ancestorTitles, title, status }) => ({
      title: [...ancestorTitles, title].filter((part) => part !== "").join(": "),
      status: status === "passed" || status === "failed" ? status : "skipped",
    })),
  );
}
