/**
 * From arguments to the command they ask for.
 *
 * Owns: the quick way to `start`, which loads no package. Leaves to command-line.ts: everything else that can stand on the line.
 */
import { NODE_PROCESS_COMMAND } from "../cluster/processes/process-host.ts";
import { startCommand } from "./compiled-start.ts";
import { parseOptions } from "./parse-options.ts";
import { START_OPTIONS, startOptions } from "./start-options.ts";

/** Runs the command; returns when it has started what it starts. @throws CommandError what the user can mend */
export async function runCommand(args: readonly string[]): Promise<void> {
  if (args[0] === NODE_PROCESS_COMMAND) {
    const { runNodeProcess } = await import("./node-process.ts");
    await runNodeProcess();
    return;
  }
  const values = args[0] === "start" ? parseOptions(args.slice(1), START_OPTIONS) : undefined;
  if (values === undefined) {
    const { runCommandLine } = await import("./command-line.ts");
    await runCommandLine(args);
    return;
  }
  const options = startOptions(values);
  const { runStart } = await startCommand();
  await runStart(options);
}
