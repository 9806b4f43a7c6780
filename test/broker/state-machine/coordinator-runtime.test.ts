/**
 * The runtime of coordinators: nothing leaves before it is committed, a refused append changes nothing, failover is replay.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { CoordinatorRuntime } from "../../../broker/state-machine/coordinator-runtime.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { buildEndTransactionBatch } from "../../../protocol/records/control-record.ts";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import type { LogFields, Logger } from "../../../storage/logger.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { asking } from "./answers.ts";
import { COUNTER_TYPES, type CounterChange, CounterMachine, counted, forgotten, increment } from "./counter-machine.ts";
import { MemoryCoordinatorLog } from "./memory-coordinator-log.ts";

const TIMEOUT_MS = 5000;
const PARTITION = 3;

class Lines implements Logger {
  readonly lines: string[] = [];
  debug(_: LogFields, message: string): void {
    this.lines.push(`debug ${message}`);
  }
  info(_: LogFields, message: string): void {
    this.lines.push(`info ${message}`);
  }
  warn(_: LogFields, message: string): void {
    this.lines.push(`warn ${message}`);
  }
  error(_: LogFields, message: string): void {
    this.lines.push(`error ${message}`);
  }
}

let clock: ManualClock;
let log: MemoryCoordinatorLog;
let lines: Lines;
let effects: string[];
let runtime: CoordinatorRuntime<CounterMachine, CounterChange, string, string>;

function newRuntime(): typeof runtime {
  return new CoordinatorRuntime({
    topic: "counters",
    clock,
    logger: lines,
    recordTypes: COUNTER_TYPES,
    writeTimeoutMs: TIMEOUT_MS,
    newMachine: (timeline) => new CounterMachine(timeline),
    runEffect: (effect) => effects.push(effect),
  });
}

async function lead(leaderEpoch = 1, on = log): Promise<CounterMachine> {
  runtime.lead(PARTITION, leaderEpoch, on);
  await settled();
  return runtime.machine(PARTITION);
}

/** Lets promises run out, and the polls that loading waits for. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    await Promise.resolve();
    if (turn % 5 === 0) clock.poll();
  }
}

beforeEach(() => {
  clock = new ManualClock();
  log = new MemoryCoordinatorLog();
  lines = new Lines();
  effects = [];
  runtime = newRuntime();
});

describe("what leaves, and when", () => {
  it("answers, effects and what queries see come with the high watermark", async () => {
    log.autoCommit = false;
    const machine = await lead();
    const asked = asking<number>();
    runtime.write(PARTITION, asked.reply, (m) => ({ ...increment(m, "a"), effects: ["told the world"] }));
    expect(machine.counts.get("a")).toBe(1);
    expect(machine.counts.committed("a")).toBeUndefined();
    expect([asked.answer, effects]).toEqual([undefined, []]);
    log.commit();
    expect(machine.counts.committed("a")).toBe(1);
    expect([asked.answer, effects]).toEqual([1, ["told the world"]]);
  });

  it("with one replica the answer is there when the append is", async () => {
    await lead();
    const asked = asking<number>();
    runtime.write(PARTITION, asked.reply, (m) => increment(m, "a"));
    expect(asked.answer).toBe(1);
    expect(runtime.shard(PARTITION)?.load).toEqual({ waiting: 0, timers: 0, uncommitted: 0 });
  });

  it("a request that writes nothing waits for what was appended before it; a query does not", async () => {
    log.autoCommit = false;
    const machine = await lead();
    const first = asking<number>();
    const second = asking<number>();
    runtime.write(PARTITION, first.reply, (m) => increment(m, "a"));
    runtime.write(PARTITION, second.reply, (m) => ({ response: m.counts.get("a") ?? 0 }));
    expect(second.answer).toBeUndefined();
    expect(machine.counts.committed("a")).toBeUndefined();
    log.commit();
    expect([first.answer, second.answer]).toEqual([1, 1]);
  });

  it("the high watermark may lie between two decisions", async () => {
    log.autoCommit = false;
    const machine = await lead();
    const asked = [asking<number>(), asking<number>(), asking<number>()];
    for (const { reply } of asked) runtime.write(PARTITION, reply, (m) => increment(m, "a"));
    log.commit(2);
    expect(asked.map(({ answer }) => answer)).toEqual([1, 2, undefined]);
    expect([machine.counts.committed("a"), machine.counts.get("a")]).toEqual([2, 3]);
  });

  it("a removal is seen by queries when it is committed, and leaves no trace", async () => {
    const machine = await lead();
    runtime.write(PARTITION, asking<number>().reply, (m) => increment(m, "a"));
    log.autoCommit = false;
    runtime.write(PARTITION, asking<number>().reply, () => ({ records: [forgotten("a")], response: 0 }));
    expect([machine.counts.get("a"), machine.counts.committed("a"), machine.counts.size]).toEqual([undefined, 1, 1]);
    log.commit();
    expect([machine.counts.committed("a"), machine.counts.size]).toEqual([undefined, 0]);
  });

  it("a parked request is answered by a later decision, once that is committed", async () => {
    log.autoCommit = false;
    const machine = await lead();
    const parked = asking<number>();
    const waiting = parked.reply as never;
    runtime.write(PARTITION, parked.reply, () => ({ changes: [{ name: "a", waiting }] }));
    expect(machine.waiting.has("a")).toBe(true);
    runtime.write(PARTITION, asking<number>().reply, (m) => ({
      ...increment(m, "a"),
      answers: [{ reply: waiting, response: 42 }],
    }));
    expect(parked.answer).toBeUndefined();
    log.commit();
    expect(parked.answer).toBe(42);
  });

  it("the high watermark may move while the append is under way", async () => {
    const machine = await lead();
    const first = asking<number>();
    const second = asking<number>();
    // The listener runs inside append, before memory has seen the record: nothing is told too early.
    runtime.write(PARTITION, first.reply, (m) => increment(m, "a"));
    runtime.write(PARTITION, second.reply, (m) => increment(m, "a"));
    expect([first.answer, second.answer, machine.counts.committed("a")]).toEqual([1, 2, 2]);
  });

  it("an answer that brings the next request in at once changes no order", async () => {
    log.autoCommit = false;
    await lead();
    const order: number[] = [];
    const again = asking<number>();
    for (const at of [1, 2, 3]) {
      runtime.write(PARTITION, asking<number>().reply, (m) => ({ ...increment(m, "a"), effects: [`effect ${at}`] }));
    }
    const chained = asking<number>();
    const answered = chained.reply.answer.bind(chained.reply);
    chained.reply.answer = (response) => {
      answered(response);
      order.push(response as number);
      runtime.write(PARTITION, again.reply, (m) => increment(m, "a"));
    };
    runtime.write(PARTITION, chained.reply, (m) => increment(m, "a"));
    log.commit();
    expect([order, again.answer, effects]).toEqual([[4], undefined, ["effect 1", "effect 2", "effect 3"]]);
    log.commit();
    expect(again.answer).toBe(5);
  });
});

describe("when the log says no", () => {
  it("a refused append changes nothing and is answered with its code", async () => {
    const machine = await lead();
    log.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    const asked = asking<number>();
    runtime.write(PARTITION, asked.reply, (m) => ({
      ...increment(m, "a"),
      changes: [{ name: "a", waiting: asked.reply as never }],
      timers: [{ key: "k", delayMs: 10, event: "e" }],
      effects: ["never"],
    }));
    expect(asked.answer).toEqual({ refused: ErrorCode.NOT_ENOUGH_REPLICAS });
    expect([machine.counts.get("a"), machine.waiting.size, effects]).toEqual([undefined, 0, []]);
    expect(runtime.shard(PARTITION)?.load.timers).toBe(0);
  });

  it("a decision larger than a batch is refused before anything is written, unless it may be split", async () => {
    const machine = await lead();
    log.maxBatchBytes = 1000;
    const padding = Array.from({ length: 100 }, (_, i) => i);
    const records = ["a", "b", "c", "d"].map((name) => counted(name, 1, padding));
    const asked = asking<number>();
    runtime.write(PARTITION, asked.reply, () => ({ records, response: 1 }));
    expect(asked.answer).toEqual({ refused: ErrorCode.MESSAGE_TOO_LARGE });
    expect([log.logEndOffset, machine.counts.size]).toEqual([0, 0]);
    const split = asking<number>();
    runtime.write(PARTITION, split.reply, () => ({ records, splittable: true, response: 1 }));
    expect(split.answer).toBe(1);
    expect([...log.written()].map((batch) => batch.recordCount)).toEqual([2, 2]);
    expect([...machine.counts.keys()]).toEqual(["a", "b", "c", "d"]);
  });

  it("an answer waits no longer than the write timeout; what was written stands, and effects still come", async () => {
    log.autoCommit = false;
    const machine = await lead();
    const early = asking<number>();
    const late = asking<number>();
    runtime.write(PARTITION, early.reply, (m) => ({ ...increment(m, "a"), effects: ["effect"] }));
    clock.advance(TIMEOUT_MS / 2);
    runtime.write(PARTITION, late.reply, (m) => increment(m, "a"));
    clock.advance(TIMEOUT_MS / 2);
    expect([early.answer, late.answer]).toEqual([{ refused: ErrorCode.REQUEST_TIMED_OUT }, undefined]);
    log.commit();
    expect([late.answer, machine.counts.committed("a"), effects]).toEqual([2, 2, ["effect"]]);
    expect(clock.pending).toBe(0);
  });

  it("a log that holds what this shard did not write makes it load again", async () => {
    await lead();
    runtime.write(PARTITION, asking<number>().reply, (m) => increment(m, "a"));
    // A client may write to an internal topic.
    const foreign = buildRecordBatch([{ key: "\x00\x07\x00\x01b", value: Buffer.from("00000000000000000009", "hex") }]);
    log.write(foreign);
    const asked = asking<number>();
    runtime.write(PARTITION, asked.reply, (m) => increment(m, "a"));
    expect(asked.answer).toEqual({ refused: ErrorCode.NOT_COORDINATOR });
    await settled();
    const machine = runtime.machine(PARTITION);
    expect([...machine.counts.entries()]).toEqual([
      ["a", 2],
      ["b", 9],
    ]);
  });
});

describe("deadlines", () => {
  it("come once, as decisions like any other", async () => {
    const machine = await lead();
    machine.onDeadline = (event) => ({ records: [counted(event, 1)] });
    const set = asking<number>();
    runtime.write(PARTITION, set.reply, () => ({ timers: [{ key: "k", delayMs: 100, event: "due" }], response: 0 }));
    clock.advance(99);
    expect(machine.counts.get("due")).toBeUndefined();
    clock.advance(1);
    expect(machine.counts.get("due")).toBe(1);
    clock.advance(10_000);
    expect(log.logEndOffset).toBe(1);
  });

  it("come again when the log refused what they decided", async () => {
    const machine = await lead();
    machine.onDeadline = (event) => ({ records: [counted(event, 1)] });
    runtime.write(PARTITION, asking<number>().reply, () => ({
      timers: [{ key: "k", delayMs: 100, event: "due" }],
      response: 0,
    }));
    log.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    clock.advance(100);
    expect(machine.counts.get("due")).toBeUndefined();
    log.refusal = undefined;
    clock.advance(500);
    expect(machine.counts.get("due")).toBe(1);
  });

  it("go with the shard", async () => {
    await lead();
    runtime.write(PARTITION, asking<number>().reply, () => ({
      timers: [{ key: "k", delayMs: 100, event: "due" }],
      response: 0,
    }));
    runtime.resign(PARTITION, 2);
    expect(clock.pending).toBe(0);
    expect(log.listenerCount).toBe(0);
  });
});

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

  it("what lies past the high watermark is loaded, and seen by queries once committed", async () => {
    await lead();
    runtime.write(PARTITION, asking<number>().reply, (m) => increment(m, "a"));
    log.autoCommit = false;
    runtime.write(PARTITION, asking<number>().reply, (m) => increment(m, "a"));
    runtime.resign(PARTITION);
    const machine = await lead(2);
    expect([machine.counts.get("a"), machine.counts.committed("a")]).toEqual([2, 1]);
    log.commit();
    expect(machine.counts.committed("a")).toBe(2);
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

  it("a log that cannot be read is tried again", async () => {
    log.write(buildRecordBatch([{ key: "\x00\x07\x00\x01b", value: Buffer.from("00000000000000000009", "hex") }]));
    const read = log.read.bind(log);
    let failures = 1;
    log.read = (offset, maxBytes) => {
      if (failures-- > 0) return Promise.reject(new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR));
      return read(offset, maxBytes);
    };
    runtime.lead(PARTITION, 1, log);
    await settled();
    expect(() => runtime.machine(PARTITION)).toThrow("COORDINATOR_LOAD_IN_PROGRESS");
    clock.advance(1000);
    await settled();
    expect(runtime.machine(PARTITION).counts.get("b")).toBe(9);
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
