/** What a log knows of producers after a restart, a truncation, and when their records are gone. */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import {
  append,
  batchOf,
  codeOf,
  type Fixture,
  fileNames,
  openLog,
  producerBatch,
  reopenAfterClose,
  reopenAfterKill,
  surroundings,
} from "./log-fixture.ts";

const OUT_OF_ORDER = ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;

const sent = (log: SegmentedLog, producerId: number, producerEpoch: number, sequence: number, count = 1) =>
  append(log, producerBatch(producerId, producerEpoch, sequence, count));

describe("the window in which a retry is known", () => {
  it("R99: known after a restart: from the snapshot, without it, and with one that is damaged", async () => {
    const snapshot = "/data/topic-0/00000000000000000006.snapshot";
    const damages: [string, (around: Fixture) => void][] = [
      ["as it is", () => {}],
      ["removed", (around) => around.disk.remove(snapshot)],
      ["empty", (around) => around.disk.writeFile(snapshot, "")],
      ["cut", (around) => around.disk.writeFile(snapshot, around.disk.readFile(snapshot).subarray(0, 20))],
      [
        "flipped",
        (around) => {
          const bytes = around.disk.readFile(snapshot);
          bytes[30] = (bytes[30] as number) ^ 1;
          around.disk.writeFile(snapshot, bytes);
        },
      ],
    ];
    for (const [name, damage] of damages) {
      const around = surroundings();
      const log = await openLog(around, { config: { segmentBytes: 400 } });
      for (let i = 0; i < 6; i++) sent(log, 1, 0, i);
      await log.close();
      expect(fileNames(around)).toContain("00000000000000000006.snapshot");
      damage(around);
      const again = await openLog(around);
      expect(sent(again, 1, 0, 5), name).toMatchObject({ baseOffset: 5, duplicate: true });
      expect(await codeOf(() => sent(again, 1, 0, 7)), name).toBe(OUT_OF_ORDER);
      expect(sent(again, 1, 0, 6).baseOffset, name).toBe(6);
      await again.close();
    }
  });

  it("R99: after a crash the whole window comes back from the log", async () => {
    const around = surroundings();
    const log = await openLog(around);
    for (let i = 0; i < 8; i++) sent(log, 1, 0, i);
    const again = await reopenAfterKill(around, log);
    for (let i = 3; i < 8; i++) expect(sent(again, 1, 0, i)).toMatchObject({ baseOffset: i, duplicate: true });
    await again.close();
  });

  it("R99: so it does after an orderly stop and after a cut, though a snapshot has the last batch only", async () => {
    const around = surroundings();
    const config = { segmentBytes: 700, indexIntervalBytes: 100 };
    const log = await openLog(around, { config });
    for (let i = 0; i < 20; i++) {
      sent(log, 1, 0, i);
      sent(log, 2, 0, 2 * i, 2);
    }
    const again = await reopenAfterClose(around, log, { config });
    for (let i = 15; i < 20; i++) {
      expect(sent(again, 1, 0, i)).toMatchObject({ baseOffset: 3 * i, duplicate: true });
      expect(sent(again, 2, 0, 2 * i, 2)).toMatchObject({ baseOffset: 3 * i + 1, duplicate: true });
    }
    expect(await codeOf(() => sent(again, 1, 0, 14))).toBe(OUT_OF_ORDER);
    again.truncateTo(48);
    for (let i = 11; i < 16; i++) expect(sent(again, 1, 0, i)).toMatchObject({ baseOffset: 3 * i, duplicate: true });
    expect(await codeOf(() => sent(again, 1, 0, 17))).toBe(OUT_OF_ORDER);
    expect(sent(again, 1, 0, 16).baseOffset).toBe(48);
    await again.close();
  });

  it("R99: nor is the window lost over many short segments", async () => {
    const around = surroundings();
    const config = { segmentBytes: 160 };
    const log = await openLog(around, { config });
    for (let i = 0; i < 8; i++) sent(log, 1, 0, i);
    expect(log.segments.length).toBeGreaterThan(6);
    const again = await reopenAfterClose(around, log, { config });
    for (let i = 3; i < 8; i++) expect(sent(again, 1, 0, i)).toMatchObject({ baseOffset: i, duplicate: true });
    await again.close();
  });

  it("R99: nor behind much that others wrote since", async () => {
    const around = surroundings();
    const config = { segmentBytes: 40_000, indexIntervalBytes: 400 };
    const log = await openLog(around, { config });
    for (let i = 0; i < 7; i++) sent(log, 1, 0, 2 * i, 2);
    for (let i = 0; i < 1500; i++) append(log, batchOf(["filler"]));
    sent(log, 1, 0, 14);
    for (let i = 0; i < 1500; i++) append(log, batchOf(["filler"]));
    const again = await reopenAfterClose(around, log, { config });
    for (let i = 3; i < 7; i++)
      expect(sent(again, 1, 0, 2 * i, 2)).toMatchObject({ baseOffset: 2 * i, duplicate: true });
    expect(sent(again, 1, 0, 14)).toMatchObject({ baseOffset: 1514, duplicate: true });
    expect(await codeOf(() => sent(again, 1, 0, 4, 2))).toBe(OUT_OF_ORDER);
    expect(sent(again, 1, 0, 15)).toMatchObject({ duplicate: false });
    await again.close();
  });

  it("R99: no retry has a whole segment walked that has no index", async () => {
    const around = surroundings();
    const config = { indexIntervalBytes: 100_000_000 };
    const large = "f".repeat(450_000);
    const log = await openLog(around, { config });
    for (let i = 0; i < 3; i++) sent(log, 1, 0, i);
    for (let i = 0; i < 5000; i++) append(log, batchOf(["filler"]));
    for (let i = 0; i < 40; i++) append(log, batchOf([large]));
    sent(log, 1, 0, 3);
    const again = await reopenAfterClose(around, log, { config });
    expect(await codeOf(() => sent(again, 1, 0, 2))).toBe(OUT_OF_ORDER);
    expect(sent(again, 1, 0, 3)).toMatchObject({ duplicate: true });
    expect(sent(again, 1, 0, 4)).toMatchObject({ duplicate: false });
    await again.close();
  });

  it("R101: a producer is known when its segments are gone", async () => {
    const around = surroundings();
    const log = await openLog(around, { config: { segmentBytes: 200, retentionBytes: 0 } });
    sent(log, 1, 0, 0);
    for (let i = 0; i < 4; i++) append(log, batchOf(["filler", "filler"]));
    log.setHighWatermark(log.logEndOffset);
    expect(log.deleteOldSegments(around.clock.wallMs())).toBeGreaterThan(2);
    expect(log.logStartOffset).toBeGreaterThan(1);
    expect(sent(log, 1, 0, 0)).toMatchObject({ duplicate: true, baseOffset: 0 });
    const again = await reopenAfterClose(around, log);
    expect(await codeOf(() => sent(again, 1, 0, 5))).toBe(OUT_OF_ORDER);
    await again.close();
  });

  it("R101: so it is after an orderly stop when all records of its only segment were deleted", async () => {
    const around = surroundings();
    const log = await openLog(around);
    sent(log, 1, 0, 0, 3);
    log.setHighWatermark(3);
    log.raiseLogStartOffset(3);
    const again = await reopenAfterClose(around, log, { logStartOffset: 3 });
    expect(await codeOf(() => sent(again, 1, 0, 5))).toBe(OUT_OF_ORDER);
    expect(sent(again, 1, 0, 0, 3)).toMatchObject({ duplicate: true });
    await again.close();
  });
});
