/**
 * A minimal node in a process of its own: tells its address, and its resident memory and processor time when asked. Ends with its parent.
 */
import { startMinimalNode } from "./minimal-node.ts";

const node = await startMinimalNode();
process.send?.({ address: node.address });
process.on("message", (what) => {
  const { user, system } = process.cpuUsage();
  process.send?.(what === "memory" ? { residentBytes: process.memoryUsage().rss } : { cpuMs: (user + system) / 1000 });
});
process.on("disconnect", () => process.exit());
