import { describe, expect, test } from "vitest";
import { AcknowledgeType } from "../../../broker/share-partitions/acknowledgement.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { fetched, HeldRecords } from "./held-records.ts";

const { ACCEPT, RELEASE, REJECT, RENEW } = AcknowledgeType;
const [AVAILABLE, ACKNOWLEDGED, ARCHIVED] = [0, 2, 4];

describe("acquiring and acknowledging", () => {
  test("the start follows what is done with, and batches stay until all of them is", () => {
    const share = new HeldRecords();
    expect(share.acquire("a", fetched([0, 4], [5, 9]), { batchSize: 5 })).toEqual([
      [0, 4, 1],
      [5, 9, 1],
    ]);
    expect(share.acknowledge("a", 5, 9, ACCEPT)).toBe(0);
    expect(share.text).toBe("0:qqqqqkkkkk");
    expect(share.acknowledge("a", 0, 2, ACCEPT, REJECT, RELEASE)).toBe(0);
    expect(share.text).toBe("2:vqqkkkkk");
    expect(share.held.doneCount).toBe(5);
    expect(share.held.nextFetchOffset).toBe(2);
    expect(share.acquire("b", fetched([0, 4]))).toEqual([[2, 2, 2]]);
    expect(share.acknowledge("b", 2, 2, ACCEPT)).toBe(0);
    expect(share.acknowledge("a", 3, 4, ACCEPT)).toBe(0);
    expect(share.text).toBe("10:");
    expect(share.held.nextFetchOffset).toBe(10);
  });

  test("R183: no more is under way than may be, but what was given back is given again", () => {
    const share = new HeldRecords();
    share.maxRecordLocks = 10;
    expect(share.acquire("a", fetched([0, 5], [6, 11], [12, 17]))).toEqual([[0, 11, 1]]);
    expect(share.held.hasRoom(10)).toBe(false);
    expect(share.acquire("b", fetched([12, 17]))).toEqual([]);
    expect(share.acknowledge("a", 8, 8, RELEASE)).toBe(0);
    expect(share.held.hasRoom(10)).toBe(true);
    expect(share.acquire("b", fetched([6, 11], [12, 17]))).toEqual([[8, 8, 2]]);
  });

  test("R193: what is being stored is nobody's to acquire or acknowledge; rolled back it is as before", () => {
    const share = new HeldRecords();
    share.acquire("a", fetched([0, 9]));
    const begun = share.begin("a", { firstOffset: 0, lastOffset: 9, acknowledgeTypes: [RELEASE] });
    if (typeof begun === "number") throw new Error("refused");
    expect(share.acquire("b", fetched([0, 9]), { fetchOffset: 0 })).toEqual([]);
    expect(share.acknowledge("a", 0, 9, ACCEPT)).toBe(ErrorCode.INVALID_RECORD_STATE);
    expect(share.pass(1000)).toEqual([]); // its lock ends meanwhile
    share.nowMs = 50;
    share.rollBack(begun);
    expect(share.text).toBe("0:qqqqqqqqqq");
    expect(share.acknowledge("a", 0, 9, ACCEPT)).toBe(0);
  });

  test("R193: what is rolled back after the lock has ended is available", () => {
    const share = new HeldRecords();
    share.acquire("a", fetched([0, 1]));
    const begun = share.begin("a", { firstOffset: 0, lastOffset: 1, acknowledgeTypes: [ACCEPT, REJECT] });
    if (typeof begun === "number") throw new Error("refused");
    share.nowMs = 100;
    share.rollBack(begun);
    expect(share.text).toBe("0:vv");
    expect(share.acquire("b", fetched([0, 1]))).toEqual([[0, 1, 2]]);
  });

  test("R191, R188: a lock that ends gives its records back; a renewed one ends later", () => {
    const share = new HeldRecords();
    share.acquire("a", fetched([0, 3]));
    share.nowMs = 60;
    expect(share.acknowledge("a", 0, 1, RENEW)).toBe(0);
    expect(share.pass(40)).toEqual([
      { firstOffset: 2, lastOffset: 2, deliveryState: AVAILABLE, deliveryCount: 1 },
      { firstOffset: 3, lastOffset: 3, deliveryState: AVAILABLE, deliveryCount: 1 },
    ]);
    expect(share.acknowledge("a", 2, 3, ACCEPT)).toBe(ErrorCode.INVALID_RECORD_STATE);
    expect(share.acknowledge("a", 0, 1, ACCEPT)).toBe(0);
    expect(share.text).toBe("2:vv");
  });

  test("R188: many words about the end of a large batch do not go through all of it each", () => {
    const share = new HeldRecords();
    share.acquire("a", fetched([0, 99_999]));
    const words = Array.from({ length: 100_000 }, () => ({
      ...{ firstOffset: 99_999, lastOffset: 99_999, acknowledgeTypes: [RENEW] },
    }));
    const startedMs = performance.now();
    expect(share.begin("a", ...words)).toEqual([]);
    expect(performance.now() - startedMs).toBeLessThan(15_000);
  });

  test("R188: where renewal is switched off it is refused", () => {
    const share = new HeldRecords();
    share.mayRenew = false;
    share.acquire("a", fetched([0, 3]));
    expect(share.acknowledge("a", 0, 3, ACCEPT, RENEW, ACCEPT, ACCEPT)).toBe(ErrorCode.INVALID_RECORD_STATE);
    expect(share.text).toBe("0:qqqq");
  });

  test("R185: locks that end count as deliveries; at the limit the record is dead", () => {
    const share = new HeldRecords();
    share.maxDeliveryCount = 2;
    share.acquire("a", fetched([0, 0]));
    share.pass(100);
    expect(share.acquire("a", fetched([0, 0]))).toEqual([[0, 0, 2]]);
    expect(share.pass(100)).toEqual([{ firstOffset: 0, lastOffset: 0, deliveryState: ARCHIVED, deliveryCount: 2 }]);
    expect(share.text).toBe("1:");
  });

  test("R186: what a member holds is given back when it leaves, and no more than that", () => {
    const share = new HeldRecords();
    share.acquire("a", fetched([0, 3]), { isExact: true, maxRecords: 2 });
    share.acquire("b", fetched([0, 3]));
    const begun = share.release("b");
    expect(begun.map(({ stored }) => stored)).toEqual([
      { firstOffset: 2, lastOffset: 2, deliveryState: AVAILABLE, deliveryCount: 1 },
      { firstOffset: 3, lastOffset: 3, deliveryState: AVAILABLE, deliveryCount: 1 },
    ]);
    share.commit(begun);
    expect(share.text).toBe("0:qqvv");
  });
});

describe("R192: a new leader", () => {
  test("reads the holes that the state has before what lies behind it", () => {
    const share = new HeldRecords(10, [
      { firstOffset: 15, lastOffset: 19, deliveryState: ACKNOWLEDGED, deliveryCount: 1 },
      { firstOffset: 25, lastOffset: 29, deliveryState: AVAILABLE, deliveryCount: 2 },
    ]);
    expect(share.text).toBe("10:.....kkkkk.....vvvvv");
    expect(share.held.nextFetchOffset).toBe(10);
    expect(share.acquire("a", fetched([8, 12], [13, 22]), { maxRecords: 3 })).toEqual([[10, 12, 1]]);
    expect(share.held.nextFetchOffset).toBe(13);
    expect(share.acquire("a", fetched([13, 22], [23, 35]))).toEqual([
      [13, 14, 1],
      [20, 24, 1],
      [25, 29, 3],
      [30, 35, 1],
    ]);
    expect(share.acknowledge("a", 10, 14, ACCEPT)).toBe(0);
    expect(share.text).toBe(`20:${"q".repeat(16)}`);
    expect(share.acknowledge("a", 20, 35, ACCEPT)).toBe(0);
    expect(share.text).toBe("36:");
  });

  test("gives nothing again that lies between two holes and is done with", () => {
    const share = new HeldRecords(0, [
      { firstOffset: 1, lastOffset: 1, deliveryState: ACKNOWLEDGED, deliveryCount: 2 },
      { firstOffset: 3, lastOffset: 3, deliveryState: ACKNOWLEDGED, deliveryCount: 1 },
    ]);
    expect(share.acquire("a", fetched([0, 0]))).toEqual([[0, 0, 1]]);
    expect(share.acknowledge("a", 0, 0, ACCEPT)).toBe(0);
    expect(share.text).toBe("2:.k");
    expect(share.held.nextFetchOffset).toBe(2);
    expect(share.acquire("a", fetched([1, 3]))).toEqual([[2, 2, 1]]);
    expect(share.acknowledge("a", 2, 2, ACCEPT)).toBe(0);
    expect(share.text).toBe("4:");
  });

  test("begins behind all that is done with once the last hole is filled", () => {
    const share = new HeldRecords(0, [
      { firstOffset: 1, lastOffset: 2, deliveryState: ACKNOWLEDGED, deliveryCount: 1 },
      { firstOffset: 3, lastOffset: 3, deliveryState: ACKNOWLEDGED, deliveryCount: 2 },
    ]);
    expect(share.acquire("a", fetched([0, 0]))).toEqual([[0, 0, 1]]);
    expect(share.acknowledge("a", 0, 0, ACCEPT)).toBe(0);
    expect(share.text).toBe("4:");
  });

  test("passes over a hole that the log has no records for", () => {
    const share = new HeldRecords(0, [
      { firstOffset: 5, lastOffset: 9, deliveryState: ACKNOWLEDGED, deliveryCount: 1 },
    ]);
    // Compaction has taken 0 to 4, and what was acknowledged is still there.
    expect(share.acquire("a", fetched([5, 9], [10, 14]))).toEqual([[10, 14, 1]]);
    expect(share.acknowledge("a", 10, 14, ACCEPT)).toBe(0);
    expect(share.text).toBe("15:");
  });

  test("passes over such a hole also where all that was read behind it is done with", () => {
    const share = new HeldRecords(0, [
      { firstOffset: 5, lastOffset: 9, deliveryState: ACKNOWLEDGED, deliveryCount: 1 },
      { firstOffset: 12, lastOffset: 14, deliveryState: ACKNOWLEDGED, deliveryCount: 1 },
    ]);
    expect(share.acquire("a", fetched([5, 9]))).toEqual([]);
    expect(share.held.nextFetchOffset).toBe(10);
    expect(share.acquire("a", fetched([12, 14]))).toEqual([]);
    expect(share.held.nextFetchOffset).toBe(15);
  });

  test("takes more records as one, or more deliveries, than there can be for none", () => {
    const share = new HeldRecords(0, [
      { firstOffset: 0, lastOffset: Number.MAX_SAFE_INTEGER - 1, deliveryState: AVAILABLE, deliveryCount: 1 },
    ]);
    expect(share.acquire("a", fetched([0, 4]))).toEqual([[0, 4, 1]]);
    const often = new HeldRecords(0, [
      { firstOffset: 0, lastOffset: 0, deliveryState: AVAILABLE, deliveryCount: 0x7fff },
    ]);
    expect(often.acquire("a", fetched([0, 0]))).toEqual([[0, 0, 0x7fff]]);
  });
});

describe("R194: records that are gone", () => {
  test("available ones that a read passes over are archived", () => {
    const share = new HeldRecords();
    share.acquire("a", fetched([0, 4], [5, 9]), { batchSize: 5 });
    share.acknowledge("a", 0, 4, RELEASE);
    share.acknowledge("a", 5, 9, ACCEPT);
    expect(share.acquire("a", fetched([10, 12]), { fetchOffset: 0 })).toEqual([[10, 12, 1]]);
    share.held.moveStart();
    expect(share.text).toBe("10:qqq");
  });

  test("the start of the log moves past what is available, and into what is acquired", () => {
    const share = new HeldRecords();
    share.acquire("a", fetched([0, 4], [5, 9], [10, 14]), { batchSize: 5 });
    share.acknowledge("a", 0, 4, RELEASE);
    share.held.raiseStart(7);
    expect(share.text).toBe(`7:${"q".repeat(8)}`);
    expect(share.acknowledge("a", 0, 9, ACCEPT)).toBe(0);
    expect(share.acknowledge("a", 10, 14, ACCEPT)).toBe(0);
    // Two records before the start are still acquired.
    expect(share.pass(100).map(({ deliveryState }) => deliveryState)).toEqual([ARCHIVED, ARCHIVED]);
    expect(share.text).toBe("15:");
    expect(share.held.nextFetchOffset).toBe(15);
  });

  test("the start of the log moves past everything", () => {
    const share = new HeldRecords();
    share.acquire("a", fetched([0, 4]));
    share.held.raiseStart(20);
    expect(share.held.nextFetchOffset).toBe(20);
    expect(share.acquire("b", fetched([20, 24]))).toEqual([[20, 24, 1]]);
    expect(share.acknowledge("b", 20, 24, ACCEPT)).toBe(0);
    share.pass(100);
    expect(share.text).toBe("25:");
  });
});
