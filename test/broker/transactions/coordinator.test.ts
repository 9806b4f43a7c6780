/** The transaction coordinator over time: failover, writes that fail, timeouts, ids that expire. */
import { describe, expect, it } from "vitest";
import type { ProducerAnswer } from "../../../broker/transactions/transaction-decision.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { TransactionWorld } from "./transaction-world.ts";

const { NONE, CONCURRENT_TRANSACTIONS, COORDINATOR_NOT_AVAILABLE, NOT_ENOUGH_REPLICAS } = ErrorCode;
const DAY_MS = 86_400_000;

function begun(world: TransactionWorld, transactionalId = "x", timeoutMs = 60_000): ProducerAnswer {
  const producer = world.init({ transactionalId, timeoutMs });
  if (producer?.errorCode !== NONE) throw new Error(`InitProducerId: ${producer?.errorCode}`);
  return producer;
}

/** A world whose partitions wait for a test to take their markers. */
async function holding(): Promise<TransactionWorld> {
  const world = await TransactionWorld.start();
  world.markersAtOnce = false;
  return world;
}

describe("R117: a fence that cannot be stored", () => {
  it("leaves the epoch where it was, however often it is tried", async () => {
    const world = await TransactionWorld.start();
    const producer = begun(world);
    world.add(producer);
    world.log.refusal = NOT_ENOUGH_REPLICAS;
    for (let i = 0; i < 5; i++) expect(world.init()?.errorCode).toBe(NOT_ENOUGH_REPLICAS);
    world.clock.advance(200_000);
    expect(world.known()).toMatchObject({ producerEpoch: producer.producerEpoch });
    world.log.refusal = undefined;
    expect(world.init()?.errorCode).toBe(CONCURRENT_TRANSACTIONS);
    expect([world.state(), world.known()?.producerEpoch]).toEqual(["CompleteAbort", producer.producerEpoch + 1]);
  });
});

describe("R120: the end of a transaction", () => {
  it("is written once, whatever comes late", async () => {
    const world = await holding();
    const producer = begun(world);
    world.add(producer, [0, 1]);
    const next = world.end({ ...producer, committed: true });
    const before = world.records;
    for (const sent of world.sent) sent.answer();
    expect([world.state(), world.records]).toEqual(["CompleteCommit", before + 1]);
    expect(next?.errorCode).toBe(NONE);
    expect(world.coordinator.ending).toBe(0);
  });

  it("is not taken for that of the transaction after it (KAFKA-16352)", async () => {
    const world = await holding();
    const first = begun(world);
    world.add(first);
    world.end({ ...first, committed: true });
    const [late] = world.sent;
    // The same log in other hands: markers go out again, and are written.
    await world.failOver();
    const [, again] = world.sent;
    again?.answer();
    expect(world.state()).toBe("CompleteCommit");
    const second = begun(world);
    world.add(second);
    world.end({ ...second, committed: false });
    late?.answer();
    expect(world.state()).toBe("PrepareAbort");
    world.sent.at(-1)?.answer();
    expect(world.state()).toBe("CompleteAbort");
  });

  it("is tried again while the log refuses it (KAFKA-9777)", async () => {
    const world = await holding();
    const producer = begun(world);
    world.add(producer);
    world.end({ ...producer, committed: true });
    world.log.refusal = NOT_ENOUGH_REPLICAS;
    world.sent[0]?.answer();
    expect(world.state()).toBe("PrepareCommit");
    world.clock.advance(1000);
    expect(world.state()).toBe("PrepareCommit");
    world.log.refusal = undefined;
    world.clock.advance(1000);
    expect(world.state()).toBe("CompleteCommit");
  });
});

describe("R121: the coordinator moves while a transaction is being ended", () => {
  it("the next one sends the markers again, in its own epoch", async () => {
    const world = await holding();
    const producer = begun(world);
    world.add(producer, [0, 2]);
    world.end({ ...producer, committed: true });
    await world.failOver();
    expect(world.sent.map(({ end }) => [end.coordinatorEpoch, end.producerEpoch, end.committed])).toEqual([
      [1, 1, true],
      [2, 1, true],
    ]);
    world.sent[1]?.answer();
    expect(world.state()).toBe("CompleteCommit");
  });

  it("markers that another coordinator has overtaken are given up", async () => {
    const world = await holding();
    const producer = begun(world);
    world.add(producer);
    world.end({ ...producer, committed: true });
    world.sent[0]?.answer(ErrorCode.TRANSACTION_COORDINATOR_FENCED);
    expect([world.state(), world.coordinator.ending]).toEqual(["PrepareCommit", 0]);
  });

  it.each([
    ["UNKNOWN_TOPIC_OR_PARTITION", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ["NOT_LEADER_OR_FOLLOWER", ErrorCode.NOT_LEADER_OR_FOLLOWER],
    ["NOT_ENOUGH_REPLICAS", ErrorCode.NOT_ENOUGH_REPLICAS],
    ["NOT_ENOUGH_REPLICAS_AFTER_APPEND", ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND],
    ["REQUEST_TIMED_OUT", ErrorCode.REQUEST_TIMED_OUT],
    ["KAFKA_STORAGE_ERROR", ErrorCode.KAFKA_STORAGE_ERROR],
  ] as const)("a leader that answers %s is asked again", async (_, code) => {
    const world = await holding();
    const producer = begun(world);
    world.add(producer);
    world.end({ ...producer, committed: true });
    world.sent[0]?.answer(code);
    world.clock.advance(100);
    expect(world.sent).toHaveLength(2);
    world.sent[1]?.answer();
    expect(world.state()).toBe("CompleteCommit");
  });
});

describe("R122: loaded, given up, loaded again", () => {
  it("news of an older epoch changes nothing", async () => {
    const world = await TransactionWorld.start();
    const producer = begun(world);
    world.add(producer);
    await world.lead();
    world.coordinator.resign(0, 1);
    expect(world.state()).toBe("Ongoing");
    world.coordinator.resign(0, 3);
    expect(world.init()?.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    world.leaderEpoch = 3;
    await world.lead();
    expect(world.known()).toMatchObject({ producerEpoch: 0, producerId: producer.producerId });
    expect(world.end({ ...producer, committed: true })?.errorCode).toBe(NONE);
  });

  it("R123: what was open is open still", async () => {
    const world = await TransactionWorld.start();
    const producer = begun(world);
    world.add(producer, [1, 3]);
    const before = world.known();
    await world.failOver();
    expect(world.known()).toMatchObject({
      ...{ state: before?.state, partitions: before?.partitions, timeoutMs: 60_000, producerId: producer.producerId },
      startTimestampMs: before?.startTimestampMs,
    });
  });
});

describe("R127: transactions that take too long", () => {
  it("are aborted with an epoch that fences, each by its own timeout", async () => {
    const world = await TransactionWorld.start();
    const [short, long] = [begun(world, "short", 1000), begun(world, "long", 60_000)];
    world.add(short, [0], 2, "short");
    world.add(long, [0], 2, "long");
    world.clock.advance(15_000);
    expect([world.state("short"), world.state("long")]).toEqual(["CompleteAbort", "Ongoing"]);
    expect(world.known("short")?.producerEpoch).toBe(1);
    expect(world.add(short, [0], 2, "short")).toBe(ErrorCode.PRODUCER_FENCED);
    world.clock.advance(60_000);
    expect(world.state("long")).toBe("CompleteAbort");
  });

  it("of old clients too, whose markers carry the fencing epoch", async () => {
    const world = new TransactionWorld();
    world.transactionVersion = 1;
    await world.lead();
    const producer = begun(world, "x", 1000);
    world.add(producer, [0], 0);
    world.clock.advance(15_000);
    expect(world.known()).toMatchObject({ producerEpoch: 1 });
    expect(world.sent[0]?.end).toMatchObject({ producerEpoch: 1, committed: false, transactionVersion: 0 });
  });

  it("count from their beginning also for the coordinator that loads them", async () => {
    const world = await TransactionWorld.start();
    const producer = begun(world, "x", 20_000);
    world.add(producer);
    world.clock.advance(15_000);
    await world.failOver();
    world.clock.advance(11_000);
    expect(world.state()).toBe("CompleteAbort");
  });

  it("are aborted while the clock on the wall stands or jumps", async () => {
    const world = await TransactionWorld.start();
    const producer = begun(world, "x", 5000);
    world.add(producer);
    const wallMs = world.clock.wallMs();
    world.clock.wallMs = () => wallMs - DAY_MS;
    world.clock.advance(20_000);
    expect(world.state()).toBe("CompleteAbort");
  });
});

describe("R137: transactional ids that nobody uses", () => {
  it("are forgotten after a week, with a tombstone; whoever comes then begins anew", async () => {
    const world = await TransactionWorld.start();
    const producer = begun(world);
    world.add(producer);
    world.end({ ...producer, committed: true });
    const open = begun(world, "open", 2 ** 31 - 1);
    world.add(open, [0], 2, "open");
    world.clock.advance(8 * DAY_MS);
    expect(world.known()).toBeUndefined();
    expect(world.state("open")).toBe("Ongoing");
    const last = [...world.log.records()].at(-1);
    expect([String(last?.key).includes("x"), last?.value]).toEqual([true, null]);
    await world.failOver();
    expect(world.known()).toBeUndefined();
    const again = begun(world);
    expect(again.producerId).not.toBe(producer.producerId);
    expect(again.producerEpoch).toBe(0);
  });

  it("are kept as long as they are used", async () => {
    const world = await TransactionWorld.start();
    for (let day = 0; day < 20; day++) {
      begun(world);
      world.clock.advance(DAY_MS);
    }
    expect(world.known()?.producerEpoch).toBe(19);
  });
});

describe("partitions that are added", () => {
  it("by leaders at the same time all come in", async () => {
    const world = await TransactionWorld.start();
    const producer = begun(world);
    world.add(producer, [0]);
    world.log.autoCommit = false;
    expect([world.add(producer, [1]), world.add(producer, [2])]).toEqual([undefined, undefined]);
    world.log.commit();
    expect(world.known()?.partitions).toEqual(new Map([["t", new Set([0, 1, 2])]]));
  });

  it("again cost no record", async () => {
    const world = await TransactionWorld.start();
    const producer = begun(world);
    world.add(producer, [0, 1]);
    const before = world.records;
    expect(world.add(producer, [1])).toBe(NONE);
    expect(world.records).toBe(before);
  });

  it("whose record is not stored are not in the transaction", async () => {
    const world = await TransactionWorld.start();
    const producer = begun(world);
    world.log.refusal = NOT_ENOUGH_REPLICAS;
    expect(world.add(producer)).toBe(COORDINATOR_NOT_AVAILABLE);
    expect(world.state()).toBe("Empty");
  });
});
