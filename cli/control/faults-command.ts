/**
 * `faults`: the rules in force, with how often each struck; `faults add`, `faults remove`, `faults clear`.
 */
import type { FaultStatus } from "../../cluster/control/control-status.ts";
import { CommandError } from "../command-error.ts";
import type { ControlClient } from "./control-client.ts";
import {
  type ControlArguments,
  type ControlCommand,
  type ControlIo,
  controlClient,
  print,
  withControlOptions,
} from "./control-options.ts";
import { columns } from "./node-commands.ts";

/** Options of a rule: the field each stands for, what it is, and what it does. */
const RULE_OPTIONS: Readonly<Record<string, readonly [field: string, kind: "text" | "number" | "flag", says: string]>> =
  {
    api: ["api", "text", "API  Requests of this API of Kafka, as Produce"],
    node: ["node", "text", "NODE  At this node: its id, or controller"],
    topic: ["topic", "text", "TOPIC  About this topic"],
    partition: ["partition", "number", "N  About this partition of the topic"],
    client: ["client", "text", "ID  Of this client id"],
    error: ["errorCode", "text", "CODE  Answer this error, by Kafka's name or number"],
    delay: ["delayMs", "number", "MS  Take so much longer"],
    drop: ["drop", "text", "before|after  Close the connection before or after the work, instead of an answer"],
    when: ["when", "text", "before|after  Error or delay before the work (as without this), or after it"],
    disk: ["disk", "text", "full|error|slow  Strike a node's disk"],
    operation: ["operation", "text", "write|read|sync  Of the disk"],
    once: ["once", "flag", "The first time only"],
    times: ["times", "number", "N  So many times"],
    nth: ["nth", "number", "N  The nth time only"],
    probability: ["probability", "number", "P  Each time by chance, 0 to 1"],
    seed: ["seed", "number", "N  Of the chances"],
  };

export const faultsCommand: ControlCommand = {
  positionals: "[action] [id]",
  build: (command) => {
    withControlOptions(command)
      .positional("action", { type: "string", description: "add, remove or clear; lists them when left out" })
      .positional("id", { type: "string", description: "Of the rule to remove" })
      .usage("Usage: $0 faults [add|remove|clear] [id] [options]\n\nRules by which requests and disks fail.")
      .example("$0 faults add --api Produce --topic orders --error NOT_LEADER_OR_FOLLOWER --times 3", "")
      .example("$0 faults add --disk slow --node 2 --delay 50", "")
      .example("$0 faults remove 1", "");
    for (const [name, [, kind, description]] of Object.entries(RULE_OPTIONS)) {
      command.option(
        name,
        kind === "flag" ? { type: "boolean", description } : { type: "string", requiresArg: true, description },
      );
    }
    return command;
  },
  run: async (argv, io) => {
    const client = controlClient(argv);
    const { action, id } = argv;
    if (action === "add") tell([await client.ask<FaultStatus>("POST", "/faults", ruleOf(argv))], argv, io);
    else if (action === "remove") await remove(client, id, argv, io);
    else if (action === "clear")
      tell((await client.ask<{ faults: FaultStatus[] }>("DELETE", "/faults")).faults, argv, io);
    else if (action === undefined || action === "list") {
      tell((await client.ask<{ faults: FaultStatus[] }>("GET", "/faults")).faults, argv, io);
    } else throw new CommandError(`faults knows add, remove and clear, not ${JSON.stringify(action)}`);
  },
};

async function remove(client: ControlClient, id: unknown, argv: ControlArguments, io: ControlIo): Promise<void> {
  if (!/^\d+$/.test(String(id))) throw new CommandError("faults remove needs the id of a rule");
  tell([await client.ask<FaultStatus>("DELETE", `/faults/${String(id)}`)], argv, io);
}

function ruleOf(argv: ControlArguments): object {
  const rule: Record<string, unknown> = {};
  for (const [name, [field, kind]] of Object.entries(RULE_OPTIONS)) {
    const value = argv[name];
    if (value === undefined) continue;
    // Node ids and error codes are numbers or names; the API says which it knows.
    const isNumber = kind === "number" || name === "node" || name === "error";
    rule[field] = isNumber && value !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
  }
  return rule;
}

function tell(faults: readonly FaultStatus[], argv: ControlArguments, io: ControlIo): void {
  if (argv.json === true) {
    for (const fault of faults) print(io, JSON.stringify(fault));
    return;
  }
  if (faults.length === 0) {
    print(io, "no rules are in force");
    return;
  }
  const rows = faults.map(({ id, rule, fired, occasions }) => [
    ...[String(id), String(fired), String(occasions)],
    Object.entries(rule)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(" "),
  ]);
  for (const line of columns([["ID", "FIRED", "OCCASIONS", "RULE"], ...rows])) print(io, line);
}
