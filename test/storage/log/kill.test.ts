/** A real process killed with SIGKILL while it appends: every batch it was told of is there, in order, once. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { NodeDisk } from "../../../storage/node-disk.ts";
import { Program } from "../../support/programs.ts";
import { append, openLog, producerBatch, readAll, surroundings } from "./log-fixture.ts";

const ENTRY = fileURLToPath(new URL("./append-forever.ts", import.meta.url));
const PROJECT = fileURLToPath(new URL("../../../", import.meta.url));
const KILLS = 2;
const BATCHES_BEFORE_KILL = 700;

it("R166: what a killed process acknowledged is there, in order, once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kill-"));
  const path = join(folder, "topic-0");
  let acknowledged = 0;
  try {
    for (let round = 0; round < KILLS; round++) {
      const program = new Program(process.execPath, ["--import", "tsx", ENTRY, path], { cwd: PROJECT });
      let told = 0;
      program.onLine((line) => {
        const { baseOffset, start } = JSON.parse(line) as { baseOffset?: number; start?: number };
        // The process may have appended a batch it could not tell of any more.
        if (start !== undefined) expect([acknowledged, acknowledged + 3]).toContain(start);
        if (start !== undefined) acknowledged = start;
        if (baseOffset === undefined) return;
        expect(baseOffset).toBe(acknowledged);
        acknowledged += 3;
        if (++told === BATCHES_BEFORE_KILL + 13 * round) program.child.kill("SIGKILL");
      });
      const [code, signal] = await once(program.child, "close");
      expect([code, signal], program.errors).toEqual([null, "SIGKILL"]);
      expect(told).toBeGreaterThanOrEqual(BATCHES_BEFORE_KILL);
    }
    const log = await openLog(surroundings({ disk: new NodeDisk(), tailBytes: 0 }), { path, cleanShutdown: false });
    const records = await readAll(log, { maxBytes: 200_000 });
    expect(records.length).toBeGreaterThanOrEqual(acknowledged);
    expect(records.every((record, index) => record.offset === index && record.value === `p1 ${index}`)).toBe(true);
    expect(append(log, producerBatch(1, 0, records.length - 3, 3)).duplicate).toBe(true);
    expect(log.segments.length).toBeGreaterThan(1);
    await log.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
