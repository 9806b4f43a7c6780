/**
 * Where a command reads and writes: the process's own streams, or those of a test.
 */
import type { Readable, Writable } from "node:stream";

export interface CommandIo {
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Calls back when the user asks to stop; the caller takes it back when it is done. */
  onStopAsked(stop: () => void): () => void;
}

/** Of this process: Ctrl-C and SIGTERM ask to stop; asked twice, it ends. */
export function processIo(): CommandIo {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onStopAsked: (stop) => {
      const signals = ["SIGINT", "SIGTERM"] as const;
      let asked = false;
      const heard = (): void => {
        if (asked) process.exit(130);
        asked = true;
        stop();
      };
      for (const signal of signals) process.on(signal, heard);
      return () => {
        for (const signal of signals) process.off(signal, heard);
      };
    },
  };
}
