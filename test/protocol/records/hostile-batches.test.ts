/** Batches of real clients with bytes changed: read whole, refused with a typed error, and the same by both ways to walk records. */
import { afterEach, describe, expect, test } from "vitest";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { decompressRecords } from "../../../protocol/records/compression.ts";
import { loadCodecs } from "../../../protocol/records/native-modules.ts";
import type { RecordBatch } from "../../../protocol/records/record-batch.ts";
import { checkRecords } from "../../../protocol/records/record-check.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import { goldenRecords } from "../../support/golden-batches.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const ROOM = 1 << 20;
const RUNS = 2_500;
const seeds = goldenRecords().map(({ records }) => records);

afterEach(() => {
  loadCodecs({ native: true });
});

/** One to three changes of the kinds that break readers: a bit, a byte at its limits, a varint, a cut, an insertion. */
function mutate(records: Buffer, random: SeededRandom): Buffer {
  let bytes = Buffer.from(records);
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(bytes.length);
    switch (random.below(5)) {
      case 0:
        bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
        break;
      case 1:
        bytes[at] = random.pick([0, 1, 0x7f, 0x80, 0xff]);
        break;
      case 2:
        bytes.fill(0xff, at, Math.min(bytes.length, at + random.below(6)));
        break;
      case 3:
        bytes = bytes.subarray(0, Math.max(1, at));
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), random.bytes(random.below(4)), bytes.subarray(at)]);
    }
  }
  return bytes;
}

/** What one batch comes to; anything thrown that has no type of ours fails the test. */
function read(batch: RecordBatch): string {
  let payload: Buffer;
  try {
    payload = decompressRecords(batch, ROOM);
  } catch (error) {
    expect(error).toMatchObject({ name: "CompressionError" });
    return "CompressionError";
  }
  expect(payload.length).toBeLessThanOrEqual(Math.max(ROOM, batch.sizeBytes));
  const checked = attempt(() => checkRecords(payload, batch.recordCount, batch.baseTimestamp));
  const walked = attempt(() => {
    for (const record of new RecordIterator(batch, payload)) void [record.key, record.value, record.headers];
  });
  // A count of 0 is all the iterator looks at; the check also wants no bytes.
  if (batch.recordCount !== 0) expect(checked).toBe(walked);
  return checked;
}

function attempt(run: () => void): string {
  try {
    run();
    return "read";
  } catch (error) {
    expect(error).toMatchObject({ name: "InvalidRecordError" });
    return `InvalidRecordError at ${(error as { recordIndex: number }).recordIndex}`;
  }
}

describe.each([
  ["with native code", true],
  ["without native code", false],
])("%s", (_, native) => {
  test("B26, B42, B55: no change of bytes does more than it should", () => {
    loadCodecs({ native });
    const random = new SeededRandom(native ? 17 : 18);
    const outcomes = new Map<string, number>();
    for (let run = 0; run < RUNS; run++) {
      const bytes = mutate(random.pick(seeds), random);
      const iterator = new BatchIterator(bytes);
      for (const batch of iterator) {
        expect(batch.position + batch.sizeBytes).toBeLessThanOrEqual(bytes.length);
        batch.checkCrc();
        if (batch.magic !== 2) continue;
        // Whoever changes bytes on purpose sends the CRC that belongs to them.
        batch.updateCrc();
        expect(batch.checkCrc()).toBe(true);
        const outcome = read(batch).replace(/ at \d+/, "");
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
      expect(iterator.stoppedBy).toBeDefined();
      expect(iterator.position).toBeLessThanOrEqual(bytes.length);
    }
    // Enough of each, or the changes would not have reached what they should test.
    for (const outcome of ["read", "CompressionError", "InvalidRecordError"])
      expect(outcomes.get(outcome), outcome).toBeGreaterThan(RUNS / 20);
  });
});

test("random bytes are no batches", () => {
  const random = new SeededRandom(99);
  for (let run = 0; run < 2_000; run++) {
    const bytes = random.bytes(random.below(200));
    const iterator = new BatchIterator(bytes);
    for (const batch of iterator) expect(batch.checkCrc()).toBe(false);
    expect(iterator.stoppedBy).toBeDefined();
  }
});
