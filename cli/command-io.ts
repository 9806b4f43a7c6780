/**
 * Where a command reads and writes: the process's own streams, or those of a test.
 */
import type { Readable, Writable } from "node:stream";

export interface CommandIo {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  /** Calls back when the user asks to stop; the caller takes it back when it is done. */
  onStopAsked(stop: () => void): () => void;
}

/** Of this process: Ctrl-C and SIGTERM ask to stop; asked twice, it ends. */
export function processIo(): CommandIo {
  let whenGone = (): void => process.exit(0);
  // Whoever read the output has seen enough (`| head`): that is no failure.
  process.stdout.on("error", () => whenGone());
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
      whenGone = stop;
      return () => {
        whenGone = () => process.exit(0);
        for (const signal of signals) process.off(signal, heard);
      };
    },
  };
}
