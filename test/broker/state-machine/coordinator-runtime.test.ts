/**
 * Shards that come and go: failover is replay, and news of old epochs changes nothing.
 */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { buildEndTransactionBatch } from "../../../protocol/records/control-record.ts";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import { asking } from "./answers.ts";
import { counted, increment } from "./counter-machine.ts";
import { clock, lead, lines, log, PARTITION, runtime, settled, useCounterWorld } from "./counter-world.ts";
import { MemoryCoordinatorLog } from "./memory-coordinator-log.ts";

useCounterWorld();

describe("coming and going", () => {
  it("R122: loads, unloads and loads again; what was committed is there, who waited is told", async () => {
    log.autoCommit = false;
    const machine = await lead(1);
    const waiting = asking<number>();
    const parked = asking<number>();
    runtime.write(PARTITION, waiting.reply, (m) => increment(m, "a"));
    runtime.write(PARTITION, parked.reply, () => ({ changes: [{ name: "p", waiting: parked.reply as never }] }));
    runtime.resign(PARTITION, 2);
    expect(waiting.answer).toEqual({ refused: ErrorCode.NOT_COORDINATOR });
    expect(parked.answer).toEqual({ refused: ErrorCode.NOT_COORDINATOR });
    expect(machine.counts.get("a")).toBe(1);
    const asked = asking<number>();
    runtime.write(PARTITION, asked.reply, (m) => increment(m, "a"));
    expect(asked.answer).toEqual({ refused: ErrorCode.NOT_COORDINATOR });
    log.commit();
    const again = await lead(3);
    expect(again).not.toBe(machine);
    expect(again.counts.committed("a")).toBe(1);
    runtime.write(PARTITION, asking<number>().reply, (m) => increment(m, "a"));
    expect(again.counts.get("a")).toBe(2);
  });

  it("R145: news of an older epoch changes nothing, in whatever order it comes", async () => {
    const machine = await lead(5);
    runtime.resign(PARTITION, 5);
    runtime.resign(PARTITION, 4);
    runtime.lead(PARTITION, 4, new MemoryCoordinatorLog());
    expect(runtime.machine(PARTITION)).toBe(machine);
    runtime.resign(PARTITION, 6);
    expect(() => runtime.machine(PARTITION)).toThrow();
  });

  it("the next epoch on the same broker keeps what is loaded, and appends in that epoch", async () => {
    const machine = await lead(1);
    expect(await lead(2)).toBe(machine);
    runtime.write(PARTITION, asking<number>().reply, (m) => increment(m, "a"));
    expect(log.appended.map(({ leaderEpoch }) => leaderEpoch)).toEqual([2]);
  });

  it("R145: a shard that is dropped while it loads comes to nothing", async () => {
    runtime.write(PARTITION, asking<number>().reply, (m) => increment(m, "a"));
    log.slowReads = true;
    log.write(buildRecordBatch([{ key: "\x00\x07\x00\x01a", value: Buffer.from("00000000000000000009", "hex") }]));
    runtime.lead(PARTITION, 1, log);
    const asked = asking<number>();
    runtime.write(PARTITION, asked.reply, (m) => increment(m, "a"));
    expect(asked.answer).toEqual({ refused: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS });
    runtime.resign(PARTITION, 2);
    await settled();
    expect(runtime.shard(PARTITION)).toBeUndefined();
    expect([log.readsHeld, log.listenerCount]).toEqual([0, 0]);
  });

  it("a large log is loaded in many turns, and refused as loading meanwhile", async () => {
    const machine = await lead();
    for (let i = 0; i < 50; i++) {
      const records = Array.from({ length: 100 }, (_, at) => counted(`c${i}-${at}`, i));
      runtime.write(PARTITION, asking<number>().reply, () => ({ records, response: 1 }));
    }
    expect(machine.counts.size).toBe(5000);
    runtime.resign(PARTITION);
    runtime.lead(PARTITION, 2, log);
    for (let i = 0; i < 20; i++) await Promise.resolve();
    expect(() => runtime.machine(PARTITION)).toThrow("COORDINATOR_LOAD_IN_PROGRESS");
    expect(() => runtime.machines()).toThrow("COORDINATOR_LOAD_IN_PROGRESS");
    await settled();
    expect(runtime.machine(PARTITION).counts.size).toBe(5000);
  });

  it("R153: what lies past the high watermark is loaded; queries wait until it is committed, for a minute at most", async () => {
    await lead();
    runtime.write(PARTITION, asking<number>().reply, (m) => increment(m, "a"));
    log.autoCommit = false;
    runtime.write(PARTITION, asking<number>().reply, (m) => increment(m, "a"));
    runtime.resign(PARTITION);
    const machine = await lead(2);
    expect([machine.counts.get("a"), machine.counts.committed("a")]).toEqual([2, 1]);
    // The one before may have acknowledged the second, and this one's high watermark does not know.
    expect(() => runtime.machine(PARTITION)).toThrow("COORDINATOR_LOAD_IN_PROGRESS");
    log.commit();
    expect(runtime.machine(PARTITION).counts.committed("a")).toBe(2);
    log.autoCommit = false;
    runtime.write(PARTITION, asking<number>().reply, (m) => increment(m, "a"));
    expect(runtime.machine(PARTITION).counts.committed("a")).toBe(2);
    runtime.resign(PARTITION);
    await lead(3);
    clock.advance(59_999);
    expect(() => runtime.machine(PARTITION)).toThrow("COORDINATOR_LOAD_IN_PROGRESS");
    clock.advance(1);
    expect(runtime.machine(PARTITION).counts.committed("a")).toBe(2);
  });

  it("R146: gaps that compaction left, and a log start that moves while loading, do no harm", async () => {
    const batch = (name: string, offset: number, lastOffset: number): Buffer => {
      const key = Buffer.concat([Buffer.from([0, 7, 0, name.length]), Buffer.from(name)]);
      const value = Buffer.from("00000000000000000001", "hex");
      const bytes = buildRecordBatch([{ key, value }], { baseOffset: offset });
      bytes.writeInt32BE(lastOffset - offset, 23);
      return bytes;
    };
    log.write(batch("old", 0, 4));
    log.write(batch("a", 0, 9));
    log.write(batch("b", 0, 0));
    log.logStartOffset = 3;
    log.slowReads = true;
    const machine = await lead();
    expect([...machine.counts.keys()]).toEqual(["a", "b"]);
    const asked = asking<number>();
    runtime.write(PARTITION, asked.reply, (m) => increment(m, "a"));
    expect(asked.answer).toBe(2);
  });

  it("records that cannot be read are skipped, those of other types too", async () => {
    const good = Buffer.from("00000000000000000009", "hex");
    log.write(
      buildRecordBatch([
        { key: Buffer.from([0, 7, 0, 1]), value: good },
        { key: "\x00\x07\x00\x01a", value: Buffer.from("ffff", "hex") },
        { key: "\x00\x07\x00\x01a", value: Buffer.from("0000", "hex") },
        { key: "\x00\x09whatever", value: good },
        { key: null, value: good },
        { key: "\x00\x07\x00\x01b", value: good },
      ]),
    );
    const torn = buildRecordBatch([{ key: "\x00\x07\x00\x01c", value: good }]);
    torn[61] = 0x7f; // the record's length
    log.write(torn);
    const machine = await lead();
    expect([...machine.counts.entries()]).toEqual([["b", 9]]);
    expect(lines.lines.filter((line) => line.startsWith("warn"))).toHaveLength(4);
    runtime.write(PARTITION, asking<number>().reply, (m) => increment(m, "b"));
    expect(machine.counts.get("b")).toBe(10);
  });

  it("a log that cannot be read is tried again, less and less often", async () => {
    log.write(buildRecordBatch([{ key: "\x00\x07\x00\x01b", value: Buffer.from("00000000000000000009", "hex") }]));
    const read = log.read.bind(log);
    let failures = 3;
    const attemptsMs: number[] = [];
    log.read = (offset, maxBytes) => {
      attemptsMs.push(clock.monotonicMs());
      if (failures-- > 0) return Promise.reject(new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR));
      return read(offset, maxBytes);
    };
    runtime.lead(PARTITION, 1, log);
    for (let second = 0; second < 8; second++) {
      await settled();
      if (attemptsMs.length < 4) expect(() => runtime.machine(PARTITION)).toThrow("COORDINATOR_LOAD_IN_PROGRESS");
      clock.advance(1000);
    }
    await settled();
    expect(attemptsMs).toEqual([0, 1000, 3000, 7000]);
    expect(runtime.machine(PARTITION).counts.get("b")).toBe(9);
    expect(clock.pending).toBe(0);
  });

  it("closing leaves nothing behind", async () => {
    log.autoCommit = false;
    await lead();
    const asked = asking<number>();
    runtime.write(PARTITION, asked.reply, (m) => ({
      ...increment(m, "a"),
      timers: [{ key: "k", delayMs: 100, event: "due" }],
    }));
    runtime.close();
    expect(asked.answer).toEqual({ refused: ErrorCode.NOT_COORDINATOR });
    expect([clock.pending, log.listenerCount]).toEqual([0, 0]);
    runtime.lead(PARTITION, 9, log);
    expect(runtime.shard(PARTITION)).toBeUndefined();
  });
});

describe("transactions", () => {
  const end = { producerId: 7, producerEpoch: 2, coordinatorEpoch: 1, committed: true, transactionVersion: 2 };

  it("records of a transaction carry their producer, and their end is a marker that is written and replayed", async () => {
    const machine = await lead();
    runtime.write(PARTITION, asking<number>().reply, (m) => ({
      ...increment(m, "a"),
      transaction: { producerId: 7, producerEpoch: 2 },
    }));
    const ended = asking<ErrorCode>();
    runtime.endTransaction(PARTITION, end, ended.reply as never);
    expect(ended.answer).toBe(ErrorCode.NONE);
    const [batch, marker] = [...log.written()];
    expect([batch?.isTransactional, batch?.producerId, batch?.producerEpoch, batch?.baseSequence]).toEqual([
      true,
      7,
      2,
      0,
    ]);
    expect([marker?.isControl, marker?.producerId, marker?.producerEpoch]).toEqual([true, 7, 2]);
    expect(log.appended[1]).toEqual({ leaderEpoch: 1, transactionVersion: 2 });
    expect(machine.positions).toEqual([{ offset: 0, producerId: 7 }]);
    expect(machine.ended).toEqual([{ producerId: 7, committed: true }]);
  });

  it("loading replays both alike", async () => {
    await lead();
    runtime.write(PARTITION, asking<number>().reply, (m) => ({
      ...increment(m, "a"),
      transaction: { producerId: 7, producerEpoch: 2 },
    }));
    runtime.endTransaction(PARTITION, { ...end, committed: false }, asking<ErrorCode>().reply as never);
    log.write(buildEndTransactionBatch({ ...end, producerId: 8, timestampMs: 1 }));
    runtime.resign(PARTITION);
    const machine = await lead(2);
    expect(machine.positions).toEqual([{ offset: 0, producerId: 7 }]);
    expect(machine.ended).toEqual([
      { producerId: 7, committed: false },
      { producerId: 8, committed: true },
    ]);
  });

  it("a marker that is refused ends nothing", async () => {
    const machine = await lead();
    log.refusal = ErrorCode.NOT_LEADER_OR_FOLLOWER;
    const ended = asking<ErrorCode>();
    runtime.endTransaction(PARTITION, end, ended.reply as never);
    expect(ended.answer).toEqual({ refused: ErrorCode.NOT_LEADER_OR_FOLLOWER });
    expect(machine.ended).toEqual([]);
  });
});
