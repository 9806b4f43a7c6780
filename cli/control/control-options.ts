/**
 * What the commands over the control API have in common: their shape, their options, how nodes are named.
 */
import type { Argv } from "yargs";
import { DEFAULT_CONTROL_PORT } from "../../console/control-port.ts";
import { CommandError } from "../command-error.ts";
import { ControlClient } from "./control-client.ts";

/** Options and arguments as yargs read them. */
export type ControlArguments = Readonly<Record<string, unknown>>;

export interface ControlIo {
  readonly stdout: { write(text: string): unknown };
  /** Calls back when the user asks to stop; the caller takes it back when it is done. */
  onStopAsked(stop: () => void): () => void;
}

export interface ControlCommand {
  readonly positionals?: string;
  build(command: Argv): Argv;
  run(argv: ControlArguments, io: ControlIo): Promise<void>;
}

const MAX_PORT = 65_535;

/** The options that all of them have. */
export function withControlOptions(command: Argv): Argv {
  return command
    .option("control-port", {
      type: "string",
      requiresArg: true,
      description: "PORT  Port of the cluster's control API",
      defaultDescription: String(DEFAULT_CONTROL_PORT),
    })
    .option("json", { type: "boolean", description: "Print JSON, a line for each thing" });
}

/** @throws CommandError no port. */
export function controlClient(argv: ControlArguments): ControlClient {
  const port = argv["control-port"];
  if (port === undefined) return new ControlClient();
  const number = /^\d+$/.test(String(port)) ? Number(port) : 0;
  if (number < 1 || number > MAX_PORT)
    throw new CommandError(`--control-port must be a port, not ${JSON.stringify(port)}`);
  return new ControlClient(number);
}

/** A node as it is named on the command line: its id, or `controller`; where `others` are named too, `clients`. @throws CommandError */
export function nodeNamed(argv: ControlArguments, name: string, others: readonly string[] = []): number | string {
  const value = String(argv[name]);
  if (value === "controller" || others.includes(value)) return value;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  const also = ["a node's id", "controller", ...others].join(", ");
  throw new CommandError(`<${name}> must be one of ${also}; not ${JSON.stringify(value)}`);
}

export function print(io: ControlIo, line: string): void {
  io.stdout.write(`${line}\n`);
}
