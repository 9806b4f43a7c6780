/**
 * The command line as yargs knows it: help, mistakes, completion, version. Built from the tables of options and commands; loaded
 * only when the quick way in odradek.ts does not do.
 */
import { createRequire } from "node:module";
import yargs, { type Argv, type Options } from "yargs";
import { CommandError } from "./command-error.ts";
import { type CommandIo, processIo } from "./command-io.ts";
import { COMMANDS, type CommandModule } from "./commands.ts";
import { type OptionSpec, START_OPTIONS, startOptions } from "./start-options.ts";

/** Help is written for this width. */
const HELP_COLUMNS = 100;

/** Runs what the arguments ask for. @throws CommandError a mistake in them. */
export async function runCommandLine(args: readonly string[], io: CommandIo = processIo()): Promise<void> {
  let mistake: string | undefined;
  const parser = (await build(args, io)).fail((message, error) => {
    // What a command throws comes this way too; yargs' own errors are known by their name.
    if (error instanceof Error && error.name !== "YError") throw error;
    mistake ??= `${message ?? error?.message}; see odradek ${commandNamed(args)}--help`;
    throw new CommandError(mistake);
  });
  await parser.parseAsync([...args], {}, (_error, _argv, shown) => {
    // Mistakes come as errors; what is shown is what was asked for.
    if (mistake === undefined && shown !== "") io.stdout.write(`${shown}\n`);
  });
}

/** The command that the arguments name, as far as there is one, with a space behind it. */
function commandNamed(args: readonly string[]): string {
  const [name = "", below = ""] = args;
  if (name === "start") return "start ";
  if (!COMMANDS.some((command) => command.name === name)) return "";
  return /^[a-z]/.test(below) && BELOW.has(`${name} ${below}`) ? `${name} ${below} ` : `${name} `;
}

/** Commands below others that were loaded. */
const BELOW = new Set<string>();

async function build(args: readonly string[], io: CommandIo): Promise<Argv> {
  let parser = yargs([...args])
    .scriptName("odradek")
    .locale("en")
    .usage("$0: a Kafka broker for tests, development and small installations\n\nUsage: $0 <command>")
    .command(
      "start",
      "Start nodes and serve until stopped",
      (command) => startUsage(command),
      async (argv) => {
        const { runStart } = await import("./start-command.ts");
        await runStart(startOptions(valuesOf(argv, START_OPTIONS)));
      },
    );
  for (const { name, summary, load } of COMMANDS) {
    // The others only have to be there by name.
    const module = args.includes(name) ? await load() : undefined;
    parser = module === undefined ? parser.command(name, summary) : define(parser, name, summary, module, io);
  }
  return parser
    .completion("completion", "Print a script that completes commands and options in your shell")
    .demandCommand(1, "A command is missing")
    .strict()
    .help()
    .alias("help", "h")
    .version(version())
    .exitProcess(false)
    .wrap(HELP_COLUMNS);
}

function define(parser: Argv, name: string, summary: string, module: CommandModule, io: CommandIo): Argv {
  const { positionals, below, run } = module;
  return parser.command(
    positionals === undefined ? name : `${name} ${positionals}`,
    summary,
    (command) => {
      let built = module.build(command);
      for (const [part, one] of Object.entries(below ?? {})) {
        BELOW.add(`${name} ${part}`);
        built = define(built, part, one.summary, one, io);
      }
      return below === undefined ? built : built.demandCommand(1, "A command is missing");
    },
    async (argv) => {
      await run?.(argv, io);
    },
  );
}

function startUsage(command: Argv): Argv {
  for (const [name, spec] of Object.entries<OptionSpec>(START_OPTIONS)) command.option(name, yargsOption(spec));
  return command
    .usage(
      "Usage: $0 start [options]\n\nStarts a cluster in this process. When it serves it prints one line, 'ready HOST:PORT'.",
    )
    .example("$0 start", "one node on 127.0.0.1:9092")
    .example("$0 start --nodes 3 --data-dir data", "three nodes on 9092 to 9094, kept in ./data")
    .example("$0 start --set log.retention.hours=1", "any setting of Kafka, by its name")
    .epilogue("Logs go to standard error. SIGINT and SIGTERM stop it cleanly.");
}

/** Numbers stay texts: startOptions says what is wrong with them. */
function yargsOption(spec: OptionSpec): Options {
  return {
    type: "string",
    requiresArg: true,
    nargs: 1,
    description: `${spec.placeholder}  ${spec.description}`,
    ...(spec.default === undefined ? {} : { defaultDescription: String(spec.default) }),
    ...(spec.defaultDescription === undefined ? {} : { defaultDescription: spec.defaultDescription }),
  };
}

function valuesOf(
  argv: Readonly<Record<string, unknown>>,
  specs: Readonly<Record<string, OptionSpec>>,
): Map<string, readonly (string | number)[]> {
  const values = new Map<string, readonly (string | number)[]>();
  for (const [name, spec] of Object.entries(specs)) {
    const value = argv[name] as string | number | (string | number)[] | undefined;
    if (value === undefined) continue;
    const all = Array.isArray(value) ? value : [value];
    if (all.length > 1 && spec.repeatable !== true) throw new CommandError(`--${name} is given ${all.length} times`);
    values.set(name, all);
  }
  return values;
}

function version(): string {
  // From the sources and from dist/cli alike, package.json is found by the package's own name.
  return (createRequire(import.meta.url)("odradek/package.json") as { version: string }).version;
}
