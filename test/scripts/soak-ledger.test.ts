/** The verdict of a soak sees what it is there to see. */
import { expect, test } from "vitest";
import { Ledger } from "../../scripts/soak/ledger.ts";

function acknowledged(): Ledger {
  const ledger = new Ledger(2);
  for (const [sequence, offset] of [0, 1, 2, 3].entries()) ledger.take(`ack 1 ${sequence} ${offset} ${100 + sequence}`);
  return ledger;
}

const record = (sequence: number, offset = sequence, key = "k") => ({ key, sequence, offset });

test("nothing wrong; records that were never acknowledged may be there", () => {
  const ledger = acknowledged();
  const verdict = ledger.verdict([[], [record(0), record(1), record(2), record(3), record(4)]]);
  expect(verdict).toMatchObject({ acknowledged: 4, lost: 0, doubled: 0, reordered: 0, misplaced: 0 });
  expect(ledger.leastAcknowledged).toBe(0);
});

test("lost, doubled, out of order, elsewhere", () => {
  const ledger = acknowledged();
  expect(ledger.verdict([[], [record(0), record(1), record(3)]])).toMatchObject({ lost: 1 });
  expect(ledger.verdict([[], [record(0), record(1), record(2), record(3), record(2, 4)]])).toMatchObject({
    doubled: 1,
  });
  const swapped = [record(0), record(2, 1), record(1, 2), record(3)];
  expect(ledger.verdict([[], swapped])).toMatchObject({ reordered: 1, misplaced: 2, lost: 0, doubled: 0 });
  const ofOtherKeys = [record(0), record(2, 1, "a"), record(1, 2, "b"), record(3)];
  expect(ledger.verdict([[], ofOtherKeys])).toMatchObject({ reordered: 0, misplaced: 2 });
});

test("an offset the client does not know is not held against anything", () => {
  const ledger = new Ledger(1);
  ledger.take("ack 0 0 -1 5");
  expect(ledger.verdict([[record(0, 7)]])).toMatchObject({ misplaced: 0, lost: 0 });
});

test("the longest wait that touches a span, the one that never ended included", () => {
  const ledger = new Ledger(1);
  for (const [sequence, timeMs] of [0, 5, 100, 105, 400].entries())
    ledger.take(`ack 0 ${sequence} ${sequence} ${timeMs}`);
  expect(ledger.longestGapMs(0, 50, 90)).toBe(95);
  expect(ledger.longestGapMs(0, 101, 104)).toBe(0);
  expect(ledger.longestGapMs(0, 50, 300)).toBe(295);
  expect(ledger.longestGapMs(0, 390, 1000)).toBe(600);
});

test("what was given up, acknowledged twice or not understood is a complaint", () => {
  const ledger = acknowledged();
  ledger.take("failed 0 3 _MSG_TIMED_OUT");
  ledger.take("ack 1 2 9 200");
  ledger.take("sent 1 4");
  expect(ledger.complaints.length).toBe(2);
});
