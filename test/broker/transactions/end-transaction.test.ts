/** What EndTxn means in each state, for clients of both kinds (KIP-98, KIP-890). */
import { describe, expect, it } from "vitest";
import { NO_PARTITIONS, topicPartitions } from "../../../broker/transactions/topic-partitions.ts";
import { newTransaction, type Transaction } from "../../../broker/transactions/transaction.ts";
import { TransactionState } from "../../../broker/transactions/transaction-state.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { TransactionWorld } from "./transaction-world.ts";

const { EMPTY, ONGOING, PREPARE_COMMIT, PREPARE_ABORT, COMPLETE_COMMIT, COMPLETE_ABORT } = TransactionState;
const { NONE, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE, PRODUCER_FENCED } = ErrorCode;
const PRODUCER_ID = 7;
const EPOCH = 5;

function transaction(state: TransactionState, change: Partial<Transaction> = {}): Transaction {
  const open = state === ONGOING || state === PREPARE_COMMIT || state === PREPARE_ABORT;
  const now = { wallMs: 1_700_000_000_000, monotonicMs: 0 };
  return {
    ...newTransaction("x", PRODUCER_ID, 60_000, now),
    ...{ producerEpoch: EPOCH, state, clientTransactionVersion: 2, startTimestampMs: now.wallMs },
    partitions: open ? topicPartitions([["t", [0, 1]]]) : NO_PARTITIONS,
    ...change,
  };
}

/** A coordinator that finds this in its log; what is prepared stays so. */
async function worldOf(state: TransactionState, change: Partial<Transaction> = {}): Promise<TransactionWorld> {
  const world = new TransactionWorld();
  world.markersAtOnce = false;
  world.write(transaction(state, change));
  await world.lead();
  return world;
}

const BUMPED = { errorCode: NONE, producerId: PRODUCER_ID, producerEpoch: EPOCH + 1 };
const SAME = { errorCode: NONE, producerId: PRODUCER_ID, producerEpoch: EPOCH };
const refused = (errorCode: ErrorCode) => ({ errorCode, producerId: -1, producerEpoch: -1 });

describe("R112: EndTxn v5 by state and by whether the epoch is the present one or the one before", () => {
  const rows: [string, TransactionState, object, object, object, object][] = [
    // name, state, abort retried, abort, commit retried, commit
    ["Empty", EMPTY, refused(PRODUCER_FENCED), BUMPED, refused(PRODUCER_FENCED), refused(INVALID_TXN_STATE)],
    ["CompleteAbort", COMPLETE_ABORT, SAME, BUMPED, refused(INVALID_TXN_STATE), refused(INVALID_TXN_STATE)],
    ["CompleteCommit", COMPLETE_COMMIT, refused(INVALID_TXN_STATE), BUMPED, SAME, refused(INVALID_TXN_STATE)],
    [
      "PrepareCommit",
      PREPARE_COMMIT,
      refused(INVALID_TXN_STATE),
      refused(PRODUCER_FENCED),
      refused(CONCURRENT_TRANSACTIONS),
      refused(PRODUCER_FENCED),
    ],
    [
      "PrepareAbort",
      PREPARE_ABORT,
      refused(CONCURRENT_TRANSACTIONS),
      refused(PRODUCER_FENCED),
      refused(INVALID_TXN_STATE),
      refused(PRODUCER_FENCED),
    ],
    ["Ongoing", ONGOING, refused(PRODUCER_FENCED), BUMPED, refused(PRODUCER_FENCED), BUMPED],
  ];
  it.each(rows)("%s", async (_, state, ...answers) => {
    const asked = [
      { committed: false, producerEpoch: EPOCH - 1 },
      { committed: false, producerEpoch: EPOCH },
      { committed: true, producerEpoch: EPOCH - 1 },
      { committed: true, producerEpoch: EPOCH },
    ];
    for (const [i, order] of asked.entries()) {
      const world = await worldOf(state);
      expect([order, world.end({ producerId: PRODUCER_ID, ...order })]).toEqual([order, answers[i]]);
    }
  });
});

describe("R112: EndTxn v4 by state", () => {
  it.each([
    ["Empty", EMPTY, INVALID_TXN_STATE, INVALID_TXN_STATE],
    ["Ongoing", ONGOING, NONE, NONE],
    ["PrepareCommit", PREPARE_COMMIT, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE],
    ["PrepareAbort", PREPARE_ABORT, INVALID_TXN_STATE, CONCURRENT_TRANSACTIONS],
    ["CompleteCommit", COMPLETE_COMMIT, NONE, INVALID_TXN_STATE],
    ["CompleteAbort", COMPLETE_ABORT, INVALID_TXN_STATE, NONE],
  ] as const)("%s", async (_, state, ofCommit, ofAbort) => {
    for (const [committed, code] of [
      [true, ofCommit],
      [false, ofAbort],
    ] as const) {
      const world = await worldOf(state, { clientTransactionVersion: 0 });
      const answer = world.end({ committed, producerId: PRODUCER_ID, producerEpoch: EPOCH, version: 0 });
      expect([committed, answer]).toEqual([committed, { errorCode: code, producerId: -1, producerEpoch: -1 }]);
    }
  });
});

describe("R114: while a transaction is being ended", () => {
  it("nothing new begins, whoever asks", async () => {
    const world = await TransactionWorld.start();
    world.markersAtOnce = false;
    const producer = world.init();
    if (producer === undefined) throw new Error("no answer");
    expect(world.add(producer, [0, 1])).toBe(NONE);
    const next = world.end({ ...producer, committed: true });
    expect([next?.errorCode, world.state()]).toEqual([NONE, "PrepareCommit"]);
    if (next === undefined) throw new Error("no answer");
    expect(world.add(next)).toBe(CONCURRENT_TRANSACTIONS);
    expect(world.init()?.errorCode).toBe(CONCURRENT_TRANSACTIONS);
    expect(world.init({ producer: next })?.errorCode).toBe(CONCURRENT_TRANSACTIONS);
    expect(world.state()).toBe("PrepareCommit");
    for (const sent of world.sent) sent.answer();
    expect(world.state()).toBe("CompleteCommit");
    expect(world.add(next)).toBe(NONE);
  });

  it("the answer leaves when the prepare record is committed, and the markers not before", async () => {
    const world = await TransactionWorld.start();
    const producer = world.init();
    if (producer === undefined) throw new Error("no answer");
    world.add(producer);
    world.log.autoCommit = false;
    expect(world.end({ ...producer, committed: true })).toBeUndefined();
    expect(world.sent).toEqual([]);
    expect(world.end({ ...producer, committed: true })?.errorCode).toBe(CONCURRENT_TRANSACTIONS);
    world.log.commit();
    expect(world.sent.map(({ end }) => end)).toEqual([
      {
        ...{ producerId: producer.producerId, producerEpoch: producer.producerEpoch + 1, committed: true },
        ...{ coordinatorEpoch: 1, transactionVersion: 2 },
      },
    ]);
  });
});

describe("R116: the epochs of a producer id run out", () => {
  const LAST = 0x7ffe;

  it("with the end of a transaction another id takes over, and says so again when asked again", async () => {
    const world = await worldOf(ONGOING, { producerEpoch: LAST });
    const order = { producerId: PRODUCER_ID, producerEpoch: LAST, committed: true };
    const next = { errorCode: NONE, producerId: 1000, producerEpoch: 0 };
    expect(world.end(order)).toEqual(next);
    expect(world.known()).toMatchObject({ producerId: PRODUCER_ID, producerEpoch: LAST + 1, nextProducerId: 1000 });
    expect(world.sent.map(({ end }) => [end.producerId, end.producerEpoch])).toEqual([[PRODUCER_ID, LAST + 1]]);
    // The coordinator moves before the markers are written: the next id is in the log.
    await world.failOver();
    for (const sent of world.sent.slice(1)) sent.answer();
    expect(world.known()).toMatchObject({ producerId: 1000, producerEpoch: 0, state: COMPLETE_COMMIT });
    expect(world.end(order)).toEqual(next);
    expect(world.end({ ...order, committed: false })?.errorCode).toBe(INVALID_TXN_STATE);
    expect(world.add(next)).toBe(NONE);
  });

  it("InitProducerId gives another id, to one that goes on and to one that starts, and again when asked again", async () => {
    for (const producer of [undefined, { producerId: PRODUCER_ID, producerEpoch: LAST }]) {
      const world = await worldOf(COMPLETE_COMMIT, { producerEpoch: LAST });
      expect(world.init({ producer })).toEqual({ errorCode: NONE, producerId: 1000, producerEpoch: 0 });
      if (producer !== undefined) {
        expect(world.init({ producer })).toEqual({ errorCode: NONE, producerId: 1000, producerEpoch: 0 });
      }
      expect(world.end({ producerId: PRODUCER_ID, producerEpoch: LAST, committed: true })?.errorCode).not.toBe(NONE);
    }
  });

  it("without another id to be had nothing happens", async () => {
    const world = await worldOf(ONGOING, { producerEpoch: LAST });
    world.nextProducerId = undefined;
    expect(world.end({ producerId: PRODUCER_ID, producerEpoch: LAST, committed: true })?.errorCode).toBe(
      ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    );
    expect(world.state()).toBe("Ongoing");
  });

  it("a transaction of the last epoch times out, and its client aborts late (KAFKA-20090)", async () => {
    const world = await worldOf(ONGOING, { producerEpoch: LAST, timeoutMs: 1000 });
    world.markersAtOnce = true;
    world.clock.advance(20_000);
    expect(world.known()).toMatchObject({ state: COMPLETE_ABORT, producerId: 1000, producerEpoch: 0 });
    expect(world.end({ producerId: PRODUCER_ID, producerEpoch: LAST, committed: false })).toEqual({
      ...{ errorCode: NONE, producerId: 1000, producerEpoch: 0 },
    });
  });
});

describe("transaction.version 0 and 1", () => {
  it.each([
    [0, 0],
    [1, 1],
  ])("level %i: records of version %i, epochs that stay", async (level, version) => {
    const world = new TransactionWorld();
    world.transactionVersion = level;
    await world.lead();
    const producer = world.init();
    if (producer === undefined) throw new Error("no answer");
    world.add(producer, [0], 0);
    expect(world.end({ ...producer, committed: true, version: 0 })?.errorCode).toBe(NONE);
    expect(world.known()).toMatchObject({ state: COMPLETE_COMMIT, producerEpoch: 0 });
    expect([...world.log.records()].map(({ value }) => value?.readInt16BE(0))).toEqual(Array(4).fill(version));
    expect(world.sent[0]?.end).toMatchObject({ producerEpoch: 0, transactionVersion: 0 });
  });
});
