/** The state of share partitions as their coordinator keeps it: what is stored, who is fenced, what is loaded again. */
import { beforeEach, describe, expect, test } from "vitest";
import { handleReadShareGroupState } from "../../../broker/handlers/share-state.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ReadShareGroupState } from "../../../protocol/messages/share-state.ts";
import { topicImage } from "../groups/group-world.ts";
import { batch, ShareStateWorld, STATE_TOPIC, stateImage, T1 } from "./share-state-world.ts";

const UPDATES = 3;
let world: ShareStateWorld;
beforeEach(async () => {
  world = await ShareStateWorld.start({ updatesPerSnapshot: UPDATES });
});

describe("R171: where state is kept", () => {
  test("what another broker keeps is refused, and what is being loaded", async () => {
    world.initialize(0, 0);
    world.coordinator.resign(0, world.leaderEpoch + 1);
    expect(world.read(-1)?.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect(world.summary()?.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    world.log.slowReads = true;
    world.coordinator.lead(0, world.leaderEpoch + 2, world.log);
    expect(world.write({})?.errorCode).toBe(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS);
  });

  test("without the topic nobody coordinates", () => {
    world.image = { ...world.image, topics: new Map() };
    expect(world.initialize(0, 0)?.errorCode).toBe(ErrorCode.NOT_COORDINATOR);
  });

  test("each partition of a request has its own answer", () => {
    world.initialize(0, 7, 1);
    const topics = [
      { topicId: T1.id, partitions: [0, 1, -1].map((partition) => ({ partition, leaderEpoch: -1 })) },
      { topicId: "AAAAAAAAAAAAAAAAAAAA_w", partitions: [{ partition: 0, leaderEpoch: -1 }] },
    ];
    const { result } = world.send(ReadShareGroupState, handleReadShareGroupState, { groupId: "g", topics });
    expect(result?.results.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode))).toEqual([
      [ErrorCode.INVALID_REQUEST, ErrorCode.NONE, ErrorCode.INVALID_REQUEST],
      [ErrorCode.INVALID_REQUEST],
    ]);
  });

  test.each([
    ["no group", { groupId: "", topics: [{ topicId: T1.id, partitions: [{ partition: 0, leaderEpoch: 0 }] }] }],
    ["no topics", { groupId: "g", topics: [] }],
    ["a topic without partitions", { groupId: "g", topics: [{ topicId: T1.id, partitions: [] }] }],
  ])("a request with %s is answered with nothing", (_, request) => {
    expect(world.send(ReadShareGroupState, handleReadShareGroupState, request).result?.results).toEqual([]);
  });
});

describe("R172: initializing, and state epochs", () => {
  test("nothing is read or written before it is initialized; its summary says that there is none", () => {
    expect(world.read(0)).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
    expect(world.write({})).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
    expect(world.summary()).toMatchObject({ errorCode: 0, startOffset: -1, stateEpoch: 0, leaderEpoch: 0 });
    expect(world.delete()).toMatchObject({ errorCode: 0 });
    expect(world.records()).toEqual([]);
  });

  test("a state begins where it is told to, with nothing done", () => {
    expect(world.initialize(0, -1)).toMatchObject({ errorCode: 0 });
    expect(world.read(-1)).toMatchObject({ errorCode: 0, startOffset: -1, stateEpoch: 0, stateBatches: [] });
    expect(world.summary()?.deliveryCompleteCount).toBe(-1);
    expect(world.initialize(1, 40)).toMatchObject({ errorCode: 0 });
    expect(world.read(-1)).toMatchObject({ startOffset: 40, stateEpoch: 1 });
    expect(world.summary()?.deliveryCompleteCount).toBe(0);
    expect(world.records().map(({ value }) => value?.snapshotEpoch)).toEqual([0, 1]);
  });

  test("an older state epoch is fenced, for initializing and for writing; an equal one is not", () => {
    world.initialize(2, 0);
    expect(world.initialize(1, 0)?.errorCode).toBe(ErrorCode.FENCED_STATE_EPOCH);
    expect(world.write({ stateEpoch: 1 })?.errorCode).toBe(ErrorCode.FENCED_STATE_EPOCH);
    expect(world.initialize(2, 5)?.errorCode).toBe(0);
    expect(world.write({ stateEpoch: 2 })?.errorCode).toBe(0);
    expect(world.write({ stateEpoch: -1 })?.errorCode).toBe(0);
  });

  test("there is no state of partitions that there are not", () => {
    expect(world.initialize(0, 0, 4)?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(world.summary(4)?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(world.delete(4)?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(world.initialize(0, 0, -1)?.errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect(world.summary(-1)?.errorCode).toBe(ErrorCode.INVALID_REQUEST);
    expect(world.delete(-1)?.errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });

  test("initializing anew forgets the batches", () => {
    world.initialize(0, 0);
    world.write({ stateBatches: [batch(0, 3, 2, 1)] });
    world.initialize(1, 0);
    expect(world.read(-1)?.stateBatches).toEqual([]);
  });
});

describe("R173: leader epochs", () => {
  test("a newer leader that reads fences the older, also when the coordinator has moved since", async () => {
    world.initialize(0, 0);
    expect(world.read(5)?.errorCode).toBe(0);
    expect(world.read(4)?.errorCode).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(world.write({ leaderEpoch: 4 })?.errorCode).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    await world.failOver();
    expect(world.write({ leaderEpoch: 4 })?.errorCode).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(world.write({ leaderEpoch: 5 })?.errorCode).toBe(0);
    expect(world.summary()?.leaderEpoch).toBe(5);
  });

  test("reading in the same epoch, or in none, stores nothing", () => {
    world.initialize(0, 0);
    world.read(5);
    const count = world.records().length;
    world.read(5);
    world.read(-1);
    expect(world.records()).toHaveLength(count);
  });

  test("initializing anew does not let an old leader back in", () => {
    world.initialize(0, 0);
    world.read(5);
    world.initialize(1, 0);
    expect(world.write({ leaderEpoch: 4, stateEpoch: 1 })?.errorCode).toBe(ErrorCode.FENCED_LEADER_EPOCH);
  });

  test("answers wait until what they say is committed", () => {
    world.initialize(0, 0);
    world.log.autoCommit = false;
    const topics = [{ topicId: T1.id, partitions: [{ partition: 0, leaderEpoch: 9 }] }];
    const answered = world.send(ReadShareGroupState, handleReadShareGroupState, { groupId: "g", topics });
    const behind = world.send(ReadShareGroupState, handleReadShareGroupState, { groupId: "g", topics });
    expect([answered.result, behind.result]).toEqual([undefined, undefined]);
    world.log.commit();
    expect(answered.result?.results[0]?.partitions[0]?.errorCode).toBe(0);
    expect(behind.result?.results[0]?.partitions[0]?.errorCode).toBe(0);
  });

  test("what is not committed in time is told as not available", () => {
    world.log.autoCommit = false;
    const topics = [{ topicId: T1.id, partitions: [{ partition: 0, leaderEpoch: 9 }] }];
    world.log.autoCommit = true;
    world.initialize(0, 0);
    world.log.autoCommit = false;
    const answered = world.send(ReadShareGroupState, handleReadShareGroupState, { groupId: "g", topics });
    world.clock.advance(world.settings.writeTimeoutMs);
    expect(answered.result?.results[0]?.partitions[0]?.errorCode).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  });
});

describe("R174: batches", () => {
  test("what was told twice, or late, changes nothing", () => {
    world.initialize(0, 0);
    world.write({ stateBatches: [batch(0, 9, 0, 1)], deliveryCompleteCount: 0 });
    world.write({ stateBatches: [batch(2, 3, 2, 1)], deliveryCompleteCount: 2 });
    world.write({ stateBatches: [batch(0, 9, 0, 1)], deliveryCompleteCount: 2 });
    expect(world.read(-1)?.stateBatches).toEqual([batch(0, 1, 0, 1), batch(2, 3, 2, 1), batch(4, 9, 0, 1)]);
    expect(world.summary()?.deliveryCompleteCount).toBe(2);
  });

  test("the start moves on and takes along what lies below it; it does not go back in one state epoch", async () => {
    world.initialize(0, 0);
    world.write({ stateBatches: [batch(0, 9, 2, 1)] });
    world.write({ startOffset: 5 });
    world.write({ startOffset: 3 });
    expect(world.read(-1)).toMatchObject({ startOffset: 5, stateBatches: [batch(5, 9, 2, 1)] });
    await world.failOver();
    expect(world.read(-1)).toMatchObject({ startOffset: 5, stateBatches: [batch(5, 9, 2, 1)] });
    world.initialize(1, 3);
    expect(world.read(-1)).toMatchObject({ startOffset: 3, stateBatches: [] });
  });
});

describe("R175: updates, snapshots, loading, pruning", () => {
  test("after so many updates comes a snapshot of all", async () => {
    world.initialize(0, 0);
    for (let offset = 0; offset < 5; offset++) world.write({ stateBatches: [batch(offset, offset, 2, 1)] });
    expect(world.records().map(({ name }) => name)).toEqual([
      "ShareSnapshotValue",
      ...Array.from({ length: UPDATES }, () => "ShareUpdateValue"),
      "ShareSnapshotValue",
      "ShareUpdateValue",
    ]);
    expect(world.records()[4]?.value).toMatchObject({ snapshotEpoch: 1, stateBatches: [batch(0, 3, 2, 1)] });
    const before = world.read(-1);
    await world.failOver();
    expect(world.read(-1)).toEqual(before);
    expect(before?.stateBatches).toEqual([batch(0, 4, 2, 1)]);
  });

  test("with none allowed in between, each write is a snapshot", async () => {
    world = await ShareStateWorld.start({ updatesPerSnapshot: 0 });
    world.initialize(0, 0);
    world.write({ stateBatches: [batch(0, 0, 2, 1)] });
    expect(world.records().map(({ name }) => name)).toEqual(["ShareSnapshotValue", "ShareSnapshotValue"]);
  });

  test("what lies before every last snapshot is deleted, and the rest is enough", async () => {
    world.initialize(0, 0, 0);
    world.initialize(0, 0, 1);
    for (let offset = 0; offset < 5; offset++) world.write({ stateBatches: [batch(offset, offset, 2, 1)] }, 1);
    world.clock.advance(world.settings.pruneIntervalMs - 1);
    expect(world.log.logStartOffset).toBe(0);
    world.clock.advance(1);
    // The first one's snapshot is still the oldest thing that counts.
    expect(world.log.logStartOffset).toBe(0);
    world.initialize(1, 8, 0);
    world.clock.advance(world.settings.pruneIntervalMs);
    expect(world.log.logStartOffset).toBeGreaterThan(0);
    const before = [world.read(-1, 0), world.read(-1, 1)];
    await world.failOver();
    expect([world.read(-1, 0), world.read(-1, 1)]).toEqual(before);
  });

  test("when all is deleted the log holds nothing", () => {
    world.initialize(0, 0);
    world.delete();
    expect(world.summary()?.startOffset).toBe(-1);
    world.clock.advance(world.settings.pruneIntervalMs);
    expect(world.records()).toEqual([]);
  });

  test("what has not changed for long is written again, once", async () => {
    world = await ShareStateWorld.start({ coldSnapshotIntervalMs: 1000, pruneIntervalMs: 100_000 });
    world.initialize(0, 0, 0);
    world.write({ stateBatches: [batch(0, 0, 2, 1)] }, 0);
    world.clock.advance(1000);
    expect(world.records()).toHaveLength(3);
    expect(world.records()[2]?.value).toMatchObject({ snapshotEpoch: 1, stateBatches: [batch(0, 0, 2, 1)] });
    world.clock.advance(5000);
    expect(world.records()).toHaveLength(3);
  });
});

describe("R176: deleted topics", () => {
  test("take their state along", async () => {
    world.initialize(0, 0);
    world.image = stateImage();
    world.coordinator.topicsDeleted(new Set([T1.id]));
    expect(world.records().at(-1)).toEqual({ name: "ShareSnapshotValue", value: null });
    world.image = stateImage(topicImage(T1.name, T1.id, 4));
    expect(world.summary()?.startOffset).toBe(-1);
  });

  test("also when they are deleted while nobody leads", async () => {
    world.initialize(0, 0);
    world.coordinator.close();
    world.image = stateImage();
    await world.failOver();
    expect(world.records().at(-1)).toEqual({ name: "ShareSnapshotValue", value: null });
  });

  test("and those that are there stay", async () => {
    world.initialize(0, 3);
    await world.failOver();
    world.coordinator.topicsDeleted(new Set(["AAAAAAAAAAAAAAAAAAAA_w"]));
    expect(world.summary()?.startOffset).toBe(3);
    expect(world.image.topics.has(STATE_TOPIC)).toBe(true);
  });
});
