/**
 * `cut` and `heal`.
 */
import type { LinkFault } from "../../cluster/faults/links.ts";
import { CommandError } from "../command-error.ts";
import {
  type ControlArguments,
  type ControlCommand,
  type ControlIo,
  controlClient,
  nodeNamed,
  print,
  withControlOptions,
} from "./control-options.ts";

interface Links {
  readonly links: readonly LinkFault[];
}

const ALSO = ["clients"];

export const cutCommand: ControlCommand = {
  positionals: "<a> <b>",
  build: (command) =>
    withControlOptions(command)
      .positional("a", { type: "string", description: "A node's id, controller, or clients" })
      .positional("b", { type: "string", description: "The same" })
      .option("one-way", { type: "boolean", description: "Only what a sends to b" })
      .option("delay", { type: "string", requiresArg: true, description: "MS  Slow it by so much instead" })
      .usage(
        "Usage: $0 cut <a> <b> [options]\n\nCuts the way between two nodes: nothing arrives, and nothing is reset. " +
          "Clients are not cut unless they are named.",
      ),
  run: async (argv, io) => {
    const { delay } = argv;
    const ends = { a: nodeNamed(argv, "a", ALSO), b: nodeNamed(argv, "b", ALSO), oneWay: argv["one-way"] === true };
    if (delay !== undefined && !/^\d+$/.test(String(delay))) {
      throw new CommandError(`--delay needs milliseconds, not ${JSON.stringify(delay)}`);
    }
    const client = controlClient(argv);
    const { links } =
      delay === undefined
        ? await client.ask<Links>("POST", "/network/cut", ends)
        : await client.ask<Links>("POST", "/network/delay", { ...ends, delayMs: Number(delay) });
    tell(links, argv, io);
  },
};

export const healCommand: ControlCommand = {
  positionals: "[a] [b]",
  build: (command) =>
    withControlOptions(command)
      .positional("a", { type: "string", description: "A node's id, controller, or clients; everything when left out" })
      .positional("b", { type: "string", description: "The same; all around a when left out" })
      .usage("Usage: $0 heal [a] [b] [options]\n\nHeals ways that were cut or slowed."),
  run: async (argv, io) => {
    const ends = {
      ...(argv.a === undefined ? {} : { a: nodeNamed(argv, "a", ALSO) }),
      ...(argv.b === undefined ? {} : { b: nodeNamed(argv, "b", ALSO) }),
    };
    const { links } = await controlClient(argv).ask<Links>("POST", "/network/heal", ends);
    tell(links, argv, io);
  },
};

function tell(links: readonly LinkFault[], argv: ControlArguments, io: ControlIo): void {
  if (argv.json === true) for (const link of links) print(io, JSON.stringify(link));
  else if (links.length === 0) print(io, "every way is open");
  else
    for (const { from, to, cut, delayMs } of links)
      print(io, `${from} -> ${to}  ${cut ? "cut" : `${delayMs} ms slower`}`);
}
