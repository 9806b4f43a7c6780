import { describe, expect, test } from "vitest";
import type { LogConfig } from "../../storage/log-config.ts";
import { append } from "./log/cleanable-log.ts";
import { ID, onNode, put } from "./node-logs.ts";

describe("from time to time", () => {
  test("retention drops what is old, of logs that are not compacted and of those that are", () =>
    onNode(async (bench) => {
      const config: Partial<LogConfig> = { retentionMs: 3_600_000, fileDeleteDelayMs: 1000 };
      bench.configs
        .set("plain", config)
        .set("both", { ...config, cleanupCompact: true })
        .set("compacted", { ...config, cleanupCompact: true, cleanupDelete: false });
      const logs = await bench.open();
      const held = ["plain", "both", "compacted"].map((topic) => logs.obtain(topic, 0, ID));
      for (const log of held) {
        append(log, [{ key: "k", value: "old", timestamp: bench.node.clock.wallMs() }]);
        log.roll();
        append(log, [{ key: "k2", value: "new", timestamp: bench.node.clock.wallMs() + 3_000_000 }]);
      }
      await bench.wait(3_500_000);
      expect(held.map(({ logStartOffset }) => logStartOffset)).toEqual([0, 0, 0]);
      await bench.wait(800_000);
      expect(held.map(({ logStartOffset }) => logStartOffset)).toEqual([1, 1, 0]);
      expect(bench.node.disk.exists("/d1/plain-0/00000000000000000000.log")).toBe(false);
      logs.abandon();
    }));

  test("R163: a config that changes acts on the logs there are", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      const log = logs.obtain("t", 0, ID);
      append(log, [{ value: "old", timestamp: bench.node.clock.wallMs() }]);
      log.roll();
      append(log, [{ value: "new", timestamp: bench.node.clock.wallMs() }]);
      await bench.wait(600_000);
      expect(log.logStartOffset).toBe(0);
      bench.configs.set("t", { retentionMs: 1000 });
      logs.updateConfigs("t");
      await bench.wait(301_000);
      expect(log.logStartOffset).toBe(2);
      logs.abandon();
    }));

  test("R92: a wall clock that jumps does not move flushes and checkpoints", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      const log = logs.obtain("t", 0, ID);
      put(log, "a");
      bench.node.clock.jumpWall(-3_600_000);
      await bench.wait(1500);
      expect(log.recoveryPoint).toBe(1);
      bench.node.clock.jumpWall(365 * 86_400_000);
      put(log, "b");
      await bench.wait(1500);
      expect(log.recoveryPoint).toBe(2);
      logs.abandon();
    }));

  test("flush.ms brings a log to the device before the second is over that others wait", () =>
    onNode(async (bench) => {
      bench.configs.set("hasty", { flushMs: 20 });
      const logs = await bench.open();
      const hasty = logs.obtain("hasty", 0, ID);
      const other = logs.obtain("t", 0, ID);
      put(other, "a");
      await bench.wait(30);
      put(hasty, "a");
      await bench.wait(40);
      put(hasty, "b");
      expect([hasty.recoveryPoint, other.recoveryPoint]).toEqual([1, 0]);
      await bench.wait(40);
      expect([hasty.recoveryPoint, other.recoveryPoint]).toEqual([2, 0]);
      await bench.wait(1500);
      expect(other.recoveryPoint).toBe(1);
      logs.abandon();
    }));

  test("R102: producers expire when they are idle, never with an open transaction", () =>
    onNode(async (bench) => {
      const logs = await bench.open();
      const log = logs.obtain("t", 0, ID);
      append(log, [{ value: "a" }], { producerId: 1, producerEpoch: 0, baseSequence: 0 });
      append(log, [{ value: "b" }], { producerId: 2, producerEpoch: 0, baseSequence: 0, isTransactional: true });
      await bench.wait(86_000_000);
      expect(log.producers().map(({ producerId }) => producerId)).toEqual([1, 2]);
      await bench.wait(1_500_000);
      expect(log.producers().map(({ producerId }) => producerId)).toEqual([2]);
      logs.abandon();
    }));
});
