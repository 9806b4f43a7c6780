/** flush.messages=1: what a producer is told is written is on the device. */
import { expect, test } from "vitest";
import { Produce } from "../../../protocol/messages/produce.ts";
import { SeededRandom } from "../../simulation/seeded-random.ts";
import { SimulatedDisk } from "../../simulation/simulated-disk.ts";
import { batchOf } from "../../support/batches.ts";
import { startDataPlane } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";

test.each([1, -1])("with flush.messages=1 an acks=%d answer comes when the records are on the device", async (acks) => {
  const syncs: (() => void)[] = [];
  const later = (_kind: string, _delayMs: number, run: () => void) => void syncs.push(run);
  const disk = new SimulatedDisk({ random: new SeededRandom(1), later });
  await using plane = await startDataPlane({ disk });
  await plane.createTopic("t", 1, { "flush.messages": "1" });
  const log = plane.fixed.logs.get("t-0");
  using asker = await WireAsker.open(plane.address);
  const topicData = [{ name: "t", partitionData: [{ index: 0, records: batchOf(["a"]) }] }];
  let isAnswered = false;
  const answer = asker.ask(Produce, 9, { acks, timeoutMs: 10_000, topicData }).then((response) => {
    isAnswered = true;
    return response;
  });
  while (log?.logEndOffset === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(isAnswered).toBe(false);
  while (!isAnswered) {
    for (const run of syncs.splice(0)) run();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(log?.syncedEndOffset).toBe(1);
  expect((await answer).responses[0]?.partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: 0 });
});
