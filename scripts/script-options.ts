/**
 * The options of a script: the usage for whoever asks for it, or gives an option that there is not.
 */
import { type ParseArgsConfig, parseArgs } from "node:util";

/** As parseArgs; ends the process with the usage on --help (0), and on what it does not know (1). */
export function scriptOptions<const T extends ParseArgsConfig>(
  usage: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  if (process.argv.slice(2).includes("--help")) {
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    process.stderr.write(`${error.message}\n${usage}\n`);
    process.exit(1);
  }
}
