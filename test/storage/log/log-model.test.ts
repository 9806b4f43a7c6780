/** A log against an array: random appends, rolls, cuts, trims, kills and restarts, and reads in between. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Codec } from "../../../protocol/records/codec.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import type { LogConfig } from "../../../storage/log-config.ts";
import {
  append,
  batchesIn,
  batchOf,
  codeOf,
  type Fixture,
  openLog,
  READ_ALL,
  readBytes,
  recordsIn,
  reopenAfterClose,
  reopenAfterKill,
  surroundings,
} from "./log-fixture.ts";

const T = 1_700_000_000_000;

interface ModelRecord {
  readonly value: string;
  readonly timestamp: number;
  readonly leaderEpoch: number;
  /** Base offset of its batch. */
  readonly batch: number;
}

/** What the log should hold, and the log. */
interface Run {
  readonly around: Fixture;
  readonly config: Partial<LogConfig>;
  log: SegmentedLog;
  start: number;
  highWatermark: number;
  leaderEpoch: number;
  end: number;
  /** By offset; holes where no batch ever was. */
  records: (ModelRecord | undefined)[];
  sequence: number;
  words: number;
}

function note(run: Run, baseOffset: number, values: readonly string[], timestampOf = (_: number) => T): void {
  for (const [index, value] of values.entries()) {
    const { leaderEpoch } = run;
    run.records[baseOffset + index] = { value, timestamp: timestampOf(index), leaderEpoch, batch: baseOffset };
  }
  run.end = baseOffset + values.length;
}

/** What a step does to the log and to the array; the number comes from the generator. */
const steps: Record<string, (run: Run, n: number) => Promise<void>> = {
  async append(run, n) {
    const length = [1, 10, 40, 200, 20_000][n % 5] as number;
    const compression = [Codec.NONE, Codec.GZIP, Codec.SNAPPY, Codec.LZ4][n % 4] as Codec;
    const values = Array.from({ length: 1 + (n % 3) }, () => `${run.words++} `.padEnd(length, "x"));
    const timestampOf = (index: number) => T + (n % 101) - 50 + ((index * 7) % 5);
    const batch = batchOf(
      values.map((value, index) => ({ key: "k", value, timestamp: timestampOf(index) })),
      { compression },
    );
    expect(append(run.log, batch, { leaderEpoch: run.leaderEpoch }).baseOffset).toBe(run.end);
    note(run, run.end, values, timestampOf);
  },
  async produce(run, n) {
    const values = Array.from({ length: 1 + (n % 3) }, (_, index) => `p1 ${run.sequence + index}`);
    const records = values.map((value) => ({ key: "k", value, timestamp: T }));
    const batch = batchOf(records, { producerId: 1, producerEpoch: 0, baseSequence: run.sequence });
    append(run.log, batch, { leaderEpoch: run.leaderEpoch });
    note(run, run.end, values);
    run.sequence += values.length;
  },
  async follow(run, n) {
    // Only what is compacted, somewhere, has holes.
    const baseOffset = run.end + (run.config.cleanupCompact === true ? n % 4 : 0);
    const values = Array.from({ length: 1 + (n % 3) }, () => `followed ${run.words++}`);
    const batch = batchOf(values, { baseOffset, partitionLeaderEpoch: run.leaderEpoch });
    run.log.appendAsFollower(batch, undefined, run.leaderEpoch);
    run.records.length = baseOffset;
    note(run, baseOffset, values);
  },
  async truncate(run, n) {
    const { log } = run;
    const offset = Math.max(0, run.end - (n % 13));
    const isBelow = offset < (log.segments[0]?.baseOffset ?? 0);
    log.truncateTo(offset);
    if (isBelow) Object.assign(run, { start: offset, highWatermark: offset, end: offset, records: new Array(offset) });
    else if (offset < run.end) {
      // A batch across the cut goes whole.
      run.end = run.records[offset]?.batch ?? offset;
      run.records.length = run.end;
      run.start = Math.min(run.start, run.end);
      run.highWatermark = Math.min(run.highWatermark, run.end);
    }
    // The producer goes on with what the log still knows of it.
    const lastSequence = log.producers().find((known) => known.producerId === 1)?.lastSequence ?? -1;
    run.sequence = lastSequence + 1;
    const stored = run.records.filter((record, at) => at >= run.start && record?.value.startsWith("p1 ")).at(-1);
    if (stored !== undefined) expect(`p1 ${lastSequence}`).toBe(stored.value);
  },
  async roll(run) {
    run.log.roll();
  },
  async flush(run) {
    await run.log.flush();
    expect(run.log.syncedEndOffset).toBe(run.end);
  },
  async lead(run) {
    run.log.startLeaderEpoch(++run.leaderEpoch);
  },
  async commit(run, n) {
    run.highWatermark = Math.max(run.highWatermark, run.end - (n % 11));
    run.log.setHighWatermark(run.highWatermark);
  },
  async trim(run, n) {
    run.log.raiseLogStartOffset(run.start + (n % 11));
    run.start = Math.max(run.start, Math.min(run.start + (n % 11), run.highWatermark));
    run.log.deleteOldSegments(T);
  },
  async kill(run) {
    await restart(run, reopenAfterKill);
  },
  async restart(run) {
    await restart(run, reopenAfterClose);
  },
  async read(run, n) {
    const offset = run.start + (n % (run.end - run.start + 1));
    const batches = batchesIn(await readBytes(run.log, offset, { maxBytes: [1, 100, 1000, 1 << 20][n % 4] as number }));
    const found = batches.flatMap((batch) => recordsIn(batch)).filter((record) => record.offset >= offset);
    expect(found[0]?.offset ?? -1).toBe(run.records.findIndex((record, at) => at >= offset && record !== undefined));
    for (const record of found) {
      const { value, timestamp, leaderEpoch } = run.records[record.offset] as ModelRecord;
      expect(record).toMatchObject({ value, timestamp, leaderEpoch });
    }
  },
  async search(run, n) {
    const timestamp = T - 55 + (n % 111);
    const expected = run.records.findIndex(
      (record, offset) => offset >= run.start && record !== undefined && record.timestamp >= timestamp,
    );
    expect((await run.log.offsetForTimestamp(timestamp, run.end))?.offset ?? -1).toBe(expected);
  },
};

async function restart(run: Run, reopen: typeof reopenAfterKill): Promise<void> {
  const { around, log, config, start, highWatermark } = run;
  run.log = await reopen(around, log, { config, logStartOffset: start, highWatermark });
  // A hole at the end leaves no trace: the log ends with its last batch, or where its last segment starts.
  const { baseOffset } = run.log.activeSegment;
  run.end = Math.max(run.records.findLastIndex((record) => record !== undefined) + 1, baseOffset);
  run.start = Math.min(run.start, run.end);
  run.highWatermark = Math.min(run.highWatermark, run.end);
}

async function checkAll(run: Run): Promise<void> {
  const { log, start, end } = run;
  expect([log.logStartOffset, log.logEndOffset]).toEqual([start, end]);
  expect(log.highWatermark).toBe(Math.max(start, run.highWatermark));
  expect(log.recoveryPoint).toBeLessThanOrEqual(log.logEndOffset);
  const found: [number, string | null][] = [];
  for (let offset = start; offset < end; ) {
    const batches = batchesIn(await readBytes(log, offset));
    if (batches.length === 0) break;
    for (const batch of batches) for (const record of recordsIn(batch)) found.push([record.offset, record.value]);
    offset = batches.at(-1)?.nextOffset as number;
  }
  const expected = [...run.records.entries()].filter(([offset, record]) => offset >= start && record !== undefined);
  expect(found.filter(([offset]) => offset >= start)).toEqual(
    expected.map(([offset, record]) => [offset, record?.value]),
  );
  for (const [offset, record] of expected) expect(log.epochForOffset(offset)).toBe(record?.leaderEpoch);
  for (const offset of [start - 1, end + 1]) {
    expect(await codeOf(() => log.read(offset, READ_ALL))).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  }
}

const WEIGHTS: Record<string, number> = { append: 8, produce: 4, follow: 2, read: 2, search: 2 };
const step = fc.tuple(
  fc.oneof(...Object.keys(steps).map((name) => ({ arbitrary: fc.constant(name), weight: WEIGHTS[name] ?? 1 }))),
  fc.nat(10_000),
);

describe("a log and an array hold the same", () => {
  it.each([
    ["with a large tail", 1, 16 << 20],
    ["with a small tail", 2, 100_000],
    ["without a tail", 3, 0],
  ])("%s", async (_, seed, tailBytes) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 60 }),
        fc.constantFrom(300, 2000, 1 << 20),
        fc.boolean(),
        async (taken, segmentBytes, cleanupCompact) => {
          const around = surroundings({ tailBytes });
          const config = { segmentBytes, indexIntervalBytes: 150, retentionMs: -1, cleanupCompact };
          const marks = { start: 0, highWatermark: 0, leaderEpoch: 0, end: 0, sequence: 0, words: 0 };
          const run: Run = { around, config, log: await openLog(around, { config }), records: [], ...marks };
          for (const [name, n] of taken) {
            try {
              await steps[name]?.(run, n);
            } catch (error) {
              // A batch that is larger than a segment changes nothing.
              if ((error as { code?: number }).code !== ErrorCode.RECORD_LIST_TOO_LARGE) throw error;
            }
          }
          await checkAll(run);
          await run.log.close();
          expect(around.pool.usedBytes).toBe(0);
        },
      ),
      { seed, numRuns: 60 },
    );
  });
});
