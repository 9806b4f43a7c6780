/** Transactions in a log that is compacted while they come and go. */
import { expect, test } from "vitest";
import { startCluster } from "../../cluster/start-cluster.ts";
import { READ_COMMITTED, READ_UNCOMMITTED, readPartition } from "../support/read-partition.ts";
import { WireTransaction } from "../support/wire-transaction.ts";

const SETTINGS = { "log.cleaner.backoff.ms": 50 };
const CONFIGS = { "cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01" };

test("R134: transactions one after the other on a partition, some aborted, with compaction between", async () => {
  await using cluster = await startCluster({ settings: SETTINGS });
  await cluster.createTopic("t", { configs: CONFIGS });
  const [host = "", port = ""] = cluster.bootstrapServers.split(":");
  const plane = { address: { host, port: Number(port) }, isApacheKafka: false };
  using producer = await WireTransaction.begin(plane as never, "x");
  const transact = async (value: string, committed: boolean) => {
    await producer.settled(async () => (await producer.produce("t", [value], { version: 12 })).errorCode);
    await producer.ended(committed, 5);
  };
  const read = async (isolationLevel: 0 | 1 = READ_COMMITTED) => {
    const { records, ...marks } = await readPartition(producer.asker, "t", 0, isolationLevel);
    return { values: records.map(({ value }) => value), ...marks };
  };
  let last = "";
  // All have one key: of what is compacted only the newest is left.
  for (let round = 0; round < 12; round++) {
    const committed = round % 3 !== 1;
    if (committed) last = `v${round}`;
    await transact(`v${round}`, committed);
    const { values, lastStableOffset, highWatermark } = await read();
    expect([values.at(-1), lastStableOffset]).toEqual([last, highWatermark]);
    expect(values.some((value) => Number(value.slice(1)) % 3 === 1)).toBe(false);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const compacted = async () => (await read(READ_UNCOMMITTED)).values.length < 6;
  const deadline = performance.now() + 30_000;
  while (!(await compacted()) && performance.now() < deadline) await transact(last, true);
  expect(await compacted()).toBe(true);
  const { values, lastStableOffset, highWatermark } = await read();
  expect([values.at(-1), lastStableOffset]).toEqual([last, highWatermark]);
  // An open one holds back, and is aborted, as in a log that nobody compacts.
  await producer.settled(async () => (await producer.produce("t", ["open"], { version: 12 })).errorCode);
  expect((await read()).lastStableOffset).toBe(highWatermark);
  await producer.ended(false, 5);
  expect((await read()).values.at(-1)).toBe(last);
});
