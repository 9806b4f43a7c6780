/**
 * `odradek start`: nodes from their settings to the ready line, and from a signal to the end of the process.
 *
 * Owns: standard output (the ready line and nothing else), signals, exit codes. Leaves to cluster/start-nodes.ts: the nodes.
 */
import { resolve } from "node:path";
import { LoggerLevels } from "../broker/config/logger-levels.ts";
import { NetworkError } from "../broker/network/network.ts";
import type { ProcessHost } from "../cluster/processes/process-host.ts";
import { type RunningNodes, startNodes } from "../cluster/start-nodes.ts";
import { DEFAULT_CONTROL_PORT } from "../console/control-port.ts";
import { DiskError } from "../storage/disk.ts";
import { DirectoryRefused } from "../storage/meta-properties.ts";
import { CommandError } from "./command-error.ts";
import { userDataFolder } from "./data-folder.ts";
import type { LateLogger, LogLevel } from "./late-logger.ts";
import { openLog } from "./open-log.ts";
import { gatherSettings } from "./settings.ts";
import { readSettingsFile } from "./settings-file.ts";
import type { StartOptions } from "./start-options.ts";

/** How often a process that npx started looks for its shell. */
const PARENT_CHECK_MS = 200;

/** Starts and serves; returns once the ready line is written. The process ends by a signal or by a failure. */
export async function runStart(options: StartOptions): Promise<void> {
  const stopAsked = whenStopAsked();
  const file = options.config === undefined ? new Map<string, string>() : await readSettingsFile(options.config);
  const dataDirectory = resolve(options["data-dir"] ?? userDataFolder(process.platform, process.env));
  const { nodes, withoutEffect } = gatherSettings(options, file, dataDirectory);
  const logger = openLog();
  for (const [setting, reason] of withoutEffect) logger.warn({ setting, reason }, "a setting has no effect here");
  logger.info({ directory: dataDirectory, nodes: nodes.length }, "data directory");
  const loggerLevels = new LoggerLevels("INFO", (level) => logger.setLevel(level.toLowerCase() as LogLevel));
  const several = nodes.length > 1 || options.isolation === "process";
  const controlPort = options["control-port"] ?? (several ? DEFAULT_CONTROL_PORT : "off");
  let running: RunningNodes;
  try {
    running = await startNodes({
      nodes,
      logger,
      loggerLevels,
      withFaults: controlPort !== "off",
      ...(await processesOf(options)),
    });
    if (controlPort !== "off") await openControl(running, controlPort, options, logger);
  } catch (error) {
    throw asCommandError(error, dataDirectory);
  }
  process.stdout.on("error", () => {}); // Whoever waited for the ready line may be gone.
  process.stdout.write(`ready ${running.addresses.map(({ host, port }) => `${bracketed(host)}:${port}`).join(",")}\n`);
  // Failures from here on are this function's caller's no more: nobody waits for it.
  void serve(running, stopAsked, logger);
  await logger.open();
}

/** Nodes with processes of their own are this program again. */
async function processesOf({ isolation }: StartOptions): Promise<{ processes?: ProcessHost }> {
  if (isolation !== "process") return {};
  const { NodeProcessHost } = await import("../cluster/processes/node-process-host.ts");
  return { processes: new NodeProcessHost(process.argv[1] as string) };
}

/** Where nobody asked for the API and its port is taken, the nodes serve without. @throws NetworkError in-use. */
async function openControl(
  running: RunningNodes,
  port: number,
  options: StartOptions,
  logger: LateLogger,
): Promise<void> {
  const [{ serveControl }, { NodeHttpServer }] = await Promise.all([
    import("../console/control-server.ts"),
    import("../console/node-http.ts"),
  ]);
  try {
    const { address } = await serveControl(new NodeHttpServer(), port, running.control, logger);
    logger.info({ address: `http://${address.host}:${address.port}` }, "control API");
  } catch (error) {
    const isAsked = options["control-port"] !== undefined;
    const isInUse = error instanceof NetworkError && error.kind === "in-use";
    if (isAsked || !isInUse) {
      await running.stop();
      throw isInUse
        ? new CommandError(`port ${port} of the control API is in use; --control-port chooses another`)
        : error;
    }
    logger.warn({ port }, "the port of the control API is in use; --control-port chooses another");
  }
}

async function serve(running: RunningNodes, stopAsked: Promise<string>, logger: LateLogger): Promise<void> {
  const end = await Promise.race([stopAsked, running.failed]);
  if (end instanceof Error) {
    logger.error({ err: end }, "a node failed");
    process.exit(1);
  }
  logger.info({ because: end }, "stopping");
  // Asked twice, it is over.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  try {
    await running.stop();
    logger.info({}, "stopped");
    process.exit(0);
  } catch (error) {
    logger.error({ err: error }, "stopping failed");
    process.exit(1);
  }
}

function whenStopAsked(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(signal));
    if (process.env.npm_command === undefined) return;
    // npx passes a signal on to its shell only, which ends and leaves us behind: that is meant for us.
    const parent = process.ppid;
    setInterval(() => {
      if (process.ppid !== parent) resolve("the parent has gone");
    }, PARENT_CHECK_MS).unref();
  });
}

/** What a user can mend is said in a line; anything else keeps its stack. */
function asCommandError(error: unknown, dataDirectory: string): unknown {
  if (error instanceof NetworkError) {
    if (error.kind === "in-use") return new CommandError(`${addressIn(error)} is in use; --port chooses another`);
    return new CommandError(`cannot listen on ${error.message.replace(/^[a-z-]+: /, "")}`);
  }
  if (error instanceof DirectoryRefused) return new CommandError(`${error.message}; --data-dir chooses others`);
  if (error instanceof DiskError) {
    return new CommandError(`the data in ${dataDirectory} cannot be used: ${error.message}`);
  }
  return error;
}

function addressIn(error: NetworkError): string {
  return error.message.replace(/^[a-z-]+: /, "").replace(/ \(.*\)$/, "");
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
