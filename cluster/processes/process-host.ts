/**
 * Processes as an argument: started, signalled, talked to.
 */
import type { FromNode, ToNode } from "./process-messages.ts";

/** What makes the program a node; nothing that a user types. */
export const NODE_PROCESS_COMMAND = "node-process";

export type ProcessSignal = "SIGKILL" | "SIGSTOP" | "SIGCONT";

export interface ProcessListener {
  message(message: FromNode): void;
  /** The process is gone; called once. */
  ended(how: string): void;
}

export interface NodeProcess {
  readonly id: number;
  /** Nothing happens when it is gone. */
  send(message: ToNode): void;
  /** @throws Error the system cannot. */
  signal(signal: ProcessSignal): void;
  /** Resolves when it has come to a stop after SIGSTOP, as far as the system tells. */
  whenStopped(): Promise<void>;
}

export interface ProcessHost {
  /** Starts a process that waits for its order. @throws Error it cannot be started. */
  start(listener: ProcessListener): NodeProcess;
}
