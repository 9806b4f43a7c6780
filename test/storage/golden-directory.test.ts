import { describe, expect, test } from "vitest";
import { compact } from "../../storage/log/compaction.ts";
import { planCompaction } from "../../storage/log/compaction-plan.ts";
import type { SegmentedLog } from "../../storage/log/segmented-log.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../storage/log-config.ts";
import { LogDirectories } from "../../storage/log-directories.ts";
import { TurnPacer } from "../../storage/turn-pacer.ts";
import { Simulation } from "../simulation/simulation.ts";
import { goldenFiles, unpackGolden } from "../support/golden-disk.ts";
import { append, openLog, surroundingsOf } from "./log/cleanable-log.ts";

const T = 1_700_000_000_000;
const CLUSTER = "AAAAAAAAAAAAAAAAAAAAAQ";
const DAY = 86_400_000;
/** When Apache Kafka's cleaner ran, by the delete horizon it wrote. */
const CLEANED_AT = 1_795_336_332_462 - DAY;

/** Content of the files of the directory that was closed in order, by their names below a prefix. */
function goldenContent(prefix: string): Map<string, Buffer> {
  const below = goldenFiles("clean").filter(({ path }) => path.startsWith(prefix));
  return new Map(below.map(({ path, content }) => [path.slice(prefix.length), content]));
}

test("R88: what the cleaner leaves is, byte for byte, what Apache Kafka's left of the same records", async () => {
  const simulation = new Simulation({ seed: 1, latencyMs: [0, 0] });
  await simulation.run(async () => {
    const { clock, ...node } = simulation.boot("a");
    clock.jumpWall(CLEANED_AT - clock.wallMs());
    node.disk.makeDirectory("/data");
    const around = surroundingsOf({ ...node, clock });
    const config: Partial<LogConfig> = { cleanupCompact: true, cleanupDelete: false, segmentMs: 60_000 };
    const log = await openLog(around, config);
    for (let round = 0; round < 4; round++) {
      const records = Array.from({ length: 6 }, (_, i) => ({
        key: `key${i}`,
        value: round === 2 && i === 5 ? null : `round ${round} value ${i}`,
        timestamp: T + 3_600_000 * round + 1000 * i,
      }));
      append(log, records);
    }
    expect(log.segments.map(({ baseOffset }) => baseOffset)).toEqual([0, 6, 12, 18]);
    const plan = planCompaction(log, undefined, clock.wallMs());
    expect(plan).toMatchObject({ firstDirtyOffset: 0, firstUncleanableOffset: 18, dirtyRatio: 1 });
    if (plan === undefined) return;
    const pacer = new TurnPacer(clock);
    const { endOffset } = await compact({ log, around, plan, maxMapBytes: 1e6, pacer, isWanted: () => true });
    expect(endOffset).toBe(18);
    await log.close();
    const golden = goldenContent("compacted-0/");
    for (const suffix of [".log", ".index", ".timeindex"]) {
      for (const base of ["00000000000000000000", "00000000000000000018"]) {
        const ours = node.disk.readFile(`/data/t-0/${base}${suffix}`);
        expect([base, suffix, ours.toString("hex")]).toEqual([
          base,
          suffix,
          golden.get(base + suffix)?.toString("hex"),
        ]);
      }
    }
  });
});

/** End offsets of the logs of both golden directories; high watermarks are the same. */
const ENDS: Record<string, number> = {
  "__consumer_offsets-0": 20,
  "__transaction_state-0": 14,
  "append-time-0": 3,
  "codec-zstd-0": 20,
  "compacted-0": 24,
  "empty-3": 0,
  "idempotent-0": 15,
  "segments-0": 40,
  "shapes-0": 8,
  "trimmed-0": 15,
  "txn-0": 11,
  "txn-1": 6,
  "txn-open-0": 5,
  "txn-segments-0": 16,
};

describe.each(["clean", "unclean"] as const)("Apache Kafka's data directory, %s", (kind) => {
  test("is taken over whole, and left so that it could be taken back", async () => {
    const simulation = new Simulation({ seed: kind, latencyMs: [0, 0] });
    await simulation.run(async () => {
      const node = simulation.boot("a");
      unpackGolden(node.disk, "/data", kind);
      const open = () =>
        LogDirectories.open({
          around: surroundingsOf(node),
          paths: ["/data"],
          clusterId: CLUSTER,
          nodeId: 1,
          configOf: (topic) => ({
            ...DEFAULT_LOG_CONFIG,
            retentionMs: -1,
            ...(topic === "compacted" || topic.startsWith("__") ? { cleanupCompact: true, cleanupDelete: false } : {}),
          }),
        });
      const check = (logs: LogDirectories) => {
        const found = new Map([...logs.all()].map((log) => [`${log.topic}-${log.partition}`, log]));
        expect(found.size).toBe(23);
        for (const [name, end] of Object.entries(ENDS)) {
          const { logEndOffset, highWatermark } = found.get(name) as SegmentedLog;
          // A directory that was not closed has the high watermarks of some seconds before.
          expect([name, logEndOffset, kind === "clean" ? highWatermark : end]).toEqual([name, end, end]);
        }
        expect(found.get("trimmed-0")?.logStartOffset).toBe(7);
        expect(found.get("txn-open-0")?.lastStableOffset).toBe(0);
      };
      const logs = await open();
      expect(logs.previousBrokerEpoch).toBe(kind === "clean" ? 11 : -1);
      await logs.load();
      check(logs);
      await logs.close(12);
      expect(node.disk.readFile("/data/.kafka_cleanshutdown").toString()).toBe('{"version":0,"brokerEpoch":12}');
      const lines = (name: string) => node.disk.readFile(`/data/${name}`).toString().split("\n").sort();
      if (kind === "clean") {
        for (const name of [
          "recovery-point-offset-checkpoint",
          "replication-offset-checkpoint",
          "log-start-offset-checkpoint",
        ]) {
          expect(lines(name)).toEqual(goldenContent("").get(name)?.toString().split("\n").sort());
        }
      }
      const again = await open();
      expect(again.previousBrokerEpoch).toBe(12);
      await again.load();
      check(again);
      again.abandon();
    });
  });
});
