/**
 * The process of one node under `--isolation process`: it is told over its channel which node to be, and ends with the channel.
 */
import { LoggerLevels } from "../broker/config/logger-levels.ts";
import { NodeNetwork } from "../broker/network/node-network.ts";
import { IDLE_POOL_BYTES } from "../cluster/node-memory.ts";
import { ChildNode } from "../cluster/processes/child-node.ts";
import type { ToNode } from "../cluster/processes/process-messages.ts";
import { NodeClock } from "../storage/node-clock.ts";
import { NodeCompute } from "../storage/node-compute.ts";
import { NodeDisk } from "../storage/node-disk.ts";
import { NodeRandom } from "../storage/node-random.ts";
import { BufferPool } from "../storage/shared-buffer.ts";
import { CommandError } from "./command-error.ts";
import type { LogLevel } from "./late-logger.ts";
import { openLog } from "./open-log.ts";

export async function runNodeProcess(): Promise<void> {
  if (process.send === undefined) throw new CommandError("this is for odradek itself; see odradek --help");
  const logger = openLog();
  const child = new ChildNode({
    environment: {
      ...{ clock: new NodeClock(), random: new NodeRandom(), disk: new NodeDisk(), network: new NodeNetwork() },
      ...{ compute: new NodeCompute(), logger, pool: new BufferPool({ maxIdleBytes: IDLE_POOL_BYTES }) },
    },
    loggerLevels: new LoggerLevels("INFO", (level) => logger.setLevel(level.toLowerCase() as LogLevel)),
    send: (message) => {
      if (process.connected) process.send?.(message);
    },
    // What was said last is on its way.
    end: (exitCode) => setImmediate(() => process.exit(exitCode)),
  });
  process.on("message", (message) => child.heard(message as ToNode));
  // The supervisor is gone, however: nobody is left to stop this node later.
  process.on("disconnect", () => process.exit(1));
  // A terminal's signals are for the supervisor, which stops the nodes in good order.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
  child.hello();
  await logger.open();
}
