/** What the floor costs in this run: frames to a bare loop that receives, checks and appends, one in flight. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RoundTrips, roundTrips } from "./load.ts";

const SERVER = fileURLToPath(new URL("bare-server.ts", import.meta.url));

export interface BareCost extends RoundTrips {
  readonly megabytesPerSecond: number;
  readonly cpuSecondsPerGigabyte: number;
}

export async function bareCost(files: number, frameBytes: number, totalBytes: number): Promise<BareCost> {
  const folder = mkdtempSync(join(tmpdir(), "bench-bare-"));
  const child = fork(SERVER, [String(files), folder], { stdio: "inherit" });
  const told = async (): Promise<{ port: number; cpuMicros: number }> => (await once(child, "message"))[0];
  try {
    const { port } = await told();
    const frame = Buffer.alloc(4 + frameBytes, "v");
    frame.writeInt32BE(frameBytes);
    const cpuMicros = async () => {
      const answer = told();
      child.send({});
      return (await answer).cpuMicros;
    };
    const count = Math.ceil(totalBytes / frameBytes);
    const sentBytes = (count + Math.min(2000, count)) * frameBytes; // with what goes before the figures
    const before = await cpuMicros();
    const startedMs = performance.now();
    const trips = await roundTrips({ host: "127.0.0.1", port }, frame, count);
    const elapsedMs = performance.now() - startedMs;
    const usedMicros = (await cpuMicros()) - before;
    return {
      ...trips,
      megabytesPerSecond: sentBytes / 1e3 / elapsedMs,
      cpuSecondsPerGigabyte: usedMicros / 1e6 / (sentBytes / 1e9),
    };
  } finally {
    child.disconnect();
    rmSync(folder, { recursive: true, force: true });
  }
}
