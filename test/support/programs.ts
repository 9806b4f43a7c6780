/**
 * Other people's programs as child processes: run to their end, or kept running and read line by line.
 *
 * Owns: that none outlives the tests (each is killed when this process ends) and that a failure carries what the program said.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";

export interface ProgramOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** How much of what a program wrote to standard error is kept for the message of a failure. */
const KEPT_ERROR_CHARACTERS = 8_000;
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** The full path of a program on the PATH. */
export function programOnPath(name: string): string | undefined {
  const candidates = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name));
  return candidates.find(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs a program to its end and gives its standard output. @throws Error with what it said, when it fails or takes too long. */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<string> {
  const program = new Program(command, args, options);
  let output = "";
  program.child.stdout?.on("data", (chunk: string) => {
    output += chunk;
  });
  program.child.stdin?.end(options.input ?? "");
  const code = await program.ended(options.timeoutMs ?? 120_000);
  if (code !== 0) throw new Error(`${program.title} ended with ${code}: ${program.errors}\n${output.slice(-2000)}`);
  return output;
}

/** A running program. */
export class Program {
  readonly child: ChildProcess;
  readonly title: string;
  /** The end of what it wrote to standard error. */
  errors = "";
  private readonly exited: Promise<number | string>;

  constructor(command: string, args: readonly string[], options: ProgramOptions = {}) {
    this.title = [command, ...args].join(" ").slice(0, 300);
    const child = spawn(command, args, { cwd: options.cwd, env: { ...process.env, ...options.env } });
    this.child = child;
    running.add(child);
    child.stdout.setEncoding("utf8");
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (chunk: string) => {
      this.errors = (this.errors + chunk).slice(-KEPT_ERROR_CHARACTERS);
    });
    // A program that ends before it has read its input breaks the pipe; how it ended says more.
    child.stdin.on("error", () => {});
    this.exited = new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => {
        running.delete(child);
        resolve(code ?? String(signal));
      });
    });
    this.exited.catch(() => running.delete(child));
  }

  /** Calls back with each line of standard output. */
  onLine(receive: (line: string) => void): void {
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on("line", receive);
  }

  /** The exit code, or the name of the signal that ended it; killed and refused when it takes longer. */
  async ended(timeoutMs: number): Promise<number | string> {
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.child.kill("SIGKILL");
        reject(new Error(`${this.title} still ran after ${timeoutMs} ms: ${this.errors}`));
      }, timeoutMs);
    });
    try {
      return await Promise.race([this.exited, tooLong]);
    } finally {
      clearTimeout(timer);
    }
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.exited;
  }
}
