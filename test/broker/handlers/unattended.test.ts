/** Requests whose clients do not wait for them, and batches that leave the loop before they are appended. */
import { afterEach, expect, test } from "vitest";
import { DeleteRecords } from "../../../protocol/messages/delete-records.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { Codec } from "../../../protocol/records/codec.ts";
import type { Encode } from "../../../protocol/schema/message.ts";
import type { Clock, Timer } from "../../../storage/clock.ts";
import { NodeClock } from "../../../storage/node-clock.ts";
import { batchOf } from "../../support/batches.ts";
import { brokerImage, FixedBroker } from "../../support/fixed-broker.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import { fetchRequest, partitionsOf } from "./fetch-cases.ts";

/** The real clock, and which timers with a long way to go there are. */
class CountingClock implements Clock {
  readonly long = new Set<object>();
  private readonly clock = new NodeClock();

  wallMs(): number {
    return this.clock.wallMs();
  }

  monotonicMs(): number {
    return this.clock.monotonicMs();
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = this.clock.after(delayMs, run);
    if (delayMs < 500_000) return timer;
    this.long.add(timer);
    return {
      cancel: () => {
        this.long.delete(timer);
        timer.cancel();
      },
    };
  }

  afterPoll(run: () => void): void {
    this.clock.afterPoll(run);
  }
}

let fixed: FixedBroker;
afterEach(() => fixed.close());

const LONG_MS = 1_000_000;

function produceRequest(
  parts: readonly (readonly [index: number, records: Buffer])[],
  acks = -1,
): Encode<(typeof Produce)["request"]> {
  const partitionData = parts.map(([index, records]) => ({ index, records }));
  return { acks, timeoutMs: LONG_MS, topicData: [{ name: "t", partitionData }] };
}

test("B68: a client that goes leaves no wait behind, whatever it waited for", async () => {
  const clock = new CountingClock();
  fixed = new FixedBroker({ clock });
  const address = await fixed.start();
  fixed.createTopic("t", 1, { replicas: [1, 2] });
  fixed.apply([...fixed.brokers, brokerImage(2, address)], fixed.topics);
  const partition = fixed.broker.partitions.get("t", 0);
  const asks = [
    (asker: WireAsker) =>
      asker.send(
        Fetch,
        12,
        fetchRequest(12, [{ name: "t", partitions: [{ partition: 0 }] }], { maxWaitMs: 0x7fffffff }),
      ),
    (asker: WireAsker) => asker.send(Produce, 9, produceRequest([[0, batchOf(["a"])]])),
    (asker: WireAsker) =>
      asker.send(DeleteRecords, 2, {
        timeoutMs: LONG_MS,
        topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: 0 }] }],
      }),
  ];
  const before = clock.long.size;
  for (const ask of asks) {
    const asker = await WireAsker.open(address);
    ask(asker);
    await expect.poll(() => clock.long.size).toBe(before + 1);
    asker.reset();
    await expect.poll(() => clock.long.size).toBe(before);
  }
  const watches = [partition?.highWatermarkWatch, partition?.appendWatch, partition?.lowWatermarkWatch];
  expect(watches.map((watch) => watch?.size)).toEqual([0, 0, 0]);
});

test("batches beside one that leaves the loop are stored as they were sent, whatever others send meanwhile", async () => {
  fixed = new FixedBroker();
  const address = await fixed.start();
  fixed.createTopic("t", 3);
  // Small as sent and large as stored: its records are looked at in another thread.
  const packed = batchOf(["x".repeat(8 << 20)], { compression: Codec.GZIP });
  const open = batchOf(["as it was sent ".repeat(20)]);
  using asker = await WireAsker.open(address);
  using other = await WireAsker.open(address);
  asker.send(
    Produce,
    9,
    produceRequest(
      [
        [1, packed],
        [0, open],
      ],
      1,
    ),
  );
  // These take the place of the bytes of the request that waits.
  for (let i = 0; i < 50; i++) {
    await other.ask(Produce, 9, produceRequest([[2, batchOf(["overwritten ".repeat(25)])]], 1));
  }
  const { responses } = await asker.answer(Produce, 9);
  expect(responses[0]?.partitionResponses.map(({ errorCode, baseOffset }) => [errorCode, baseOffset])).toEqual([
    [0, 0],
    [0, 0],
  ]);
  const [stored] = partitionsOf(
    await asker.ask(Fetch, 12, fetchRequest(12, [{ name: "t", partitions: [{ partition: 0 }] }])),
  );
  expect(stored?.records?.subarray(21)).toEqual(open.subarray(21));
});

test("a request that waits before it appends holds its connection; a client that goes meanwhile changes nothing", async () => {
  fixed = new FixedBroker();
  const address = await fixed.start();
  fixed.createTopic("t", 1);
  const packed = batchOf(["x".repeat(8 << 20)], { compression: Codec.GZIP });
  using asker = await WireAsker.open(address);
  asker.send(Produce, 9, produceRequest([[0, packed]], 1));
  asker.send(Produce, 9, produceRequest([[0, batchOf(["second"])]], 1));
  const offsets = [];
  for (let i = 0; i < 2; i++)
    offsets.push((await asker.answer(Produce, 9)).responses[0]?.partitionResponses[0]?.baseOffset);
  expect(offsets).toEqual([0, 1]);
  const leaving = await WireAsker.open(address);
  leaving.send(Produce, 9, produceRequest([[0, packed]], -1));
  leaving.reset();
  const next = await asker.ask(Produce, 9, produceRequest([[0, batchOf(["third"])]], 1));
  expect(next.responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
});

test("R168: an answer that a later request of its session overtook is refused", async () => {
  fixed = new FixedBroker();
  const address = await fixed.start();
  fixed.createTopic("t", 1);
  using slow = await WireAsker.open(address);
  using fast = await WireAsker.open(address);
  const partitions = [{ partition: 0 }];
  const { sessionId } = await fast.ask(Fetch, 12, fetchRequest(12, [{ name: "t", partitions }], { sessionEpoch: 0 }));
  slow.send(Fetch, 12, fetchRequest(12, [], { sessionId, sessionEpoch: 1, maxWaitMs: 60_000 }));
  const partition = fixed.broker.partitions.get("t", 0);
  await expect.poll(() => partition?.highWatermarkWatch.size).toBe(1);
  // The client gave up on the first, and goes on elsewhere.
  const overtaking = await fast.ask(Fetch, 12, fetchRequest(12, [], { sessionId, sessionEpoch: 2 }));
  expect([overtaking.errorCode, overtaking.sessionId]).toEqual([0, sessionId]);
  await fast.ask(Produce, 9, produceRequest([[0, batchOf(["a"])]], 1));
  const overtaken = await slow.answer(Fetch, 12);
  expect([overtaken.errorCode, overtaken.sessionId, overtaken.responses]).toEqual([71, sessionId, []]);
  expect(fixed.pool.usedBytes).toBeLessThan(1 << 20);
});

test("R168: a session is made only for a client that is still there", async () => {
  fixed = new FixedBroker();
  const address = await fixed.start();
  fixed.createTopic("t", 1);
  const asker = await WireAsker.open(address);
  asker.send(
    Fetch,
    12,
    fetchRequest(12, [{ name: "t", partitions: [{ partition: 0 }] }], { sessionEpoch: 0, maxWaitMs: 60_000 }),
  );
  const partition = fixed.broker.partitions.get("t", 0);
  await expect.poll(() => partition?.highWatermarkWatch.size).toBe(1);
  asker.reset();
  await expect.poll(() => partition?.highWatermarkWatch.size).toBe(0);
  expect(fixed.broker.fetchSessions.size).toBe(0);
});
