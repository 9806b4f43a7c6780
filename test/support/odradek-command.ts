/**
 * The `odradek` command as users get it: bundled once, then run as a process of its own.
 *
 * Owns: the bundle, inside the project, where its dependencies are found.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildPackage } from "../../scripts/build.ts";
import { projectRoot } from "../../scripts/project-root.ts";

const BUILDS = join(projectRoot, ".test-build");

let built: Promise<string> | undefined;

/** The folder with what the package ships, types left out. To be given back with removeBuiltPackage when a file's tests are done. */
export function builtPackage(): Promise<string> {
  built ??= (async () => {
    removeLeftovers();
    const outputDirectory = join(BUILDS, String(process.pid));
    await buildPackage({ outputDirectory, types: false });
    return outputDirectory;
  })();
  return built;
}

export async function removeBuiltPackage(): Promise<void> {
  const directory = await built;
  built = undefined;
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
}

/** What processes left behind that were killed before they could tidy up. */
function removeLeftovers(): void {
  if (!existsSync(BUILDS)) return;
  for (const pid of readdirSync(BUILDS)) {
    try {
      process.kill(Number(pid), 0);
    } catch {
      rmSync(join(BUILDS, pid), { recursive: true, force: true });
    }
  }
}

export interface CommandResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly process: ChildProcess;
  /** What the command wrote until now. */
  readonly output: { stdout: string; stderr: string };
  /** The addresses of the ready line; rejects when the command ends without one. */
  readonly ready: Promise<string[]>;
  readonly ended: Promise<CommandResult>;
}

/**
 * Starts `odradek` with arguments.
 * @param environment added to that of the test
 * @param runtime what runs it: this Node.js, or another runtime's program
 */
export async function startCommand(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  runtime: string = process.execPath,
): Promise<RunningCommand> {
  const entry = join(await builtPackage(), "cli/odradek.js");
  const child = spawn(runtime, [entry, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  const output = { stdout: "", stderr: "" };
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = new Promise<CommandResult>((resolve) => {
    child.on("close", (exitCode, signal) => resolve({ exitCode, signal, ...output }));
  });
  const ready = new Promise<string[]>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      output.stdout += chunk.toString();
      const line = /^ready (.*)\n/.exec(output.stdout);
      if (line !== null) resolve((line[1] as string).split(","));
    });
    void ended.then(({ exitCode, stderr }) =>
      reject(new Error(`ended with ${exitCode} before it was ready: ${stderr}`)),
    );
  });
  ready.catch(() => {}); // Who waits for the end only does not wait for this.
  return { process: child, output, ready, ended };
}

/** Runs `odradek` to its end. */
export async function runCommand(args: readonly string[], environment?: NodeJS.ProcessEnv): Promise<CommandResult> {
  return (await startCommand(args, environment)).ended;
}
