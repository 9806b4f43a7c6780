/**
 * One shard: nothing leaves before it is committed, and a refused append changes nothing.
 */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { buildRecordBatch } from "../../../protocol/records/record-batch-builder.ts";
import { asking } from "./answers.ts";
import { counted, forgotten, increment } from "./counter-machine.ts";
import {
  clock,
  effects,
  lead,
  log,
  PARTITION,
  runtime,
  settled,
  TIMEOUT_MS,
  useCounterWorld,
} from "./counter-world.ts";

useCounterWorld();

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

  it("what a decision has ready for a refusal happens instead, and waits for no commit", async () => {
    const machine = await lead();
    log.autoCommit = false;
    runtime.write(PARTITION, asking<number>().reply, (m) => increment(m, "b"));
    log.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    const asked = asking<number>();
    runtime.write(PARTITION, asked.reply, (m) => ({
      ...increment(m, "a"),
      timers: [{ key: "k", delayMs: 10, event: "e" }],
      ifRefused: (code) => ({
        changes: [{ name: "a", waiting: asked.reply as never }],
        timers: [{ key: "again", delayMs: 10, event: "e" }],
        answers: [{ reply: asked.reply as never, response: code }],
      }),
    }));
    expect(asked.answer).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
    expect([machine.counts.get("a"), [...machine.waiting.keys()], effects]).toEqual([undefined, ["a"], []]);
    expect(runtime.shard(PARTITION)?.load.timers).toBe(1);
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
