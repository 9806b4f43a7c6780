/** What Apache Kafka answers to producers that begin and end transactions (InitProducerId, AddPartitionsToTxn, EndTxn). */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { type DataPlane, newTopic } from "../../support/data-plane.ts";
import { freshName, WireTransaction } from "../../support/wire-transaction.ts";

const {
  NONE,
  CONCURRENT_TRANSACTIONS: CONCURRENT,
  INVALID_PRODUCER_EPOCH: OLD_EPOCH,
  INVALID_PRODUCER_ID_MAPPING: OTHER_ID,
  INVALID_REQUEST,
  INVALID_TRANSACTION_TIMEOUT,
  INVALID_TXN_STATE: WRONG_STATE,
  OPERATION_NOT_ATTEMPTED: NOT_ATTEMPTED,
  PRODUCER_FENCED: FENCED,
  TRANSACTION_ABORTABLE: ABORTABLE,
  UNKNOWN_TOPIC_OR_PARTITION: UNKNOWN,
} = ErrorCode;

export function transactionCases(planeOf: () => DataPlane): void {
  const begin = (transactionalId?: string) => WireTransaction.begin(planeOf(), transactionalId);
  const topicOf = async (partitionCount = 1) => (await newTopic(planeOf(), { partitionCount })).name;

  test("B76: a transactional id that is empty, or a timeout that nobody may have", async () => {
    using producer = await WireTransaction.open(planeOf());
    expect((await producer.init({ transactionalId: "" })).errorCode).toBe(INVALID_REQUEST);
    for (const transactionTimeoutMs of [0, -1, 900_001]) {
      expect((await producer.init({ transactionTimeoutMs })).errorCode).toBe(INVALID_TRANSACTION_TIMEOUT);
    }
    expect((await producer.init({ producerId: 7 })).errorCode).toBe(INVALID_REQUEST);
    expect((await producer.init({ producerEpoch: 7 })).errorCode).toBe(INVALID_REQUEST);
  });

  test("R133: each start takes the next epoch, and fences whoever had the last", async () => {
    using first = await begin();
    expect(first.producerEpoch).toBe(0);
    using second = await begin(first.transactionalId);
    expect(second.claim).toEqual({ ...first.claim, producerEpoch: 1 });
    const topic = await topicOf();
    expect(await first.add(topic, [0], 3)).toEqual([FENCED]);
    expect(await first.add(topic, [0], 1)).toEqual([OLD_EPOCH]);
    expect((await first.end(true, 4)).errorCode).toBe(FENCED);
    expect((await first.end(true, 1)).errorCode).toBe(OLD_EPOCH);
    expect(await first.addOffsets("g", 4)).toBe(FENCED);
    expect(await first.addOffsets("g", 1)).toBe(OLD_EPOCH);
    expect(await second.add(topic)).toEqual([NONE]);
  });

  test("KIP-360: a producer goes on with what it has; what it never had is fenced", async () => {
    using producer = await begin();
    const had = producer.claim;
    expect(await producer.init(had)).toMatchObject({ errorCode: NONE, producerEpoch: 1 });
    // The answer was lost: no second bump.
    expect(await producer.init(had)).toMatchObject({ errorCode: NONE, producerEpoch: 1 });
    expect(await producer.init(producer.claim)).toMatchObject({ errorCode: NONE, producerEpoch: 2 });
    for (const wrong of [
      { ...had },
      { ...had, producerEpoch: 9 },
      { producerId: had.producerId + 1, producerEpoch: 2 },
    ]) {
      const { producerId, producerEpoch } = wrong;
      expect((await producer.init({ producerId, producerEpoch }, 4)).errorCode).toBe(FENCED);
      expect((await producer.init({ producerId, producerEpoch }, 3)).errorCode).toBe(OLD_EPOCH);
    }
    using stranger = await WireTransaction.open(planeOf());
    expect(await stranger.init({ producerId: 12_345, producerEpoch: 5 })).toMatchObject({
      errorCode: NONE,
      producerEpoch: 0,
    });
  });

  test("R133: a start while a transaction is open aborts it; its epoch is over the one that fenced", async () => {
    using first = await begin();
    const topic = await topicOf();
    await first.add(topic);
    await first.produce(topic, ["lost"]);
    using second = await WireTransaction.open(planeOf(), first.transactionalId);
    expect((await second.init()).errorCode).toBe(CONCURRENT);
    await second.inState("CompleteAbort");
    expect((await second.describe()).producerEpoch).toBe(first.producerEpoch + 1);
    expect((await first.produce(topic, ["late"])).errorCode).toBe(OLD_EPOCH);
    expect((await first.end(true)).errorCode).toBe(FENCED);
    expect(await second.init()).toMatchObject({ errorCode: NONE, producerEpoch: first.producerEpoch + 2 });
    expect((await second.fetch(topic, 1)).values).toEqual([]);
  });

  test("AddPartitionsToTxn: unknown ids, other producers, an id that is empty", async () => {
    using producer = await begin();
    const topic = await topicOf();
    expect(await producer.add(topic, [0], 3, { transactionalId: freshName("nobody") })).toEqual([OTHER_ID]);
    expect(await producer.add(topic, [0], 3, { producerId: producer.producerId + 1 })).toEqual([OTHER_ID]);
    expect(await producer.add(topic, [0], 3, { producerEpoch: 9 })).toEqual([FENCED]);
    expect(await producer.add(topic, [0], 3, { transactionalId: "" })).toEqual([INVALID_REQUEST]);
    for (let version = 0; version <= 3; version++) expect(await producer.add(topic, [0], version)).toEqual([NONE]);
    expect((await producer.describe()).topics).toEqual([{ topic, partitions: [0] }]);
  });

  test("B77: all partitions or none", async () => {
    using producer = await begin();
    const topic = await topicOf();
    expect((await producer.add(topic, [0, 99])).sort()).toEqual([UNKNOWN, NOT_ATTEMPTED].sort());
    expect(await producer.add(freshName("no-topic"))).toEqual([UNKNOWN]);
    expect((await producer.describe()).transactionState).toBe("Empty");
    // Apache Kafka takes half a minute for a hundred thousand.
    const many = Array.from({ length: planeOf().isApacheKafka ? 1000 : 100_000 }, (_, i) => i);
    expect((await producer.add(topic, many)).filter((code) => code === UNKNOWN)).toHaveLength(many.length - 1);
  });

  test("AddPartitionsToTxn v4: brokers ask whether a partition is in a transaction, or add it", async () => {
    using producer = await begin();
    const [topic, other] = [await topicOf(), await topicOf()];
    expect(await producer.addAsBroker(topic, true, {}, 4)).toBe(ABORTABLE);
    expect(await producer.add(topic)).toEqual([NONE]);
    expect(await producer.addAsBroker(topic, true, {}, 4)).toBe(NONE);
    expect(await producer.addAsBroker(other, true)).toBe(ABORTABLE);
    expect(await producer.addAsBroker(other, false)).toBe(NONE);
    expect(await producer.addAsBroker(other, true)).toBe(NONE);
    expect(await producer.addAsBroker(topic, true, { producerEpoch: 9 })).toBe(FENCED);
    expect(await producer.addAsBroker(topic, true, { producerId: 9_999_999 })).toBe(OTHER_ID);
  });

  test("EndTxn of old: who may not, and what cannot be ended", async () => {
    using producer = await begin();
    const code = async (version: number, claim = {}) => (await producer.end(true, version, claim)).errorCode;
    expect(await code(4)).toBe(WRONG_STATE);
    expect(await code(4, { transactionalId: freshName("nobody") })).toBe(OTHER_ID);
    expect(await code(4, { producerId: producer.producerId + 1 })).toBe(OTHER_ID);
    expect(await code(4, { transactionalId: "" })).toBe(INVALID_REQUEST);
    // R118: an epoch from the future is as wrong as one from the past.
    expect(await code(4, { producerEpoch: 1 })).toBe(FENCED);
    expect(await code(1, { producerEpoch: 1 })).toBe(OLD_EPOCH);
  });

  test.each([true, false])("R112: EndTxn v4 repeated, committed: %s", async (committed) => {
    using producer = await begin();
    const topic = await topicOf();
    await producer.add(topic);
    await producer.ended(committed, 4);
    expect(await producer.end(committed, 4)).toMatchObject({ errorCode: NONE, producerId: -1, producerEpoch: -1 });
    expect((await producer.end(!committed, 4)).errorCode).toBe(WRONG_STATE);
    expect((await producer.describe()).producerEpoch).toBe(0);
  });

  test.each([true, false])(
    "R112: EndTxn v5 repeated gives the same producer again, committed: %s",
    async (committed) => {
      using producer = await begin();
      const topic = await topicOf();
      expect((await producer.produce(topic, ["a"], { version: 12 })).errorCode).toBe(NONE);
      const had = producer.claim;
      const answer = await producer.end(committed, 5);
      expect(answer).toMatchObject({ errorCode: NONE, producerId: had.producerId, producerEpoch: 1 });
      await producer.inState(committed ? "CompleteCommit" : "CompleteAbort");
      expect(await producer.end(committed, 5, had)).toEqual(answer);
      expect((await producer.end(!committed, 5, had)).errorCode).toBe(WRONG_STATE);
    },
  );

  test("R109: an EndTxn of the transaction before does not end the next", async () => {
    using producer = await begin();
    const topic = await topicOf();
    await producer.produce(topic, ["one"], { version: 12 });
    const had = producer.claim;
    await producer.ended(true, 5);
    expect(
      await producer.settled(async () => (await producer.produce(topic, ["two"], { version: 12 })).errorCode),
    ).toBe(NONE);
    expect((await producer.end(false, 5, had)).errorCode).toBe(FENCED);
    expect((await producer.describe()).transactionState).toBe("Ongoing");
    await producer.ended(true, 5);
    expect((await producer.fetch(topic, 1)).values).toEqual(["one", "two"]);
  });

  test("R115: an abort of nothing costs an epoch and fences nobody; there is nothing to commit", async () => {
    using producer = await begin();
    expect((await producer.end(true, 5)).errorCode).toBe(WRONG_STATE);
    expect(await producer.end(false, 5)).toMatchObject({ errorCode: NONE, producerEpoch: 1 });
    await producer.inState("CompleteAbort");
    expect(await producer.end(false, 5)).toMatchObject({ errorCode: NONE, producerEpoch: 2 });
    await producer.inState("CompleteAbort");
    const topic = await topicOf();
    expect(await producer.settled(async () => (await producer.produce(topic, ["a"], { version: 12 })).errorCode)).toBe(
      NONE,
    );
    await producer.ended(true, 5);
    expect((await producer.fetch(topic, 1)).values).toEqual(["a"]);
  });

  test("R112: EndTxn v5 with the epoch of before an empty id", async () => {
    using producer = await begin();
    const had = producer.claim;
    await producer.init();
    expect((await producer.end(false, 5, had)).errorCode).toBe(FENCED);
    expect((await producer.end(true, 5, had)).errorCode).toBe(FENCED);
    expect((await producer.end(true, 5, { producerEpoch: 7 })).errorCode).toBe(FENCED);
    expect((await producer.end(true, 5, { producerId: 9_999_999 })).errorCode).toBe(OTHER_ID);
  });

  test("R113: partitions to which nothing was written have their markers", async () => {
    using producer = await begin();
    const topic = await topicOf(2);
    await producer.add(topic, [0, 1]);
    await producer.ended(true);
    for (const partition of [0, 1]) expect((await producer.fetch(topic, 0, 0, partition)).highWatermark).toBe(1);
  });

  test("R118: a producer that ends with an epoch ahead is fenced and changes nothing", async () => {
    using producer = await begin();
    const topic = await topicOf();
    await producer.produce(topic, ["a"], { version: 12 });
    for (const version of [4, 5]) {
      expect((await producer.end(false, version, { producerEpoch: 5 })).errorCode).toBe(FENCED);
    }
    expect((await producer.describe()).transactionState).toBe("Ongoing");
    await producer.ended(true, 5);
    expect((await producer.fetch(topic, 1)).values).toEqual(["a"]);
  });
}
