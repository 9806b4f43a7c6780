/**
 * The options of `odradek start`: the one table from which the quick parser (parse-options.ts) and yargs (command-line.ts) are
 * built, and what their values must be.
 */
import { CommandError } from "./command-error.ts";

export interface OptionSpec {
  readonly type: "number" | "string";
  /** Stands for the value in help. */
  readonly placeholder: string;
  readonly description: string;
  readonly default?: string | number;
  /** Said of the default in help, where it is not a value. */
  readonly defaultDescription?: string;
  /** May be given several times. */
  readonly repeatable?: boolean;
}

export const START_OPTIONS = {
  port: {
    type: "number",
    placeholder: "PORT",
    description: "Port of the first node; the others listen on the ports that follow. 0: any that are free",
    default: 9092,
  },
  host: {
    type: "string",
    placeholder: "HOST",
    description: "Address to listen on and to advertise. The default listens on ::1 too",
    default: "127.0.0.1",
  },
  nodes: {
    type: "number",
    placeholder: "N",
    description: "How many nodes, numbered 1 to N",
    default: 1,
  },
  "data-dir": {
    type: "string",
    placeholder: "DIR",
    description: "Where data lies, in a folder for each node (DIR/1, ...)",
    defaultDescription: "a folder of yours, named when it starts",
  },
  isolation: {
    type: "string",
    placeholder: "none|process",
    description: "Whether each node has a process of its own, so that it can be killed and stopped as one",
    default: "none",
  },
  "control-port": {
    type: "string",
    placeholder: "PORT",
    description: "Port of the HTTP control API, on the loopback only; 0: any that is free, off: none",
    defaultDescription: "9644 where there are several nodes, else none",
  },
  set: {
    type: "string",
    placeholder: "KEY=VALUE",
    description: "A setting, by Kafka's name; may be given several times",
    repeatable: true,
  },
  config: {
    type: "string",
    placeholder: "FILE",
    description:
      "A file of settings in the form of Java properties, as Kafka's server.properties; --set goes before it",
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;

export type StartOptionName = keyof typeof START_OPTIONS;

/** Values as they were given; those not given have their defaults. */
export interface StartOptions {
  readonly port: number;
  readonly host: string;
  readonly nodes: number;
  readonly "data-dir": string | undefined;
  readonly isolation: "none" | "process";
  /** Undefined: nothing was said. */
  readonly "control-port": number | "off" | undefined;
  readonly set: readonly string[];
  readonly config: string | undefined;
  /** The options that were given. */
  readonly given: ReadonlySet<string>;
}

/** Each node has threads of control of its own, and a folder; beyond this it is a mistake. */
const MAX_NODES = 100;
const MAX_PORT = 65_535;

/** Values of options, by name, as text or number. @throws CommandError a value is out of its range. */
export function startOptions(values: ReadonlyMap<string, readonly (string | number)[]>): StartOptions {
  const last = (name: StartOptionName): string | number | undefined => values.get(name)?.at(-1);
  const text = (name: "host" | "data-dir" | "config"): string | undefined => {
    const value = last(name);
    if (value === "") throw new CommandError(`--${name} needs a value`);
    return value === undefined ? undefined : String(value);
  };
  const options: StartOptions = {
    port: wholeNumber("port", last("port") ?? START_OPTIONS.port.default, 0, MAX_PORT),
    host: text("host") ?? START_OPTIONS.host.default,
    nodes: wholeNumber("nodes", last("nodes") ?? START_OPTIONS.nodes.default, 1, MAX_NODES),
    "data-dir": text("data-dir"),
    isolation: isolation(last("isolation") ?? START_OPTIONS.isolation.default),
    "control-port": controlPort(last("control-port")),
    set: (values.get("set") ?? []).map(String),
    config: text("config"),
    given: new Set(values.keys()),
  };
  if (options.port > 0 && options.port + options.nodes - 1 > MAX_PORT)
    throw new CommandError(
      `--port ${options.port} leaves no ports for ${options.nodes} nodes: the last is ${MAX_PORT}`,
    );
  return options;
}

function isolation(value: string | number): "none" | "process" {
  if (value === "none" || value === "process") return value;
  throw new CommandError(`--isolation must be none or process, not ${JSON.stringify(String(value))}`);
}

function controlPort(value: string | number | undefined): number | "off" | undefined {
  return value === undefined || value === "off" ? value : wholeNumber("control-port", value, 0, MAX_PORT);
}

function wholeNumber(name: StartOptionName, value: string | number, min: number, max: number): number {
  const number = typeof value === "number" ? value : /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isInteger(number) || number < min || number > max)
    throw new CommandError(
      `--${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(String(value))}`,
    );
  return number;
}
