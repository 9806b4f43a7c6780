/** What Apache Kafka does with data inside transactions: Produce, Fetch, ListOffsets, WriteTxnMarkers, DescribeProducers. */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { InitProducerId } from "../../../protocol/messages/init-producer-id.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { batchOf } from "../../support/batches.ts";
import { type DataPlane, newTopic } from "../../support/data-plane.ts";
import { WireTransaction } from "../../support/wire-transaction.ts";

const {
  NONE,
  INVALID_PRODUCER_EPOCH: OLD_EPOCH,
  INVALID_PRODUCER_ID_MAPPING: OTHER_ID,
  INVALID_TXN_STATE: WRONG_STATE,
  OUT_OF_ORDER_SEQUENCE_NUMBER: GAP,
  PRODUCER_FENCED: FENCED,
  TRANSACTION_ABORTABLE: ABORTABLE,
  TRANSACTION_COORDINATOR_FENCED: COORDINATOR_FENCED,
} = ErrorCode;

export function transactionalDataCases(planeOf: () => DataPlane): void {
  const begin = (transactionalId?: string) => WireTransaction.begin(planeOf(), transactionalId);
  const topicOf = async (partitionCount = 1) => (await newTopic(planeOf(), { partitionCount })).name;
  /** A transaction on a partition, ended. */
  const write = async (producer: WireTransaction, topic: string, values: readonly string[], committed: boolean) => {
    const code = await producer.settled(async () => (await producer.produce(topic, values, { version: 12 })).errorCode);
    expect(code).toBe(NONE);
    await producer.ended(committed, 5);
  };

  test("R111: a partition that was not added takes nothing, in the terms of each version", async () => {
    using producer = await begin();
    const topic = await topicOf();
    expect(await producer.produce(topic, ["a"], { version: 9 })).toMatchObject({
      errorCode: WRONG_STATE,
      errorMessage: "Partition was not added to the transaction",
    });
    expect((await producer.produce(topic, ["a"], { version: 10 })).errorCode).toBe(WRONG_STATE);
    expect((await producer.produce(topic, ["a"], { version: 11 })).errorCode).toBe(ABORTABLE);
    expect((await producer.fetch(topic, 0)).highWatermark).toBe(0);
    expect((await producer.produce(topic, ["a"], { version: 12 })).errorCode).toBe(NONE);
    expect(await producer.describe()).toMatchObject({
      transactionState: "Ongoing",
      topics: [{ topic, partitions: [0] }],
    });
  });

  test("R110: a late Produce of a transaction that was aborted is refused, and nothing hangs", async () => {
    using producer = await begin();
    const topic = await topicOf();
    await producer.add(topic);
    await producer.produce(topic, ["a"]);
    await producer.ended(false, 4);
    for (const [version, code] of [
      [9, WRONG_STATE],
      [11, ABORTABLE],
    ] as const) {
      expect((await producer.produce(topic, ["late"], { version })).errorCode).toBe(code);
    }
    const { highWatermark, lastStableOffset } = await producer.fetch(topic, 1);
    expect([highWatermark, lastStableOffset]).toEqual([2, 2]);
  });

  test("R110: with an epoch per transaction a late Produce is known by its epoch", async () => {
    using producer = await begin();
    const topic = await topicOf();
    await producer.produce(topic, ["a"], { version: 12 });
    const had = producer.claim;
    await producer.ended(false, 5);
    expect((await producer.produce(topic, ["late"], { version: 12, claim: had, sequence: 1 })).errorCode).toBe(
      OLD_EPOCH,
    );
    expect((await producer.fetch(topic, 1)).lastStableOffset).toBe(2);
  });

  test("R129: a lower epoch is refused before the coordinator is asked", async () => {
    using first = await begin();
    const topic = await topicOf();
    await write(first, topic, ["a"], true);
    const { claim } = first;
    expect(
      (await first.produce(topic, ["b"], { version: 11, claim: { producerEpoch: claim.producerEpoch - 1 } })).errorCode,
    ).toBe(OLD_EPOCH);
  });

  test("a new epoch begins at sequence 0, on a new partition too", async () => {
    using producer = await begin();
    const topic = await topicOf(2);
    await write(producer, topic, ["a"], true);
    const again = async (partition: number) => {
      let code: number = NONE;
      await producer.settled(async () => {
        code = (await producer.produce(topic, ["b"], { version: 12, partition, sequence: 3 })).errorCode;
        return code;
      });
      return code;
    };
    expect(await again(0)).toBe(GAP);
    expect(await again(1)).toBe(GAP);
  });

  test("the id of another producer, two producers in one request, a batch without a transaction in one", async () => {
    using producer = await begin();
    using other = await begin();
    const topic = await topicOf(2);
    const stolen = { claim: { producerId: other.producerId, producerEpoch: other.producerEpoch } };
    expect((await producer.produce(topic, ["a"], { version: 11, ...stolen })).errorCode).toBe(OTHER_ID);
    const records = [producer, other].map(({ producerId, producerEpoch }) =>
      batchOf(["a"], { producerId, producerEpoch, baseSequence: 0, isTransactional: true }),
    );
    const partitionData = records.map((batch, index) => ({ index, records: batch }));
    const { transactionalId, producerId, producerEpoch } = producer;
    const request = { transactionalId, acks: -1, timeoutMs: 5000, topicData: [{ name: topic, partitionData }] };
    const { responses } = await producer.asker.ask(Produce, 11, request);
    expect(responses[0]?.partitionResponses.map(({ errorCode }) => errorCode)).toEqual([OTHER_ID, OTHER_ID]);

    await producer.add(topic);
    await producer.produce(topic, ["a"]);
    const plain = batchOf(["b"], { producerId, producerEpoch, baseSequence: 1 });
    const topicData = [{ name: topic, partitionData: [{ index: 0, records: plain }] }];
    const answer = await producer.asker.ask(Produce, 9, { acks: -1, timeoutMs: 5000, topicData });
    expect(answer.responses[0]?.partitionResponses[0]?.errorCode).toBe(WRONG_STATE);
  });

  test("R125: read_uncommitted sees what was aborted, and no list of it", async () => {
    using producer = await begin();
    const topic = await topicOf();
    await write(producer, topic, ["aborted"], false);
    await write(producer, topic, ["committed"], true);
    const uncommitted = await producer.fetch(topic, 0);
    expect([uncommitted.values, uncommitted.abortedTransactions]).toEqual([["aborted", "committed"], null]);
    const committed = await producer.fetch(topic, 1);
    expect(committed.values).toEqual(["committed"]);
    expect(committed.abortedTransactions).toEqual([{ producerId: producer.producerId, firstOffset: 0 }]);
  });

  test("R126: two transactions that interleave, read from anywhere", async () => {
    using left = await begin();
    using right = await begin();
    const topic = await topicOf();
    await left.produce(topic, ["l0"], { version: 12 }); // 0
    await right.produce(topic, ["r1"], { version: 12 }); // 1
    await left.produce(topic, ["l2"], { version: 12 }); // 2
    await right.produce(topic, ["r3"], { version: 12 }); // 3
    expect(await left.fetch(topic, 1)).toMatchObject({ lastStableOffset: 0, highWatermark: 4, values: [] });
    await left.ended(false, 5); // 4
    expect(await left.fetch(topic, 1)).toMatchObject({ lastStableOffset: 1, highWatermark: 5, values: [] });
    expect(await left.endOffset(topic, 1)).toBe(1);
    expect(await left.endOffset(topic, 0)).toBe(5);
    await right.ended(true, 5); // 5
    for (const [from, values] of [
      [0, ["r1", "r3"]],
      [1, ["r1", "r3"]],
      [2, ["r3"]],
      [4, []],
    ] as const) {
      const { abortedTransactions, ...answer } = await left.fetch(topic, 1, from);
      expect(answer).toMatchObject({ lastStableOffset: 6, values });
      expect(abortedTransactions).toEqual([{ producerId: left.producerId, firstOffset: 0 }]);
    }
    expect((await left.fetch(topic, 1, 5)).abortedTransactions).toEqual([]);
  });

  test("R136: an open transaction shows in DescribeProducers, and a marker by hand aborts it", async () => {
    using producer = await begin();
    const topic = await topicOf();
    await producer.add(topic);
    await producer.produce(topic, ["a", "b"]);
    const { producerId, producerEpoch } = producer;
    const [active] = (await producer.describeProducers(topic)).activeProducers;
    expect(active).toMatchObject({ producerId, producerEpoch, lastSequence: 1, currentTxnStartOffset: 0 });
    const marker = {
      ...{ producerId, producerEpoch, transactionResult: false, coordinatorEpoch: active?.coordinatorEpoch ?? -1 },
      topics: [{ name: topic, partitionIndexes: [0] }],
    };
    expect(await producer.writeMarkers({ ...marker, coordinatorEpoch: 0 }, 1)).toBe(NONE);
    const [after] = (await producer.describeProducers(topic)).activeProducers;
    expect(after).toMatchObject({ producerId, currentTxnStartOffset: -1 });
    expect(await producer.fetch(topic, 1)).toMatchObject({ lastStableOffset: 3, values: [] });
  });

  test("B79, R138: WriteTxnMarkers from a client is served; old epochs are fenced", async () => {
    using producer = await begin();
    const topic = await topicOf();
    await write(producer, topic, ["a"], true);
    const { producerId, producerEpoch } = producer;
    const marker = (change: object) => ({
      ...{ producerId, producerEpoch, transactionResult: true, coordinatorEpoch: 5, transactionVersion: 0 },
      ...{ topics: [{ name: topic, partitionIndexes: [0] }], ...change },
    });
    expect(await producer.writeMarkers(marker({ producerEpoch: producerEpoch - 1 }))).toBe(OLD_EPOCH);
    expect(await producer.writeMarkers(marker({}))).toBe(NONE);
    // R121: a coordinator of the past.
    expect(await producer.writeMarkers(marker({ coordinatorEpoch: 4 }))).toBe(COORDINATOR_FENCED);
    expect(await producer.writeMarkers(marker({ topics: [{ name: "no-topic", partitionIndexes: [0] }] }))).toBe(
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    );
  });

  test("R119: a marker that comes again with its epoch is taken again; in an open transaction it is old", async () => {
    using producer = await begin();
    const topic = await topicOf();
    await write(producer, topic, ["a"], true);
    const { producerId, producerEpoch } = producer;
    const marker = {
      ...{ producerId, producerEpoch, transactionResult: true, coordinatorEpoch: 0, transactionVersion: 2 },
      topics: [{ name: topic, partitionIndexes: [0] }],
    };
    expect(await producer.writeMarkers(marker)).toBe(NONE);
    await producer.settled(async () => (await producer.produce(topic, ["b"], { version: 12 })).errorCode);
    expect(await producer.writeMarkers(marker)).toBe(OLD_EPOCH);
    await producer.ended(true, 5);
    expect((await producer.fetch(topic, 1)).values).toEqual(["a", "b"]);
  });

  test("B92: two abort markers in a row end one transaction, and nothing of the next", async () => {
    using producer = await begin();
    const topic = await topicOf();
    await producer.add(topic);
    await producer.produce(topic, ["aborted"]);
    const { producerId, producerEpoch } = producer;
    const marker = {
      ...{ producerId, producerEpoch, transactionResult: false, coordinatorEpoch: 0, transactionVersion: 0 },
      topics: [{ name: topic, partitionIndexes: [0] }],
    };
    expect([await producer.writeMarkers(marker), await producer.writeMarkers(marker)]).toEqual([NONE, NONE]);
    await producer.ended(false, 4);
    await producer.settled(async () => (await producer.add(topic))[0] ?? NONE);
    await producer.produce(topic, ["committed"]);
    await producer.ended(true, 4);
    const { values, abortedTransactions, lastStableOffset, highWatermark } = await producer.fetch(topic, 1);
    expect([values, abortedTransactions]).toEqual([["committed"], [{ producerId, firstOffset: 0 }]]);
    expect([lastStableOffset, highWatermark]).toEqual([6, 6]);
  });

  test("R127: a transaction that takes too long is aborted, and its producer is fenced", async () => {
    using producer = await WireTransaction.open(planeOf());
    await producer.init({ transactionTimeoutMs: 100 });
    const topic = await topicOf();
    await producer.produce(topic, ["a"], { version: 12 });
    await producer.inState("CompleteAbort");
    expect((await producer.describe()).producerEpoch).toBe(1);
    expect((await producer.produce(topic, ["b"], { version: 12 })).errorCode).toBe(OLD_EPOCH);
    expect((await producer.fetch(topic, 1)).values).toEqual([]);
  });

  test("R127: its EndTxn says what became of it", async () => {
    using producer = await WireTransaction.open(planeOf());
    await producer.init({ transactionTimeoutMs: 100 });
    const topic = await topicOf();
    await producer.produce(topic, ["a"], { version: 12 });
    await producer.inState("CompleteAbort");
    expect((await producer.end(true, 5)).errorCode).toBe(WRONG_STATE);
    expect((await producer.end(true, 4)).errorCode).toBe(FENCED);
    expect(await producer.end(false, 5)).toMatchObject({ errorCode: NONE, producerEpoch: 1 });
  });

  test("an idempotent id of nobody is no transactional one", async () => {
    using producer = await begin();
    const topic = await topicOf();
    const plain = await producer.asker.ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 0 });
    const claim = { producerId: plain.producerId, producerEpoch: 0 };
    expect((await producer.produce(topic, ["a"], { version: 12, claim })).errorCode).toBe(OTHER_ID);
  });
}
