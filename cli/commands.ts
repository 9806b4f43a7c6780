/**
 * The commands besides `start`: one line each, and where the rest is loaded from when it is asked for.
 *
 * Each has a file in commands/, which exports a CommandModule.
 */
import type { Argv } from "yargs";
import type { CommandIo } from "./command-io.ts";
import { CONTROL_COMMANDS } from "./control/control-commands.ts";

/** Options and arguments as yargs read them; each command knows its own. */
export type Arguments = Readonly<Record<string, unknown>>;

export interface CommandModule {
  /** The arguments behind the name, as "<topic> [file..]"; none when left out. */
  readonly positionals?: string;
  /** Options and help. */
  build(command: Argv): Argv;
  /** Left out where the work is done by commands below this one. @throws CommandError */
  run?(argv: Arguments, io: CommandIo): Promise<void>;
  /** The commands below this one, as `list` in `topics list`. */
  readonly below?: Readonly<Record<string, CommandModule & { readonly summary: string }>>;
}

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<CommandModule>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "topics",
    summary: "List, create, describe, alter and delete topics",
    load: async () => (await import("./commands/topics.ts")).topicsCommand,
  },
  {
    name: "groups",
    summary: "List, describe, reset and delete consumer groups",
    load: async () => (await import("./commands/groups.ts")).groupsCommand,
  },
  {
    name: "produce",
    summary: "Write records to a topic, from files or standard input",
    load: async () => (await import("./commands/produce.ts")).produceCommand,
  },
  {
    name: "consume",
    summary: "Read records of topics, alone or as a member of a group",
    load: async () => (await import("./commands/consume.ts")).consumeCommand,
  },
  ...CONTROL_COMMANDS,
];
