/** Idempotent producers and transactions on a partition's leader, through a log. */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import {
  append,
  appendMarker,
  appendTransactional,
  batchOf,
  codeOf,
  fileNames,
  openLog,
  producerBatch,
  readBytes,
  reopenAfterClose,
  reopenAfterKill,
  surroundings,
  valuesOf,
} from "./log-fixture.ts";

const OUT_OF_ORDER = ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
const MAX_SEQUENCE = 2 ** 31 - 1;

const sent = (log: SegmentedLog, producerId: number, producerEpoch: number, sequence: number, count = 1) =>
  append(log, producerBatch(producerId, producerEpoch, sequence, count));

describe("idempotence", () => {
  it("R95: the last five batches are known when they come again, with their offsets", async () => {
    const log = await openLog(surroundings());
    for (let i = 0; i < 7; i++) sent(log, 1, 0, i * 2, 2);
    for (let i = 2; i < 7; i++) {
      expect(sent(log, 1, 0, i * 2, 2)).toEqual({
        baseOffset: i * 2,
        lastOffset: i * 2 + 1,
        logAppendTimeMs: 1_700_000_000_000,
        logStartOffset: 0,
        duplicate: true,
      });
    }
    expect(await codeOf(() => sent(log, 1, 0, 2, 2))).toBe(OUT_OF_ORDER);
    expect(log.logEndOffset).toBe(14);
    await log.close();
  });

  it("R96: a gap and a range that overlaps are out of order", async () => {
    const log = await openLog(surroundings());
    sent(log, 1, 0, 0, 3);
    expect(await codeOf(() => sent(log, 1, 0, 4))).toBe(OUT_OF_ORDER);
    expect(await codeOf(() => sent(log, 1, 0, 2, 3))).toBe(OUT_OF_ORDER);
    expect(await codeOf(() => sent(log, 1, 0, 1))).toBe(OUT_OF_ORDER);
    expect(sent(log, 1, 0, 3).baseOffset).toBe(3);
    await log.close();
  });

  it("R97: behind 2^31-1 comes 0, also within a batch", async () => {
    const log = await openLog(surroundings());
    sent(log, 1, 0, MAX_SEQUENCE);
    sent(log, 1, 0, 0);
    expect(sent(log, 1, 0, 0).duplicate).toBe(true);
    sent(log, 2, 0, MAX_SEQUENCE - 1, 4);
    expect(sent(log, 2, 0, MAX_SEQUENCE - 1, 4)).toMatchObject({ duplicate: true, baseOffset: 2 });
    expect(await codeOf(() => sent(log, 2, 0, 1))).toBe(OUT_OF_ORDER);
    expect(sent(log, 2, 0, 2).baseOffset).toBe(6);
    await log.close();
  });

  it("R98: a new leader knows the window of what it followed", async () => {
    const log = await openLog(surroundings());
    for (let i = 0; i < 5; i++) {
      const batch = producerBatch(1, 0, i, 1, { baseOffset: i, partitionLeaderEpoch: 0 });
      log.appendAsFollower(batch, undefined, 0);
    }
    log.startLeaderEpoch(1);
    for (let i = 0; i < 5; i++) expect(sent(log, 1, 0, i)).toMatchObject({ baseOffset: i, duplicate: true });
    await log.close();
  });

  it("R100: a follower takes gaps and unknown producers", async () => {
    const log = await openLog(surroundings());
    for (const [offset, sequence] of [
      [0, 7],
      [1, 20],
      [2, 3],
    ] as const) {
      const batch = producerBatch(1, 0, sequence, 1, { baseOffset: offset, partitionLeaderEpoch: 0 });
      log.appendAsFollower(batch, undefined, 0);
    }
    expect(log.producers()[0]?.lastSequence).toBe(3);
    await log.close();
  });

  it("R102: idle producers are forgotten, never one with an open transaction", async () => {
    const around = surroundings();
    const log = await openLog(around);
    sent(log, 1, 0, 0);
    appendTransactional(log, 2, 0, 0);
    around.clock.advance(86_399_999);
    sent(log, 3, 0, 0);
    log.expireProducers();
    expect(log.producers()).toHaveLength(3);
    around.clock.advance(1);
    log.expireProducers();
    expect(log.producers().map((producer) => producer.producerId)).toEqual([2, 3]);
    // What was forgotten may begin with any sequence.
    expect(sent(log, 1, 0, 77).duplicate).toBe(false);
    await log.close();
  });

  it("R139: a marker keeps its producer known as a record does", async () => {
    const around = surroundings();
    const log = await openLog(around);
    appendTransactional(log, 1, 0, 0);
    around.clock.advance(86_400_000 - 1);
    appendMarker(log, true, 1, 0);
    around.clock.advance(86_400_000 - 1);
    log.expireProducers();
    expect(log.producers().map((producer) => producer.producerId)).toEqual([1]);
    around.clock.advance(1);
    log.expireProducers();
    expect(log.producers()).toEqual([]);
    await log.close();
  });

  it("R103: a flood of producers leaves the busiest", async () => {
    const around = surroundings({ maxProducers: 1000 });
    const log = await openLog(around);
    appendTransactional(log, 5, 0, 0);
    for (let producerId = 10; producerId < 5000; producerId++) {
      around.clock.advance(1);
      sent(log, producerId, 0, 0);
    }
    const known = log.producers().map((producer) => producer.producerId);
    expect(known.length).toBeLessThanOrEqual(1000);
    expect(known).toContain(5);
    expect(known).toContain(4999);
    expect(known).not.toContain(10);
    await log.close();
  });

  it("R104: a lower epoch is refused, a higher one begins with 0", async () => {
    const log = await openLog(surroundings());
    sent(log, 1, 3, 0);
    expect(await codeOf(() => sent(log, 1, 2, 1))).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    expect(await codeOf(() => sent(log, 1, 2, 0))).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    expect(await codeOf(() => sent(log, 1, 4, 1))).toBe(OUT_OF_ORDER);
    expect(sent(log, 1, 4, 0).baseOffset).toBe(1);
    await log.close();
  });

  it("R105: without state any sequence begins; of a transaction with an epoch of its own only 0", async () => {
    const log = await openLog(surroundings());
    expect(sent(log, 1, 5, 42).baseOffset).toBe(0);
    const batch = (sequence: number) => producerBatch(2, 0, sequence, 1, { isTransactional: true });
    const verification = log.startVerification(2, 0, 3, true);
    expect(verification).toBeDefined();
    expect(await codeOf(() => append(log, batch(3), verification ? { verification } : {}))).toBe(OUT_OF_ORDER);
    const first = log.startVerification(2, 0, 0, true);
    expect(append(log, batch(0), first ? { verification: first } : {}).baseOffset).toBe(1);
    await log.close();
  });

  it("B40: a producer id with epoch -1 is taken without checks, sequence without a producer id too", async () => {
    const log = await openLog(surroundings());
    for (const sequence of [0, 0, 9]) append(log, producerBatch(1, -1, sequence));
    append(log, batchOf(["a"], { baseSequence: 5 }));
    append(log, batchOf(["a"], { producerId: -2 }));
    expect(log.logEndOffset).toBeGreaterThanOrEqual(4);
    await log.close();
  });
});

describe("transactions", () => {
  it("the last stable offset waits for the marker, and for its replication", async () => {
    const log = await openLog(surroundings());
    append(log, batchOf(["plain"]));
    appendTransactional(log, 1, 0, 0, 2);
    append(log, batchOf(["plain"]));
    log.setHighWatermark(4);
    expect(log.lastStableOffset).toBe(1);
    expect(appendMarker(log, true, 1, 0).baseOffset).toBe(4);
    log.setHighWatermark(4);
    expect(log.lastStableOffset).toBe(1);
    log.setHighWatermark(5);
    expect(log.lastStableOffset).toBe(5);
    await log.close();
  });

  it("R126: of transactions that interleave, the aborted ones in the range are listed", async () => {
    const log = await openLog(surroundings());
    appendTransactional(log, 1, 0, 0); // 0
    appendTransactional(log, 2, 0, 0); // 1
    appendTransactional(log, 1, 0, 1); // 2
    appendMarker(log, false, 1, 0); // 3
    append(log, batchOf(["plain"])); // 4
    appendTransactional(log, 3, 0, 0); // 5
    appendMarker(log, false, 2, 0); // 6
    appendMarker(log, true, 3, 0); // 7
    log.setHighWatermark(8);
    const abortedFrom = async (offset: number, maxBytes = 1 << 20) => {
      const read = await log.read(offset, { maxBytes, upToOffset: 8, minOneBatch: true, abortedTransactions: true });
      read.release();
      return read.abortedTransactions?.map((aborted) => [aborted.producerId, aborted.firstOffset]);
    };
    expect(await abortedFrom(0)).toEqual([
      [1, 0],
      [2, 1],
    ]);
    expect(await abortedFrom(2)).toEqual([
      [1, 0],
      [2, 1],
    ]);
    expect(await abortedFrom(0, 1)).toEqual([[1, 0]]);
    expect(await abortedFrom(4)).toEqual([[2, 1]]);
    expect(await abortedFrom(7)).toEqual([]);
    await log.close();
  });

  it("a batch of a transaction that nobody asked the coordinator about is refused", async () => {
    const log = await openLog(surroundings());
    const batch = producerBatch(1, 0, 0, 1, { isTransactional: true });
    expect(await codeOf(() => append(log, batch))).toBe(ErrorCode.INVALID_TXN_STATE);
    const verification = log.startVerification(1, 0, 0, false);
    expect(verification).toBeDefined();
    // An end marker in between makes the answer void: the transaction it was for is over.
    appendMarker(log, false, 1, 0);
    expect(await codeOf(() => append(log, batch, verification ? { verification } : {}))).toBe(
      ErrorCode.INVALID_TXN_STATE,
    );
    expect(appendTransactional(log, 1, 0, 0).baseOffset).toBe(1);
    expect(log.startVerification(1, 0, 1, false)).toBeUndefined();
    expect(log.hasOpenTransaction(1, 0)).toBe(true);
    expect(log.hasOpenTransaction(1, 1)).toBe(false);
    await log.close();
  });

  it("the marker of one transaction leaves the question about the next, which has its epoch, as it is", async () => {
    const log = await openLog(surroundings());
    appendTransactional(log, 1, 0, 0);
    const ofNext = log.startVerification(1, 1, 0, true);
    const ofOldClient = log.startVerification(2, 1, 0, false);
    appendMarker(log, true, 1, 1, { transactionVersion: 2 });
    appendMarker(log, true, 2, 1, { transactionVersion: 2 });
    const batch = (producerId: number) => producerBatch(producerId, 1, 0, 1, { isTransactional: true });
    expect(append(log, batch(1), ofNext ? { verification: ofNext } : {}).baseOffset).toBe(3);
    // A client whose transactions share an epoch: the marker is of the one that was asked about.
    expect(await codeOf(() => append(log, batch(2), ofOldClient ? { verification: ofOldClient } : {}))).toBe(
      ErrorCode.INVALID_TXN_STATE,
    );
    await log.close();
  });

  it("the marker of its own transaction makes a question void, be the epoch taken per transaction or not", async () => {
    const log = await openLog(surroundings());
    const verification = log.startVerification(1, 0, 0, true);
    appendMarker(log, false, 1, 1, { transactionVersion: 2 });
    const batch = producerBatch(1, 1, 0, 1, { isTransactional: true });
    expect(await codeOf(() => append(log, batch, verification ? { verification } : {}))).toBe(
      ErrorCode.INVALID_TXN_STATE,
    );
    await log.close();
  });

  it("an old epoch is told before a missing verification", async () => {
    const log = await openLog(surroundings());
    sent(log, 1, 4, 0);
    const old = producerBatch(1, 3, 0, 1, { isTransactional: true });
    expect(await codeOf(() => append(log, old))).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    await log.close();
  });

  it("a higher sequence waits for a lower one that was seen", async () => {
    const log = await openLog(surroundings());
    const verification = log.startVerification(1, 0, 5, false);
    log.startVerification(1, 0, 3, false);
    const options = verification ? { verification } : {};
    const batch = (sequence: number) => producerBatch(1, 0, sequence, 1, { isTransactional: true });
    expect(await codeOf(() => append(log, batch(5), options))).toBe(OUT_OF_ORDER);
    expect(append(log, batch(3), options).baseOffset).toBe(0);
    await log.close();
  });

  it("a plain batch while a transaction is open is refused", async () => {
    const log = await openLog(surroundings());
    appendTransactional(log, 1, 0, 0);
    expect(await codeOf(() => sent(log, 1, 0, 1))).toBe(ErrorCode.INVALID_TXN_STATE);
    await log.close();
  });

  it("R106: a sequence used again after an abort is no duplicate", async () => {
    const log = await openLog(surroundings());
    appendTransactional(log, 1, 0, 0);
    appendMarker(log, false, 1, 1, { transactionVersion: 2 });
    expect(appendTransactional(log, 1, 1, 0)).toMatchObject({ baseOffset: 2, duplicate: false });
    await log.close();
  });

  it("R109: under transaction.version 2 a marker of an old epoch is refused, R119: the same one again is taken", async () => {
    const log = await openLog(surroundings());
    const v2 = { transactionVersion: 2 };
    appendTransactional(log, 1, 0, 0);
    expect(await codeOf(() => appendMarker(log, true, 1, 0, v2))).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    appendMarker(log, true, 1, 1, v2);
    appendMarker(log, true, 1, 1, v2);
    appendTransactional(log, 1, 1, 0);
    expect(await codeOf(() => appendMarker(log, true, 1, 1, v2))).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    expect(await codeOf(() => appendMarker(log, true, 1, 0))).toBe(ErrorCode.INVALID_PRODUCER_EPOCH);
    await log.close();
  });

  it("R121: a marker of a deposed coordinator is fenced", async () => {
    const log = await openLog(surroundings());
    appendTransactional(log, 1, 0, 0);
    appendMarker(log, true, 1, 0, { coordinatorEpoch: 5 });
    const zombie = () => appendMarker(log, false, 1, 0, { coordinatorEpoch: 4 });
    expect(await codeOf(zombie)).toBe(ErrorCode.TRANSACTION_COORDINATOR_FENCED);
    appendMarker(log, true, 1, 0, { coordinatorEpoch: 5 });
    await log.close();
  });

  it("R113: a marker without data before it holds nothing back", async () => {
    const around = surroundings();
    const log = await openLog(around);
    appendMarker(log, true, 9, 0);
    log.setHighWatermark(1);
    expect(log.lastStableOffset).toBe(1);
    expect(fileNames(around)).not.toContain("00000000000000000000.txnindex");
    await log.close();
  });

  it("open transactions and aborted ones survive a restart and a crash", async () => {
    for (const stop of [reopenAfterClose, reopenAfterKill]) {
      const around = surroundings();
      const log = await openLog(around, { config: { segmentBytes: 300 } });
      appendTransactional(log, 1, 0, 0, 2); // 0, 1
      appendTransactional(log, 2, 0, 0); // 2
      appendMarker(log, false, 1, 0); // 3
      appendTransactional(log, 1, 0, 2); // 4
      appendMarker(log, true, 1, 0); // 5
      const again = await stop(around, log);
      expect(again.hasOpenTransaction(2, 0)).toBe(true);
      expect(again.lastStableOffset).toBe(2);
      const read = await again.read(0, { maxBytes: 1, upToOffset: 6, minOneBatch: true, abortedTransactions: true });
      expect(read.abortedTransactions).toEqual([{ producerId: 1, firstOffset: 0 }]);
      read.release();
      appendMarker(again, false, 2, 0);
      again.setHighWatermark(7);
      expect(again.lastStableOffset).toBe(7);
      await again.close();
    }
  });

  it("R26: a cut inside a transaction opens it again, and the last stable offset with it", async () => {
    const around = surroundings();
    const log = await openLog(around, { config: { segmentBytes: 300 } });
    append(log, batchOf(["plain"])); // 0
    appendTransactional(log, 1, 0, 0, 2); // 1, 2
    appendTransactional(log, 2, 0, 0); // 3
    appendMarker(log, false, 1, 0); // 4
    appendMarker(log, true, 2, 0); // 5
    log.setHighWatermark(6);
    expect(log.lastStableOffset).toBe(6);
    log.truncateTo(4);
    expect([log.lastStableOffset, log.highWatermark, log.logEndOffset]).toEqual([1, 4, 4]);
    expect([log.hasOpenTransaction(1, 0), log.hasOpenTransaction(2, 0)]).toEqual([true, true]);
    const read = await log.read(0, { maxBytes: 1 << 20, upToOffset: 4, minOneBatch: true, abortedTransactions: true });
    expect(read.abortedTransactions).toEqual([]);
    read.release();
    log.truncateTo(3);
    expect(log.hasOpenTransaction(2, 0)).toBe(false);
    expect(appendTransactional(log, 1, 0, 2).baseOffset).toBe(3);
    expect(await valuesOf(log)).toHaveLength(4);
    await log.close();
  });

  it("R89: trimming past an open transaction leaves the last stable offset at the log start", async () => {
    const log = await openLog(surroundings());
    appendTransactional(log, 1, 0, 0, 2);
    append(log, batchOf(["plain"]));
    log.setHighWatermark(3);
    log.raiseLogStartOffset(2);
    expect([log.logStartOffset, log.lastStableOffset]).toEqual([2, 2]);
    log.raiseLogStartOffset(99);
    expect(log.logStartOffset).toBe(3);
    expect((await readBytes(log, 3)).length).toBe(0);
    await log.close();
  });
});
