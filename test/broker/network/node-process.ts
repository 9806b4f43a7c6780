/**
 * Starts a minimal node in a process of its own, for tests of memory and file handles.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Address } from "../../../broker/network/network.ts";

const ENTRY = fileURLToPath(new URL("./minimal-node-process.ts", import.meta.url));
const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));

export class NodeProcess implements AsyncDisposable {
  readonly address: Address;
  readonly maxGrowthBytes = 100 * 1024 * 1024;
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, address: Address) {
    this.child = child;
    this.address = address;
  }

  static async start(options: { readonly maxFiles?: number } = {}): Promise<NodeProcess> {
    const limit = options.maxFiles === undefined ? "" : `ulimit -n ${options.maxFiles}; `;
    const command = `${limit}exec "$0" --import tsx "$1"`;
    const child = spawn("sh", ["-c", command, process.execPath, ENTRY], {
      cwd: PROJECT,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const { address } = await message<{ address: Address }>(child);
    return new NodeProcess(child, address);
  }

  async residentBytes(): Promise<number> {
    return (await this.ask<{ residentBytes: number }>("memory")).residentBytes;
  }

  /** How much of the next so many milliseconds it spends on the processor. */
  async busyShare(duringMs: number): Promise<number> {
    const before = await this.ask<{ cpuMs: number }>("processor");
    const startMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, duringMs));
    const after = await this.ask<{ cpuMs: number }>("processor");
    return (after.cpuMs - before.cpuMs) / (performance.now() - startMs);
  }

  private ask<T>(what: "memory" | "processor"): Promise<T> {
    this.child.send(what);
    return message(this.child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.disconnect();
    await gone;
  }
}

function message<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const failed = (code: number | null): void => reject(new Error(`the node ended with code ${code}`));
    child.once("exit", failed);
    child.once("message", (value) => {
      child.removeListener("exit", failed);
      resolve(value as T);
    });
  });
}
