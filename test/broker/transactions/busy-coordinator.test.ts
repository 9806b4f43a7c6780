/** Produce while the coordinator is still ending the transaction before: one of its partitions has no leader for a while. */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { batchOf } from "../../support/batches.ts";
import { startDataPlane } from "../../support/data-plane.ts";
import { WireTransaction } from "../../support/wire-transaction.ts";

const { NONE, CONCURRENT_TRANSACTIONS, OUT_OF_ORDER_SEQUENCE_NUMBER } = ErrorCode;

test("R114, R128: nothing begins meanwhile, and what comes again comes in order", async () => {
  await using plane = await startDataPlane({ features: new Map([["transaction.version", 2]]) });
  for (const topic of ["t", "away"]) await plane.createTopic(topic);
  using producer = await WireTransaction.begin(plane);
  for (const topic of ["t", "away"]) await producer.produce(topic, ["first"], { version: 12 });
  plane.fixed.changePartition("away", 0, { leader: -1, leaderEpoch: 1, partitionEpoch: 1 });
  expect((await producer.end(true, 5)).errorCode).toBe(NONE);
  expect((await producer.describe()).transactionState).toBe("PrepareCommit");

  const { producerId, producerEpoch, transactionalId } = producer;
  /** Two batches, one behind the other on the connection. */
  const sendBoth = async () => {
    for (const baseSequence of [0, 1]) {
      const records = batchOf([`second ${baseSequence}`], {
        producerId,
        producerEpoch,
        baseSequence,
        isTransactional: true,
      });
      const topicData = [{ name: "t", partitionData: [{ index: 0, records }] }];
      producer.asker.send(Produce, 12, { transactionalId, acks: -1, timeoutMs: 5000, topicData });
    }
    const answers = [await producer.asker.answer(Produce, 12), await producer.asker.answer(Produce, 12)];
    return answers.map(({ responses }) => responses[0]?.partitionResponses[0]?.errorCode);
  };
  const [first, second] = await sendBoth();
  expect(first).toBe(CONCURRENT_TRANSACTIONS);
  expect([CONCURRENT_TRANSACTIONS, OUT_OF_ORDER_SEQUENCE_NUMBER]).toContain(second);
  expect((await producer.fetch("t", 0)).highWatermark).toBe(2);

  plane.fixed.changePartition("away", 0, { leader: 1, leaderEpoch: 2, partitionEpoch: 2 });
  await producer.inState("CompleteCommit");
  expect(await sendBoth()).toEqual([NONE, NONE]);
  await producer.ended(true, 5);
  expect((await producer.fetch("t", 1)).values).toEqual(["first", "second 0", "second 1"]);
  expect((await producer.fetch("away", 1)).values).toEqual(["first"]);
});
