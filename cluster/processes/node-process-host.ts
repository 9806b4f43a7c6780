/**
 * Processes of this machine, with a channel each: this program again, told to be a node.
 *
 * A process whose supervisor is gone sees its channel close, and ends.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { NODE_PROCESS_COMMAND, type NodeProcess, type ProcessHost, type ProcessListener } from "./process-host.ts";
import type { FromNode } from "./process-messages.ts";

/** A process on a busy machine stops only when it gets its turn. */
const STOP_CHECK_MS = 2;
const STOP_CHECKS = 2500;

/** False once it is stopped, and where the system does not tell (it has no /proc). */
function isRunning(processId: number | undefined): boolean {
  try {
    return /\) [^TtZX]/.test(readFileSync(`/proc/${processId}/stat`, "latin1"));
  } catch {
    return false;
  }
}

export class NodeProcessHost implements ProcessHost {
  private readonly program: string;

  /** @param program the entry of the command line, which knows NODE_PROCESS_COMMAND */
  constructor(program: string) {
    this.program = program;
  }

  start(listener: ProcessListener): NodeProcess {
    const child = spawn(process.execPath, [...process.execArgv, this.program, NODE_PROCESS_COMMAND], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      // Of a group of its own: what a terminal sends to the group is for the supervisor, which then stops it in good order.
      detached: true,
    });
    let isGone = false;
    const gone = (how: string): void => {
      if (isGone) return;
      isGone = true;
      listener.ended(how);
    };
    child.on("message", (message) => listener.message(message as FromNode));
    child.on("error", (error) => gone(error.message));
    child.on("exit", (code, signal) => gone(signal ?? `exit code ${code}`));
    return {
      id: child.pid ?? 0,
      send: (message) => {
        if (child.connected) child.send(message, () => {});
      },
      signal: (signal) => {
        if (!isGone) child.kill(signal);
      },
      whenStopped: async () => {
        for (let asked = 0; !isGone && asked < STOP_CHECKS && isRunning(child.pid); asked++) {
          await new Promise((resolve) => setTimeout(resolve, STOP_CHECK_MS));
        }
      },
    };
  }
}
