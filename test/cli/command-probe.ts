/**
 * Runs commands in this process, against a cluster of the test's: what they read is given, what they write is kept.
 */
import { PassThrough, Readable } from "node:stream";
import { runCommandLine } from "../../cli/command-line.ts";

export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  /** What the command failed with; undefined when it succeeded. */
  readonly error: string | undefined;
}

export interface Running {
  readonly output: { stdout: string; stderr: string };
  /** Asks it to stop, as Ctrl-C does. */
  stop(): void;
  readonly ended: Promise<Ran>;
  /** Resolves when standard output holds. @throws Error the command ended before. */
  until(holds: (stdout: string) => boolean): Promise<void>;
}

export class CommandProbe {
  private readonly bootstrapServers: string;

  constructor(bootstrapServers: string) {
    this.bootstrapServers = bootstrapServers;
  }

  run(args: readonly string[], input: string | Buffer = ""): Promise<Ran> {
    return this.start(args, input).ended;
  }

  /** The JSON that a command writes. @throws Error the command failed. */
  async json(...args: string[]): Promise<unknown> {
    const { stdout, error } = await this.run([...args, "--json"]);
    if (error !== undefined) throw new Error(error);
    return JSON.parse(stdout);
  }

  start(args: readonly string[], input: string | Buffer = ""): Running {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const output = { stdout: "", stderr: "" };
    const watchers = new Set<() => void>();
    stdout.on("data", (chunk: Buffer) => {
      output.stdout += chunk.toString();
      for (const watcher of watchers) watcher();
    });
    stderr.on("data", (chunk: Buffer) => {
      output.stderr += chunk.toString();
    });
    let stop: () => void = () => {};
    const io = {
      ...{ stdin: Readable.from([Buffer.from(input)]), stdout, stderr },
      onStopAsked: (asked: () => void) => {
        stop = asked;
        return () => {};
      },
    };
    const ended = runCommandLine([...args, "--bootstrap", this.bootstrapServers], io).then(
      () => undefined,
      (error: Error) => error.message,
    );
    return {
      output,
      stop: () => stop(),
      ended: ended.then(async (error) => {
        // What was written arrives in a later turn.
        await new Promise((resolve) => setImmediate(resolve));
        return { ...output, error };
      }),
      until: (holds) =>
        new Promise((resolve, reject) => {
          const look = (): void => {
            if (!holds(output.stdout)) return;
            watchers.delete(look);
            resolve();
          };
          watchers.add(look);
          look();
          void ended.then((error) => reject(new Error(`it ended: ${error ?? "well"}; ${output.stdout}`)));
        }),
    };
  }
}
