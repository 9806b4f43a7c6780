/** The examples of the control API in other languages, each against a cluster as `odradek start --nodes 3` serves it. */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningCommand, removeBuiltPackage, startCommand } from "../support/odradek-command.ts";
import { runProgram } from "../support/programs.ts";
import { findApacheKafka } from "./support/apache-kafka.ts";
import { cacheFolder, describeWith, Missing, needProgram } from "./support/toolchain.ts";

const example = (name: string): string => fileURLToPath(new URL(`../../examples/control-api/${name}`, import.meta.url));
const JUNIT = "org.junit.platform:junit-platform-console-standalone:1.13.4";
/** Of a first run, which downloads what an example needs. */
const FIRST_RUN_MS = 600_000;

describe("the control API in other languages", async () => {
  const directory = mkdtempSync(join(tmpdir(), "odradek-control-"));
  let command: RunningCommand;
  let env: Record<string, string>;

  beforeAll(async () => {
    const args = ["start", "--nodes", "3", "--port", "0", "--control-port", "0", "--data-dir", directory];
    command = await startCommand(args);
    await command.ready;
    const at = /"address":"(http:[^"]+)","msg":"control API"/;
    while (!at.test(command.output.stderr)) await new Promise((resolve) => setTimeout(resolve, 10));
    env = { ODRADEK_CONTROL: at.exec(command.output.stderr)?.[1] as string };
  });
  afterAll(async () => {
    command.process.kill("SIGTERM");
    await command.ended;
    rmSync(directory, { recursive: true, force: true });
    await removeBuiltPackage();
  });

  describeWith("Python", needProgram("python3", "Python 3.10 or newer"), (python) => {
    test("pytest", async () => {
      const requirements = example("pytest/requirements.txt");
      const key = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
      const folder = cacheFolder(`pytest-${key}`);
      const interpreter = join(folder, "bin", "python");
      if (!existsSync(join(folder, "complete"))) {
        await runProgram(python, ["-m", "venv", "--clear", folder]);
        const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements];
        await runProgram(interpreter, install, { timeoutMs: FIRST_RUN_MS });
        writeFileSync(join(folder, "complete"), "");
      }
      const options = ["-m", "pytest", "-q", "-p", "no:cacheprovider", example("pytest")];
      const output = await runProgram(interpreter, options, { env: { ...env, PYTHONDONTWRITEBYTECODE: "1" } });
      expect(output).toContain("2 passed");
    });
  });

  describeWith("Go", needProgram("go", "Go 1.26 or newer"), (go) => {
    test("go test", async () => {
      const build = { GOMODCACHE: cacheFolder("go-modules"), GOFLAGS: "-modcacherw -buildvcs=false" };
      const options = { cwd: example("go"), env: { ...env, ...build }, timeoutMs: FIRST_RUN_MS };
      expect(await runProgram(go, ["test", "-count=1", "./..."], options)).toContain("ok");
    });
  });

  describeWith("Java", await findApacheKafka(), (kafka) => {
    test("JUnit", async (context) => {
      const maven = needProgram("mvn", "Maven fetches JUnit");
      if (maven instanceof Missing) return context.skip(maven.reason);
      const folder = cacheFolder("junit");
      const jar = join(folder, `${JUNIT.split(":")[1]}-${JUNIT.split(":")[2]}.jar`);
      if (!existsSync(jar)) {
        const goal = ["dependency:copy", `-Dartifact=${JUNIT}`, `-DoutputDirectory=${folder}`];
        await runProgram(maven, ["-q", "-B", ...goal], { timeoutMs: FIRST_RUN_MS });
      }
      const classes = join(directory, "classes");
      const classPath = [jar, join(kafka.libraries, "*"), classes].join(delimiter);
      await runProgram("javac", ["-cp", classPath, "-d", classes, example("junit/FailoverTest.java")]);
      const run = ["-cp", classPath, "org.junit.platform.console.ConsoleLauncher", "execute"];
      const output = await runProgram("java", [...run, "--scan-class-path", classes, "--details", "tree"], { env });
      expect(output).toMatch(/1 tests successful/);
    });
  });
});
