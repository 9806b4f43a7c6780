/**
 * `nodes`, `kill`, `restart`, `pause`, `resume`.
 */
import type { ControllerStatus, NodeStatus } from "../../cluster/control/control-status.ts";
import { type ControlCommand, controlClient, nodeNamed, print, withControlOptions } from "./control-options.ts";

export const nodesCommand: ControlCommand = {
  build: (command) =>
    withControlOptions(command).usage(
      "Usage: $0 nodes [options]\n\nLists nodes: state, address, rack, partitions led.",
    ),
  run: async (argv, io) => {
    const { nodes, controller } = await controlClient(argv).ask<{
      readonly nodes: readonly NodeStatus[];
      readonly controller: ControllerStatus;
    }>("GET", "/nodes");
    if (argv.json === true) {
      for (const node of nodes) print(io, JSON.stringify(node));
      return;
    }
    const rows = nodes.map(({ id, state, address, rack, fenced, leads, processId }) => [
      ...[String(id), fenced && state === "running" ? "fenced" : state, address, String(leads)],
      ...[rack ?? "-", processId === null ? "-" : String(processId)],
    ]);
    const own =
      controller.state === "combined" ? [] : [["controller", controller.state, controller.address, "-", "-", "-"]];
    for (const line of columns([["NODE", "STATE", "ADDRESS", "LEADS", "RACK", "PID"], ...rows, ...own]))
      print(io, line);
  },
};

export const killCommand = acting(
  "kill",
  "Kills a node as SIGKILL does. Returns when it is gone and the controller has noticed.",
);
export const restartCommand = acting(
  "restart",
  "Starts a node that was killed, or stops one that runs and starts it. Returns when it serves.",
);
export const pauseCommand = acting(
  "pause",
  "Stops a node as SIGSTOP does: its connections stay open, and nothing is answered.",
);
export const resumeCommand = acting("resume", "Lets a paused node go on. Returns when it is in service.");

function acting(action: string, says: string): ControlCommand {
  return {
    positionals: "<node>",
    build: (command) =>
      withControlOptions(command)
        .positional("node", { type: "string", description: "A node's id, or controller" })
        .usage(`Usage: $0 ${action} <node> [options]\n\n${says}`),
    run: async (argv, io) => {
      const node = nodeNamed(argv, "node");
      const status = await controlClient(argv).ask<{ readonly state: string }>("POST", `/nodes/${node}/${action}`);
      if (argv.json === true) print(io, JSON.stringify(status));
      else print(io, `${node === "controller" ? "the controller" : `node ${node}`} is ${status.state}`);
    },
  };
}

/** Rows in columns, two spaces apart. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
