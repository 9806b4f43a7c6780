/**
 * Processes of this machine, with a channel each: this program again, told to be a node.
 *
 * A process whose supervisor is gone sees its channel close, and ends.
 */
import { spawn } from "node:child_process";
import { NODE_PROCESS_COMMAND, type NodeProcess, type ProcessHost, type ProcessListener } from "./process-host.ts";
import type { FromNode } from "./process-messages.ts";

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
    };
  }
}
