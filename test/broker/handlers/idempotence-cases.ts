/** What Apache Kafka answers to idempotent producers. */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { InitProducerId } from "../../../protocol/messages/init-producer-id.ts";
import { batchOf } from "../../support/batches.ts";
import { type DataPlane, newTopic } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import { produce } from "./produce-cases.ts";

const MAX_SEQUENCE = 0x7fffffff;
let lastProducerId = 5_000_000;

export function idempotenceCases(planeOf: () => DataPlane): void {
  /** Sends batches of one producer to a topic of its own: [epoch, first sequence, records, version] each. */
  const send = async (batches: readonly (readonly [number, number, number?, number?])[]) => {
    const { name } = await newTopic(planeOf());
    const producerId = ++lastProducerId;
    const answers = [];
    for (const [producerEpoch, baseSequence, count = 1, version = 9] of batches) {
      const values = Array.from({ length: count }, (_, i) => `${baseSequence + i}`);
      const records = batchOf(values, { producerId, producerEpoch, baseSequence });
      const { errorCode, baseOffset } = await produce(planeOf(), { topic: name, records, version });
      answers.push(errorCode === 0 ? baseOffset : -errorCode);
    }
    return answers;
  };
  const { OUT_OF_ORDER_SEQUENCE_NUMBER: GAP, INVALID_PRODUCER_EPOCH: OLD } = ErrorCode;

  test("an unknown producer may begin anywhere, then follows on", async () => {
    expect(
      await send([
        [3, 5],
        [3, 6],
        [3, 8],
        [3, 7],
      ]),
    ).toEqual([0, 1, -GAP, 2]);
  });

  test("R95: the last five batches are known again, older ones are not", async () => {
    const first = Array.from({ length: 6 }, (_, i) => [0, 2 * i, 2] as const);
    expect(await send([...first, [0, 2, 2], [0, 10, 2], [0, 0, 2], [0, 12]])).toEqual([
      0,
      2,
      4,
      6,
      8,
      10,
      2,
      10,
      -GAP,
      12,
    ]);
  });

  test("R95: a repeated batch is told with the time it was stored under", async () => {
    const { name } = await newTopic(planeOf());
    const timestamp = Date.now() - 1000;
    const records = batchOf([{ value: "a", timestamp }], {
      producerId: ++lastProducerId,
      producerEpoch: 0,
      baseSequence: 0,
    });
    expect((await produce(planeOf(), { topic: name, records })).logAppendTimeMs).toBe(-1);
    expect(await produce(planeOf(), { topic: name, records })).toMatchObject({
      errorCode: 0,
      baseOffset: 0,
      logAppendTimeMs: timestamp,
    });
  });

  test("a range that overlaps one that is stored", async () => {
    expect(
      await send([
        [0, 0, 4],
        [0, 2, 4],
        [0, 0, 2],
        [0, 4],
      ]),
    ).toEqual([0, -GAP, -GAP, 4]);
  });

  test("R96: a gap is refused, with where the log starts, and nothing is stored", async () => {
    const { name } = await newTopic(planeOf());
    const producerId = ++lastProducerId;
    const batch = (baseSequence: number) => batchOf(["a"], { producerId, producerEpoch: 0, baseSequence });
    await produce(planeOf(), { topic: name, records: batch(0) });
    expect(await produce(planeOf(), { topic: name, records: batch(2) })).toMatchObject({
      ...{ errorCode: GAP, baseOffset: -1, logStartOffset: 0, errorMessage: null, recordErrors: [] },
    });
    expect((await produce(planeOf(), { topic: name, records: batchOf(["b"]) })).baseOffset).toBe(1);
  });

  test("R104: a higher epoch begins at 0; a lower one is fenced, repeated or not", async () => {
    expect(
      await send([
        [1, 0],
        [2, 5],
        [2, 0],
        [1, 1],
        [1, 0],
        [1, 0, 1, 3],
        [1, 1, 1, 12],
        [2, 1],
      ]),
    ).toEqual([0, -GAP, 1, -OLD, -OLD, -OLD, -OLD, 2]);
  });

  test("R97: sequences wrap to 0, also within a batch", async () => {
    expect(
      await send([
        [0, MAX_SEQUENCE],
        [0, 0],
        [0, 1],
      ]),
    ).toEqual([0, 1, 2]);
    expect(
      await send([
        [0, MAX_SEQUENCE - 1, 4],
        [0, 2],
        [0, MAX_SEQUENCE - 1, 4],
      ]),
    ).toEqual([0, 4, 0]);
  });

  test("an id without an epoch: gaps pass, repetitions are known", async () => {
    expect(
      await send([
        [-1, 0],
        [-1, 9],
        [-1, 0],
      ]),
    ).toEqual([0, 1, 0]);
  });

  test("B76: ids for producers", async () => {
    using asker = await WireAsker.open(planeOf().address);
    const init = async (version: number, request: object) =>
      await asker.ask(InitProducerId, version, { transactionalId: null, transactionTimeoutMs: 60_000, ...request });
    // The first ones may come before the broker has a block of ids to give.
    let first = await init(5, {});
    while (first.errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) first = await init(5, {});
    expect(first).toMatchObject({ errorCode: 0, producerEpoch: 0 });
    const seen = new Set([first.producerId]);
    for (let version = 0; version <= 5; version++) {
      const { errorCode, producerId, producerEpoch } = await init(version, { transactionTimeoutMs: version - 1 });
      expect([errorCode, producerEpoch, seen.has(producerId)]).toEqual([0, 0, false]);
      seen.add(producerId);
    }
    expect(await init(4, { producerId: first.producerId, producerEpoch: 3 })).toMatchObject({
      errorCode: 0,
      producerEpoch: 0,
    });
    expect((await init(4, { producerId: 7, producerEpoch: -1 })).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect((await init(4, { producerId: -1, producerEpoch: 7 })).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect((await init(1, { transactionalId: "" })).errorCode).toBe(ErrorCode.INVALID_REQUEST);
    for (const transactionTimeoutMs of [0, -1, 900_001]) {
      expect((await init(1, { transactionalId: "t", transactionTimeoutMs })).errorCode).toBe(
        ErrorCode.INVALID_TRANSACTION_TIMEOUT,
      );
    }
  });
}
