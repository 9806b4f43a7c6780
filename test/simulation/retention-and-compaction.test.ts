import { expect, test } from "vitest";
import { decompressRecords } from "../../protocol/records/compression.ts";
import { ControlRecordType, controlRecordType } from "../../protocol/records/control-record.ts";
import type { RecordBatch } from "../../protocol/records/record-batch.ts";
import { RecordIterator } from "../../protocol/records/record-iterator.ts";
import type { SegmentedLog } from "../../storage/log/segmented-log.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../storage/log-config.ts";
import { LogDirectories } from "../../storage/log-directories.ts";
import { appendBatch, batchesOf, recordsOf, surroundingsOf } from "../storage/log/cleanable-log.ts";
import { buildModelBatch, LogModel, type ModelBatch, sizeOf } from "./log-model.ts";
import { type Incarnation, Simulation, simulateTwice } from "./simulation.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ID = "E06ThbWK_bULAm2VVb5b-w";
const BACKOFF_MS = 15_000;
const RETENTION_MS = 300_000;
const INITIAL_MS = 30_000;

const small: Partial<LogConfig> = { segmentBytes: 3000, segmentMs: 4 * HOUR, indexIntervalBytes: 500 };
const compacted: Partial<LogConfig> = {
  ...small,
  cleanupCompact: true,
  cleanupDelete: false,
  deleteRetentionMs: 2 * HOUR,
};

/** One of each kind. */
const TOPICS: Record<string, Partial<LogConfig>> = {
  "by-time": { ...small, retentionMs: DAY },
  "by-size": { ...small, retentionMs: -1, retentionBytes: 9000 },
  "never-cleaned": { ...small, retentionMs: -1 },
  table: compacted,
  eager: { ...compacted, minCleanableDirtyRatio: 0, deleteRetentionMs: 0 },
  lagging: { ...compacted, minCompactionLagMs: 3 * HOUR, maxCompactionLagMs: 12 * HOUR, minCleanableDirtyRatio: 0.95 },
  both: { ...compacted, cleanupDelete: true, retentionMs: 2 * DAY },
};

interface Pair {
  readonly topic: string;
  readonly model: LogModel;
  log: SegmentedLog;
  /** Followers are not heard of: the high watermark stands. */
  isStalled: boolean;
  sequence: number;
  isOpen: boolean;
}

class Week {
  private readonly simulation: Simulation;
  private readonly driver: Incarnation;
  private node: Incarnation;
  private logs!: LogDirectories;
  private pairs: Pair[] = [];
  private nextCleaningMs = 0;
  private nextRetentionMs = 0;
  /** What every key should be, of topics from which nothing is deleted by age or size. */
  readonly truth = new Map<string, Map<string, string | null>>();
  restarts = 0;
  cleanings = 0;
  comparisons = 0;

  constructor(simulation: Simulation) {
    this.simulation = simulation;
    this.driver = simulation.boot("driver");
    this.node = simulation.boot("node");
  }

  private get nowMs(): number {
    return this.node.clock.wallMs();
  }

  async run(durationMs: number): Promise<void> {
    const { random } = this.simulation;
    await this.start();
    const endMs = this.simulation.scheduler.nowMs + durationMs;
    while (this.simulation.scheduler.nowMs < endMs) {
      // Never at the time of a tick, which is a whole number of seconds after a start.
      await this.wait(1000 * random.between(1, 240) + 0.37);
      const pair = random.pick(this.pairs);
      const dice = random.below(1000);
      if (dice < 940) this.append(pair);
      else if (dice < 960) this.stall(pair);
      else if (dice < 990) await this.compare(pair);
      else if (dice < 996) await this.restart(random.chance(0.5));
    }
    for (const pair of this.pairs) await this.compare(pair);
    await this.logs.close();
  }

  private async start(): Promise<void> {
    const configs = new Map(
      Object.entries(TOPICS).map(([topic, config]) => [topic, { ...DEFAULT_LOG_CONFIG, ...config }]),
    );
    const around = surroundingsOf(this.node, 50_000);
    around.producerLimits.expirationMs = 10 * DAY;
    this.logs = await LogDirectories.open({
      around,
      paths: ["/data"],
      clusterId: ID,
      nodeId: 1,
      configOf: (topic) => configs.get(topic) ?? DEFAULT_LOG_CONFIG,
    });
    await this.logs.load();
    const { nowMs } = this;
    this.nextCleaningMs = nowMs + BACKOFF_MS;
    this.nextRetentionMs = nowMs + INITIAL_MS;
    if (this.pairs.length === 0) {
      this.pairs = Array.from(configs, ([topic, config]) => {
        const log = this.logs.obtain(topic, 0, ID);
        return { topic, model: new LogModel(config, nowMs), log, isStalled: false, sequence: 0, isOpen: false };
      });
    }
    for (const pair of this.pairs) {
      pair.log = this.logs.obtain(pair.topic, 0, ID);
      pair.model.restarted(nowMs);
      this.setHighWatermark(pair);
    }
  }

  private async restart(inOrder: boolean): Promise<void> {
    this.restarts++;
    if (inOrder) await this.logs.close();
    this.simulation.kill("node");
    this.node = this.simulation.boot("node");
    await this.start();
  }

  private async wait(ms: number): Promise<void> {
    await new Promise<void>((resolve) => void this.driver.clock.after(ms, resolve));
    this.tickModels(this.nowMs);
  }

  /** The models are cleaned and trimmed at the times at which the logs were. */
  private tickModels(nowMs: number): void {
    for (;;) {
      const atMs = Math.min(this.nextCleaningMs, this.nextRetentionMs);
      if (atMs > nowMs) return;
      if (atMs === this.nextRetentionMs) {
        for (const { model } of this.pairs) if (!model.config.cleanupCompact) model.applyRetention(atMs);
        this.nextRetentionMs += RETENTION_MS;
      }
      if (atMs === this.nextCleaningMs) {
        for (const { model } of this.pairs) {
          if (!model.config.cleanupCompact) continue;
          if (model.dirtyRatio(atMs) !== undefined) {
            model.clean(atMs);
            this.cleanings++;
          }
          model.applyRetention(atMs);
        }
        this.nextCleaningMs += BACKOFF_MS;
      }
    }
  }

  private append(pair: Pair): void {
    const { random } = this.simulation;
    const { topic, model, log } = pair;
    const isTransactional = topic !== "by-size" && random.chance(0.2);
    if (pair.isOpen && isTransactional && random.chance(0.4)) {
      this.appendBoth(pair, {
        records: [this.record("", null)],
        producerId: 7,
        baseSequence: -1,
        isTransactional: true,
        marker: random.chance(0.5) ? "commit" : "abort",
      });
      pair.isOpen = false;
    } else {
      const keys = topic === "table" ? 8 : 40;
      const records = Array.from({ length: random.between(1, 4) }, () =>
        this.record(
          `${isTransactional ? "of a transaction" : "key"} ${random.below(keys)}`,
          random.chance(0.15) ? null : "v".repeat(random.below(150)),
        ),
      );
      const isIdempotent = !isTransactional && random.chance(0.3);
      const producerId = isTransactional ? 7 : isIdempotent ? 8 : -1;
      this.appendBoth(pair, {
        records,
        producerId,
        baseSequence: producerId < 0 ? -1 : this.sequence(pair, producerId, records.length),
        isTransactional,
      });
      if (isTransactional) pair.isOpen = true;
      else this.remember(topic, records);
    }
    expect(log.logEndOffset).toBe(model.logEndOffset);
    if (!pair.isStalled) this.setHighWatermark(pair);
  }

  private readonly sequences = new Map<string, number>();

  private sequence(pair: Pair, producerId: number, count: number): number {
    const name = `${pair.topic} ${producerId}`;
    const sequence = this.sequences.get(name) ?? 0;
    this.sequences.set(name, sequence + count);
    return sequence;
  }

  private record(key: string, value: string | null) {
    const { random } = this.simulation;
    // Producers' clocks differ by some minutes.
    return { offset: -1, key, value, timestamp: this.nowMs - random.below(600_000) };
  }

  private appendBoth(pair: Pair, batch: Omit<ModelBatch, "baseOffset" | "lastOffset" | "maxTimestamp">): void {
    const { model, log } = pair;
    const records = batch.records.map((record, i) => ({ ...record, offset: i }));
    const maxTimestamp = Math.max(...records.map(({ timestamp }) => timestamp));
    appendBatch(
      log,
      buildModelBatch({ ...batch, records, baseOffset: 0, lastOffset: records.length - 1, maxTimestamp }),
      pair.isStalled ? log.highWatermark : undefined,
    );
    model.append(batch, this.nowMs);
  }

  private remember(topic: string, records: readonly { readonly key: string; readonly value: string | null }[]): void {
    let truth = this.truth.get(topic);
    if (truth === undefined) {
      truth = new Map();
      this.truth.set(topic, truth);
    }
    for (const { key, value } of records) truth.set(key, value);
  }

  private stall(pair: Pair): void {
    pair.isStalled = !pair.isStalled;
    if (!pair.isStalled) this.setHighWatermark(pair);
  }

  private setHighWatermark({ log, model }: Pair): void {
    log.setHighWatermark(log.logEndOffset);
    model.highWatermark = model.logEndOffset;
  }

  private async compare({ topic, log, model }: Pair): Promise<void> {
    this.comparisons++;
    const marks = (l: SegmentedLog | LogModel) => [
      l.logStartOffset,
      l.lastStableOffset,
      l.highWatermark,
      l.logEndOffset,
    ];
    expect([topic, marks(log)]).toEqual([topic, marks(model)]);
    expect([topic, log.segments.map(({ baseOffset, sizeBytes }) => [baseOffset, sizeBytes])]).toEqual([
      topic,
      model.segments.map((segment) => [segment.baseOffset, sizeOf(segment)]),
    ]);
    const held = model.segments
      .flatMap(({ batches }) => batches)
      .filter(({ lastOffset }) => lastOffset >= model.logStartOffset);
    expect((await batchesOf(log)).map(tellBatch)).toEqual(held.map(tellModelBatch));
    if (model.config.cleanupDelete) return;
    // Whatever the rules are: who reads a compacted topic knows the newest value of every key.
    const view = new Map<string, string>();
    for (const { key = "", value } of await recordsOf(log)) {
      if (value === undefined) view.delete(key);
      else if (key.startsWith("key")) view.set(key, value);
    }
    const truth = [...(this.truth.get(topic) ?? [])].filter(([, value]) => value !== null);
    expect([...view].sort()).toEqual(truth.sort());
  }
}

/** What a batch of the log is, in a line. */
function tellBatch(batch: RecordBatch): string {
  const records = [...new RecordIterator(batch, decompressRecords(batch, 1e8))];
  const type =
    records[0] === undefined
      ? "empty"
      : controlRecordType(records[0].key) === ControlRecordType.COMMIT
        ? "commit"
        : "abort";
  const content = batch.isControl
    ? [type]
    : records.map(({ offset, key, value, timestamp }) => `${offset} ${key}=${value} @${timestamp}`);
  const horizon = batch.hasDeleteHorizon ? batch.baseTimestamp : undefined;
  return line(
    batch.baseOffset,
    batch.lastOffset,
    batch.producerId,
    batch.baseSequence,
    batch.isTransactional,
    horizon,
    batch.maxTimestamp,
    content,
  );
}

function tellModelBatch(batch: ModelBatch): string {
  const content =
    batch.marker !== undefined
      ? [batch.marker]
      : batch.records.map(({ offset, key, value, timestamp }) => `${offset} ${key}=${value} @${timestamp}`);
  return line(
    batch.baseOffset,
    batch.lastOffset,
    batch.producerId,
    batch.baseSequence,
    batch.isTransactional,
    batch.deleteHorizonMs,
    batch.maxTimestamp,
    content,
  );
}

function line(...parts: readonly unknown[]): string {
  return JSON.stringify(parts);
}

test("a week of retention and compaction ends in the state that Kafka's rules give", { timeout: 120_000 }, async () => {
  const simulation = new Simulation({ seed: "week", latencyMs: [0, 0] });
  const week = new Week(simulation);
  await simulation.run(() => week.run(7 * DAY));
  expect(week.restarts).toBeGreaterThan(5);
  expect(week.cleanings).toBeGreaterThan(50);
  expect(week.comparisons).toBeGreaterThan(50);
});

test("other seeds too, and each repeats itself", { timeout: 120_000 }, async () => {
  for (const seed of ["day 1", "day 2", "day 3"]) {
    await simulateTwice({ seed, latencyMs: [0, 0] }, async (simulation) => {
      const day = new Week(simulation);
      await day.run(DAY);
      expect(day.comparisons).toBeGreaterThan(5);
    });
  }
});
