/** Aborted transactions beside what is read, for readers that step into one transaction a record. */
import { expect, test } from "vitest";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import { inOrderOfRecords } from "../../../storage/log/aborted-transactions.ts";

function batch(producerId: number, baseOffset: number, isControl = false): Buffer {
  return buildRecordBatch([{ value: "v" }], {
    ...{ producerId, producerEpoch: 0, baseSequence: 0, isTransactional: true, isControl, baseOffset },
  });
}

const transaction = (producerId: number, firstOffset: number) => ({ producerId, firstOffset });

test("R126: they stand in the order of their first offsets, not of their ends", () => {
  expect(inOrderOfRecords([transaction(1, 5), transaction(2, 3)], 0, [])).toEqual([
    transaction(2, 3),
    transaction(1, 5),
  ]);
});

test("R126: those under way stand where they go on: with a record, or with the marker of one that has none left", () => {
  const found = [transaction(1, 2), transaction(2, 4), transaction(3, 6), transaction(4, 12)];
  const pieces = [Buffer.concat([batch(1, 10, true), batch(3, 11)]), Buffer.concat([batch(4, 12), batch(2, 13)])];
  const order = [transaction(1, 2), transaction(3, 6), transaction(4, 12), transaction(2, 4)];
  expect(inOrderOfRecords(found, 10, pieces)).toEqual(order);
  expect(inOrderOfRecords([...found].reverse(), 10, pieces)).toEqual(order);
});

test("R126: one of which nothing comes stands last", () => {
  const found = [transaction(1, 2), transaction(2, 3)];
  expect(inOrderOfRecords(found, 10, [batch(2, 11)])).toEqual([transaction(2, 3), transaction(1, 2)]);
});

test("a single one is told as the index has it", () => {
  expect(inOrderOfRecords([transaction(1, 2)], 10, [batch(1, 10, true)])).toEqual([transaction(1, 2)]);
  expect(inOrderOfRecords([], 10, [])).toEqual([]);
});
