/**
 * A process that appends to a log on a real disk until it is killed: each acknowledged batch is told on standard output before the
 * next one is appended. Arguments: the log's directory.
 */
import { writeSync } from "node:fs";
import { NodeDisk } from "../../../storage/node-disk.ts";
import { append, openLog, producerBatch, surroundings } from "./log-fixture.ts";

const path = process.argv[2] as string;
const around = surroundings({ disk: new NodeDisk() });
const log = await openLog(around, {
  path,
  cleanShutdown: false,
  config: { segmentBytes: 200_000, indexIntervalBytes: 200 },
});
const sequence = (log.producers()[0]?.lastSequence ?? -1) + 1;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Resolves when the pipe has the line; until then nothing more is appended. */
async function tell(told: object): Promise<void> {
  for (let line = Buffer.from(`${JSON.stringify(told)}\n`); line.length > 0; ) {
    try {
      line = line.subarray(writeSync(1, line));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      await turn();
    }
  }
}

await tell({ start: log.logEndOffset, sequence });
for (let i = 0; ; i++) {
  const next = sequence + 3 * i;
  const { baseOffset } = append(log, producerBatch(1, 0, next, 3));
  await tell({ baseOffset, sequence: next });
  // Now and then in the background, as the log manager does; and a turn for it to get on.
  if (i % 50 === 0) log.flush().catch(() => process.exit(1));
  if (i % 10 === 0) await turn();
}
