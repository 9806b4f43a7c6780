/**
 * The commands over the control API: one line each, and where the rest is loaded from when it is asked for.
 */
import type { ControlCommand } from "./control-options.ts";

interface ControlEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<ControlCommand>;
}

const nodes = () => import("./node-commands.ts");
const network = () => import("./network-commands.ts");

export const CONTROL_COMMANDS: readonly ControlEntry[] = [
  { name: "nodes", summary: "List the nodes of a running cluster", load: async () => (await nodes()).nodesCommand },
  { name: "kill", summary: "Kill a node, without a goodbye", load: async () => (await nodes()).killCommand },
  { name: "restart", summary: "Start a node again", load: async () => (await nodes()).restartCommand },
  { name: "pause", summary: "Stop a node where it stands", load: async () => (await nodes()).pauseCommand },
  { name: "resume", summary: "Let a paused node go on", load: async () => (await nodes()).resumeCommand },
  { name: "cut", summary: "Cut or slow the way between two nodes", load: async () => (await network()).cutCommand },
  { name: "heal", summary: "Heal ways that were cut or slowed", load: async () => (await network()).healCommand },
  {
    name: "faults",
    summary: "List, add and remove rules by which requests and disks fail",
    load: async () => (await import("./faults-command.ts")).faultsCommand,
  },
  {
    name: "watch",
    summary: "Print what happens in a cluster as it happens",
    load: async () => (await import("./watch-command.ts")).watchCommand,
  },
];
