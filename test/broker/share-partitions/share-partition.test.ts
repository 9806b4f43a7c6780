import { describe, expect, test } from "vitest";
import { ConnectedClient } from "../../../broker/network/connected-client.ts";
import { AcknowledgeType } from "../../../broker/share-partitions/acknowledgement.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { GROUP, ShareWorld } from "./share-world.ts";

const { ACCEPT, GAP, RELEASE } = AcknowledgeType;
const [ACKNOWLEDGED, AVAILABLE] = [2, 0];
const LOCK_MS = 30_000;
/** After this long the keeper of the state is asked no more. */
const GIVE_UP_MS = 31_000;

function isOf(pieces: number[][] | number, offset: number): boolean {
  return typeof pieces !== "number" && pieces.some(([first = 0, last = 0]) => first <= offset && offset <= last);
}

describe("a share partition", () => {
  test("R193: what is acknowledged is stored before it is answered", async () => {
    await using world = new ShareWorld();
    await world.initialize();
    await world.append(10);
    expect(await world.fetch("a")).toEqual([[0, 9, 1]]);
    expect(await world.acknowledge("a", [0, 4, ACCEPT])).toBe(0);
    expect(await world.stored()).toEqual({ startOffset: 0, batches: [[0, 4, ACKNOWLEDGED, 1]] });
    expect(await world.acknowledge("a", [5, 9, RELEASE])).toBe(0);
    expect(await world.stored()).toEqual({ startOffset: 5, batches: [[5, 9, AVAILABLE, 1]] });
  });

  test("R193: what cannot be stored is not acknowledged, and its member has it again", async () => {
    await using world = new ShareWorld({ configs: new Map([["group.share.record.lock.duration.ms", "60000"]]) });
    await world.initialize();
    await world.append(10);
    expect(await world.fetch("a")).toEqual([[0, 9, 1]]);
    await world.keeperIsAway(true);
    const answered = world.acknowledge("a", [0, 9, ACCEPT]);
    // Being stored it is nobody's.
    expect(await world.acknowledge("a", [0, 9, ACCEPT])).toBe(ErrorCode.INVALID_RECORD_STATE);
    await world.pass(GIVE_UP_MS);
    expect(await answered).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    await world.keeperIsAway(false);
    expect(await world.acknowledge("a", [0, 9, ACCEPT])).toBe(0);
    expect(await world.stored()).toEqual({ startOffset: 0, batches: [[0, 9, ACKNOWLEDGED, 1]] });
  });

  test("R193, R191: when its time is up by then, another gets it", async () => {
    await using world = new ShareWorld();
    await world.initialize();
    await world.append(10);
    expect(await world.fetch("a")).toEqual([[0, 9, 1]]);
    await world.keeperIsAway(true);
    const answered = world.acknowledge("a", [0, 9, ACCEPT]);
    await world.pass(GIVE_UP_MS);
    expect(await answered).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    await world.keeperIsAway(false);
    expect(await world.fetch("b")).toEqual([[0, 9, 2]]);
    expect(await world.acknowledge("a", [0, 9, ACCEPT])).toBe(ErrorCode.INVALID_RECORD_STATE);
    expect(await world.acknowledge("b", [0, 9, ACCEPT])).toBe(0);
  });

  test("R191: when a lock ends, whoever waits gets the records at once; the count is stored", async () => {
    await using world = new ShareWorld();
    await world.initialize();
    await world.append(3);
    expect(await world.fetch("a")).toEqual([[0, 2, 1]]);
    const waiting = world.fetch("b", { maxWaitMs: 2 * LOCK_MS });
    await world.pass(LOCK_MS + 100);
    expect(await waiting).toEqual([[0, 2, 2]]);
    expect(await world.stored()).toEqual({ startOffset: 0, batches: [[0, 2, AVAILABLE, 1]] });
    expect(await world.acknowledge("a", [0, 2, ACCEPT])).toBe(ErrorCode.INVALID_RECORD_STATE);
  });

  test("R192: a new leader goes on from what is stored; what was under way is delivered again", async () => {
    await using world = new ShareWorld();
    await world.initialize();
    for (let i = 0; i < 4; i++) await world.append(5);
    expect(await world.fetch("a", { batchSize: 5 })).toEqual([0, 5, 10, 15].map((offset) => [offset, offset + 4, 1]));
    expect(await world.acknowledge("a", [5, 9, ACCEPT], [15, 16, RELEASE, ACCEPT])).toBe(0);
    const before = world.share();
    world.leadAnew();
    expect(before.failure?.code).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    const pieces = await world.fetch("b");
    expect(pieces).toEqual([
      [0, 4, 1],
      [10, 14, 1],
      [15, 15, 2],
      [17, 19, 1],
    ]);
    expect(await world.acknowledge("b", [0, 4, ACCEPT], [10, 19, ACCEPT])).toBe(ErrorCode.INVALID_RECORD_STATE);
    expect(await world.acknowledge("b", [0, 4, ACCEPT], [10, 15, ACCEPT], [17, 19, ACCEPT])).toBe(0);
    expect(await world.fetch("b", { maxWaitMs: 0 })).toEqual([]);
  });

  test("R192: whoever waits for a share partition when its leader goes is told", async () => {
    await using world = new ShareWorld();
    await world.initialize();
    await world.append(1);
    expect(await world.fetch("a")).toEqual([[0, 0, 1]]);
    const waiting = world.fetch("b", { maxWaitMs: 20_000 });
    world.leadAnew();
    expect(await waiting).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  });

  test("R189: state that cannot be read is nobody's to go by", async () => {
    await using world = new ShareWorld();
    await world.append(1);
    const tooEarly = world.fetch("a", { maxWaitMs: 2000 });
    await world.pass(1000);
    expect(await tooEarly).toBe(ErrorCode.UNKNOWN_SERVER_ERROR); // nothing was initialized
    await world.initialize();
    await world.keeperIsAway(true);
    const asked = world.fetch("a", { maxWaitMs: 60_000 });
    await world.pass(GIVE_UP_MS);
    expect(await asked).toBe(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    await world.keeperIsAway(false);
    expect(await world.fetch("a")).toEqual([[0, 0, 1]]);
  });

  test("R190: who wants more than there is reads again when something moved, not because another has read", async () => {
    await using world = new ShareWorld();
    await world.initialize();
    await world.append(100);
    let reads = 0;
    const { log } = world;
    const read = log.read.bind(log);
    log.read = (...args) => {
      reads++;
      // As from a disk.
      return Promise.resolve(read(...args));
    };
    const limits = { maxWaitMs: 1000, minBytes: 1 << 20 };
    const fetches = [world.fetch("a", limits), world.fetch("b", limits), world.fetch("c", limits)];
    await world.pass(500);
    const before = reads;
    expect(before).toBeLessThan(12);
    await world.append(1);
    await world.pass(300);
    expect(reads - before).toBeLessThan(12);
    await world.pass(400);
    const got = await Promise.all(fetches);
    expect(got.filter((pieces) => typeof pieces !== "number" && pieces.length > 0).length).toBeGreaterThan(0);
  });

  test("R194: the log's start moves past what is available", async () => {
    await using world = new ShareWorld();
    await world.initialize();
    await world.append(5);
    await world.append(5);
    expect(await world.fetch("a", { maxRecords: 5 })).toEqual([[0, 4, 1]]);
    expect(await world.acknowledge("a", [0, 4, RELEASE])).toBe(0);
    world.log.raiseLogStartOffset(7);
    expect(await world.fetch("a")).toEqual([[7, 9, 1]]);
    expect(await world.acknowledge("a", [7, 9, ACCEPT])).toBe(0);
    expect(await world.stored()).toEqual({ startOffset: 7, batches: [[7, 9, ACKNOWLEDGED, 1]] });
  });

  test("R195: a group that reads what is committed waits for the end of a transaction, and gets nothing of aborted ones", async () => {
    await using world = new ShareWorld();
    await world.initialize();
    world.configureGroup({ "share.isolation.level": "read_committed" });
    await world.append(2);
    await world.append(3, { producerId: 7 });
    await world.append(2, { producerId: 8 });
    await world.append(2);
    expect(await world.fetch("a")).toEqual([[0, 1, 1]]);
    const waiting = world.fetch("a", { maxWaitMs: 20_000 });
    await world.endTransaction(8, true);
    await world.endTransaction(7, false);
    // 2 to 4 were aborted; 9 and 10 are the markers, of which members say that there is no record.
    expect(await waiting).toEqual([[5, 10, 1]]);
    expect(await world.acknowledge("a", [0, 1, ACCEPT], [5, 8, ACCEPT], [9, 10, GAP])).toBe(0);
    expect(await world.fetch("a", { maxWaitMs: 0 })).toEqual([]);
    expect(world.share().startOffset).toBe(11);
  });

  test("R195: a group whose every record was aborted goes on", async () => {
    await using world = new ShareWorld({ configs: new Map([["group.share.partition.max.record.locks", "100"]]) });
    await world.initialize();
    world.configureGroup({ "share.isolation.level": "read_committed" });
    for (let i = 0; i < 5; i++) await world.append(60, { producerId: 7 });
    await world.endTransaction(7, false);
    await world.append(1);
    let pieces: number[][] | number = [];
    // Each fetch passes over no more than may be under way.
    for (let i = 0; i < 10 && !isOf(pieces, 301); i++) pieces = await world.fetch("a");
    expect(isOf(pieces, 301)).toBe(true);
  });

  test("R186: a share partition whose last reader goes while its state is being read is not kept", async () => {
    await using world = new ShareWorld();
    await world.initialize();
    await world.keeperIsAway(true);
    const share = world.share();
    expect(share.isReady()).toBe(false);
    const { sessions } = world.fixed.broker.sharePartitions;
    const client = new ConnectedClient("PLAINTEXT", { host: "127.0.0.1", port: 1 }, true);
    sessions.open(GROUP, "a", [share.key], client);
    client.close();
    await world.keeperIsAway(false);
    await world.pass(2000);
    expect(share.failure?.code).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect(world.fixed.broker.sharePartitions.find(GROUP, share.key)).toBeUndefined();
  });

  test("R195: a group that reads everything gets what is aborted too", async () => {
    await using world = new ShareWorld();
    await world.initialize();
    await world.append(3, { producerId: 7 });
    expect(await world.fetch("a")).toEqual([[0, 2, 1]]);
  });

  test.each([
    ["latest", 10],
    ["earliest", 0],
    ["by_duration:PT1H30M", 5],
  ])("R196: where nothing was read yet, a group with share.auto.offset.reset=%s starts at %i", async (reset, start) => {
    await using world = new ShareWorld();
    await world.initialize(-1);
    world.configureGroup({ "share.auto.offset.reset": reset });
    await world.append(5, { ageMs: 2 * 3_600_000 });
    await world.append(5, { ageMs: 3_600_000 });
    const first = world.fetch("a");
    await world.pass(1000);
    const got = await first;
    await world.append(5);
    const pieces = typeof got === "number" || got.length > 0 ? got : await world.fetch("a");
    expect(typeof pieces === "number" ? pieces : pieces[0]?.[0]).toBe(start);
  });
});
