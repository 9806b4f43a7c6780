/** One replica as leader and follower: epochs, ISR, high watermark, who waits and who is told. */
import { describe, expect, test } from "vitest";
import { DelayedProduce, type PendingAppend } from "../../../broker/partition/delayed-produce.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { RecordBatch } from "../../../protocol/records/record-batch.ts";
import { SeededRandom } from "../../simulation/seeded-random.ts";
import { SimulatedDisk } from "../../simulation/simulated-disk.ts";
import { batchOf } from "../../storage/log/log-fixture.ts";
import { BROKER_EPOCH, endOfTurn, LAG_MS, PartitionWorld } from "./partition-world.ts";

function codeOf(run: () => unknown): ErrorCode | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof KafkaError) return error.code;
    throw error;
  }
}

/** A produce that waits; its codes when it is done. */
function waitFor(
  world: PartitionWorld,
  requiredOffset: number,
  timeoutMs = 1000,
  thisReplicaOnly = false,
): { readonly codes: (number | undefined)[]; cancel(): void } {
  const { partition } = world;
  const { tenure } = partition;
  const pending: PendingAppend = { partition, tenure, requiredOffset, thisReplicaOnly, errorCode: undefined };
  const codes: (number | undefined)[] = [];
  const delayed = new DelayedProduce([pending], () => codes.push(pending.errorCode));
  delayed.start(world.clock, timeoutMs);
  return { codes, cancel: () => delayed.cancel() };
}

describe("epochs", () => {
  test("R11: a leader epoch from somebody else is too old, too new, or not looked at", () => {
    const world = new PartitionWorld();
    world.apply({ leaderEpoch: 5 });
    expect(codeOf(() => world.partition.checkLeaderEpoch(4))).toBe(ErrorCode.FENCED_LEADER_EPOCH);
    expect(codeOf(() => world.partition.checkLeaderEpoch(6))).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
    for (const epoch of [5, -1, -2]) expect(codeOf(() => world.partition.checkLeaderEpoch(epoch))).toBeUndefined();
  });

  test("R14: a leader writes its epoch down before it has a record of it", () => {
    const world = new PartitionWorld();
    world.append(["a", "b"]);
    world.apply({ leaderEpoch: 3 });
    expect(world.log.leaderEpochs).toEqual([
      { leaderEpoch: 0, startOffset: 0 },
      { leaderEpoch: 3, startOffset: 2 },
    ]);
    expect(world.log.endOffsetForEpoch(3)).toEqual({ leaderEpoch: 3, endOffset: 2 });
    expect(world.log.endOffsetForEpoch(2)).toEqual({ leaderEpoch: 0, endOffset: 2 });
    const { baseOffset } = world.append(["c"]);
    expect(world.log.epochForOffset(baseOffset)).toBe(3);
  });

  test("R27: a partition epoch without a leader epoch resets nothing; an older one is ignored, an equal one is fine", () => {
    const world = new PartitionWorld();
    world.append(["a", "b"]);
    world.fetched(2, 2);
    world.fetched(3, 1);
    const { leader } = world.partition;
    const before = world.image;
    world.apply({ inSyncReplicas: [1, 2] });
    expect(world.partition.leader).toBe(leader);
    expect(world.partition.leader?.follower(2)?.logEndOffset).toBe(2);
    expect(world.log.leaderEpochs).toHaveLength(1);
    world.partition.apply(before);
    expect(world.partition.state.inSyncReplicas).toEqual([1, 2]);
    world.partition.apply(world.image);
    expect(world.partition.state).toEqual(world.image);
  });

  test("R32: a new leader epoch knows nothing of what replicas had before", () => {
    const world = new PartitionWorld();
    world.append(["a"]);
    world.fetched(2, 1);
    world.fetched(3, 1);
    expect(world.highWatermark).toBe(1);
    world.append(["b"]);
    world.apply({ leaderEpoch: 1, inSyncReplicas: [1, 2] });
    expect(world.partition.leader?.follower(3)).toMatchObject({ logEndOffset: -1 });
    world.fetched(2, 2);
    expect(world.highWatermark).toBe(2);
    world.fetched(3, 0); // removed and added again meanwhile, with an empty disk
    expect(world.isr.last).toBeUndefined();
  });

  test("R30: a new leader starts with the high watermark it knew, and moves it once the ISR shows up", () => {
    const world = new PartitionWorld({ leader: 2 });
    const batch = batchOf(["a", "b", "c"]);
    new RecordBatch(batch).partitionLeaderEpoch = 0;
    world.partition.appendAsFollower(batch, undefined, 0);
    world.partition.followLeaderMarks(1, 0);
    world.apply({ leader: 1, leaderEpoch: 1, inSyncReplicas: [1, 3] });
    expect(world.highWatermark).toBe(1);
    expect(world.partition.leader?.epochStartOffset).toBe(3);
    world.fetched(3, 2);
    expect(world.highWatermark).toBe(2);
    world.fetched(3, 3);
    expect(world.highWatermark).toBe(3);
  });

  test("V10: the high watermark of a leader never goes back", () => {
    const world = new PartitionWorld();
    world.append(["a", "b", "c"]);
    world.fetched(2, 3);
    world.fetched(3, 3);
    expect(world.highWatermark).toBe(3);
    world.fetched(3, 1);
    expect(world.highWatermark).toBe(3);
    world.apply({ leaderEpoch: 1 });
    world.fetched(2, 1);
    world.fetched(3, 0);
    expect(world.highWatermark).toBe(3);
  });
});

describe("R33, R34, R42: changes of the ISR", () => {
  /** A leader with ISR [1, 2], all of which have `count` records; 3 has none. */
  function withoutThree(count: number): PartitionWorld {
    const world = new PartitionWorld({ inSyncReplicas: [1, 2] });
    world.append(Array.from({ length: count }, (_, i) => `r${i}`));
    world.fetched(2, count);
    return world;
  }

  test("R33: while a replica is being added, what it does not have is not committed", () => {
    const world = withoutThree(2);
    world.fetched(3, 2);
    expect(world.isr.last?.replicas).toEqual([1, 2, 3]);
    world.append(["more"]);
    world.fetched(2, 3);
    expect(world.highWatermark).toBe(2);
    world.isr.commit();
    expect(world.partition.state).toMatchObject({ inSyncReplicas: [1, 2, 3], partitionEpoch: 1 });
    expect(world.highWatermark).toBe(2);
    world.fetched(3, 3);
    expect(world.highWatermark).toBe(3);
  });

  test("R33: what is sent names every replica's incarnation", () => {
    const world = withoutThree(2);
    world.fetched(3, 2, { brokerEpoch: 33 });
    expect(world.isr.last?.change).toMatchObject({
      ...{ partitionIndex: 0, leaderEpoch: 0, partitionEpoch: 0, leaderRecoveryState: 0 },
      newIsrWithEpochs: [
        { brokerId: 1, brokerEpoch: BROKER_EPOCH },
        { brokerId: 2, brokerEpoch: 2 },
        { brokerId: 3, brokerEpoch: 33 },
      ],
    });
  });

  test("R34: a shrink counts when the controller says so; then who waits is answered", async () => {
    const world = new PartitionWorld();
    world.append(["a"]);
    world.fetched(2, 1);
    const waiting = waitFor(world, 1, 10 * LAG_MS);
    world.clock.advance(LAG_MS + 1);
    world.fetched(2, 1);
    world.partition.maybeShrinkIsr();
    expect(world.isr.last?.replicas).toEqual([1, 2]);
    expect(world.highWatermark).toBe(0);
    await endOfTurn();
    expect(waiting.codes).toEqual([]);
    world.isr.commit();
    expect(world.highWatermark).toBe(1);
    await endOfTurn();
    expect(waiting.codes).toEqual([ErrorCode.NONE]);
  });

  test("R42: one change is in flight at a time", () => {
    const world = withoutThree(1);
    world.fetched(3, 1);
    world.fetched(3, 1);
    world.clock.advance(10 * LAG_MS);
    world.append(["more"]);
    world.partition.maybeShrinkIsr();
    expect(world.isr.proposed).toHaveLength(1);
    world.isr.commit();
    world.partition.maybeShrinkIsr();
    expect(world.isr.last?.replicas).toEqual([1]);
  });

  test("R42: newer metadata settles a change, and its late answer says nothing", () => {
    const world = withoutThree(1);
    world.fetched(3, 1);
    world.apply({ inSyncReplicas: [1] });
    world.isr.commit();
    expect(world.partition.state).toMatchObject({ inSyncReplicas: [1], partitionEpoch: 1 });
    expect(world.partition.leader?.inSync.proposal).toBeUndefined();
    // The flag is not stuck: the next one is proposed, on top of the newer epoch.
    world.fetched(2, 1);
    expect(world.isr.last?.change).toMatchObject({ partitionEpoch: 1 });
  });

  test("R42: our own change comes back as metadata, and does not undo the next one", () => {
    const world = withoutThree(1);
    world.fetched(3, 1);
    world.isr.commit();
    const committed = world.partition.state;
    world.clock.advance(LAG_MS + 1);
    world.append(["more"]);
    world.partition.maybeShrinkIsr();
    expect(world.isr.proposed).toHaveLength(2);
    world.partition.apply({ ...committed });
    expect(world.partition.leader?.inSync.proposal?.replicas).toEqual([1]);
    world.isr.commit();
    expect(world.partition.state.inSyncReplicas).toEqual([1]);
  });

  test("R42: an answer of an old leader epoch is not looked at", () => {
    const world = withoutThree(1);
    world.fetched(3, 1);
    world.apply({ leaderEpoch: 1 });
    world.isr.answer({ isr: [1, 2, 3], leaderEpoch: 0, partitionEpoch: 9 });
    expect(world.partition.state).toMatchObject({ inSyncReplicas: [1, 2], partitionEpoch: 1 });
  });

  test("R39, R40: an ineligible replica is refused, and the ISR is what it was", () => {
    for (const refusal of [ErrorCode.INELIGIBLE_REPLICA, ErrorCode.OPERATION_NOT_ATTEMPTED]) {
      const world = withoutThree(1);
      world.fetched(3, 1);
      world.append(["more"]);
      world.fetched(2, 2);
      expect(world.highWatermark).toBe(1);
      world.brokers.set(3, { eligible: false, epoch: 3 });
      world.isr.refuse(refusal);
      expect(world.partition.leader?.inSync.maximal).toEqual([1, 2]);
      expect(world.highWatermark).toBe(2);
      world.fetched(3, 2);
      expect(world.isr.proposed).toHaveLength(1);
    }
  });

  test("R39: a replica that restarts while it is being added is not added as its new incarnation", () => {
    const world = withoutThree(1);
    world.fetched(3, 1, { brokerEpoch: 33 });
    world.partition.replicaRestarted(3, 44);
    world.isr.refuse(ErrorCode.NOT_CONTROLLER);
    world.clock.advance(100);
    expect(world.isr.proposed).toHaveLength(2);
    expect(world.isr.last?.change.newIsrWithEpochs?.at(-1)).toMatchObject({ brokerId: 3, brokerEpoch: 33 });
  });

  test("R43: what the controller could not say is asked again, after a while; what it did say waits for metadata", () => {
    const world = withoutThree(1);
    world.fetched(3, 1);
    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(world.isr.proposed).toHaveLength(attempt);
      world.isr.refuse(ErrorCode.NOT_CONTROLLER);
      expect(world.isr.proposed).toHaveLength(attempt);
      world.clock.advance(100);
    }
    for (const waits of [
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      ErrorCode.UNKNOWN_TOPIC_ID,
      ErrorCode.INVALID_UPDATE_VERSION,
      ErrorCode.FENCED_LEADER_EPOCH,
      ErrorCode.INVALID_REQUEST,
      ErrorCode.NEW_LEADER_ELECTED,
    ]) {
      const other = withoutThree(1);
      other.fetched(3, 1);
      other.isr.refuse(waits);
      other.clock.advance(10_000);
      other.fetched(3, 1);
      expect(other.isr.proposed).toHaveLength(1);
      expect(other.partition.leader?.inSync.maximal).toEqual([1, 2, 3]);
      other.apply({});
      other.fetched(3, 1);
      expect(other.isr.proposed).toHaveLength(2);
    }
  });

  test("a retry that newer metadata overtook is not sent, and leaves no timer", () => {
    const world = withoutThree(1);
    world.fetched(3, 1);
    world.isr.refuse(ErrorCode.UNKNOWN_SERVER_ERROR);
    world.apply({});
    world.clock.advance(100);
    expect(world.isr.proposed).toHaveLength(1);
    expect(world.clock.pending).toBe(0);
  });

  test("R41: a replica that shuts down in order is dropped by metadata, and holds nothing back", () => {
    const world = new PartitionWorld();
    world.append(["a"]);
    world.fetched(2, 1);
    world.fetched(3, 1);
    world.brokers.set(3, { eligible: false, epoch: 3 });
    world.apply({ inSyncReplicas: [1, 2] });
    world.append(["b"]);
    world.fetched(2, 2);
    expect(world.highWatermark).toBe(2);
    expect(world.partition.state.leaderEpoch).toBe(0);
  });

  test("a replica that was expected to join is waited for only as long as it may be", () => {
    const world = withoutThree(1);
    world.brokers.set(3, { eligible: true, epoch: 3 });
    world.fetched(3, 1);
    world.isr.refuse(ErrorCode.INELIGIBLE_REPLICA);
    world.append(["b"]);
    world.fetched(2, 2);
    expect(world.highWatermark).toBe(1);
    world.clock.advance(LAG_MS + 1);
    world.fetched(2, 2);
    world.partition.maybeShrinkIsr();
    expect(world.highWatermark).toBe(2);
  });
});

describe("acks=all", () => {
  test("R35: too small an ISR refuses acks=all and freezes the high watermark for acks=1", () => {
    const world = new PartitionWorld({ inSyncReplicas: [1], minInSyncReplicas: 2 });
    expect(codeOf(() => world.append(["a"], true))).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
    expect(world.log.logEndOffset).toBe(0);
    world.append(["a"]);
    expect([world.log.logEndOffset, world.highWatermark]).toEqual([1, 0]);
    world.fetched(2, 1);
    world.isr.commit();
    expect(world.highWatermark).toBe(1);
  });

  test("R35: an ISR that became too small after the append is told", async () => {
    const world = new PartitionWorld({ minInSyncReplicas: 2 });
    world.append(["a"], true);
    const waiting = waitFor(world, 1);
    // The ISR shrinks to one, the watermark stands still; then the setting allows it.
    world.apply({ inSyncReplicas: [1] });
    await endOfTurn();
    expect(waiting.codes).toEqual([]);
    world.fetched(2, 1);
    world.isr.refuse(ErrorCode.INELIGIBLE_REPLICA);
    world.partition.minInSyncReplicas = 1;
    world.partition.maybeAdvanceHighWatermark();
    world.partition.minInSyncReplicas = 2;
    await endOfTurn();
    expect(waiting.codes).toEqual([ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND]);
  });

  test("R52: what was not replicated in time stays, and a retry gets its first offset", async () => {
    const world = new PartitionWorld();
    const records = () => batchOf(["a"], { producerId: 7, producerEpoch: 0, baseSequence: 0 });
    const append = () => {
      const prepared = world.log.prepare(records(), undefined, { origin: "client" });
      if (prepared instanceof Promise) throw new Error("prepared elsewhere");
      return world.partition.append(prepared, true);
    };
    const { lastOffset } = append();
    const waiting = waitFor(world, lastOffset + 1, 1);
    world.clock.advance(1);
    expect(waiting.codes).toEqual([ErrorCode.REQUEST_TIMED_OUT]);
    expect(append()).toMatchObject({ duplicate: true, baseOffset: 0 });
    const again = waitFor(world, 1);
    world.fetched(2, 1);
    world.fetched(3, 1);
    await endOfTurn();
    expect(again.codes).toEqual([ErrorCode.NONE]);
    expect(world.log.logEndOffset).toBe(1);
  });

  test("R12: a leader that is deposed tells who waits; one that leads on in a newer epoch does not", async () => {
    const world = new PartitionWorld();
    world.append(["a"]);
    const patient = waitFor(world, 1, 60_000);
    world.apply({ leaderEpoch: 1 });
    await endOfTurn();
    expect(patient.codes).toEqual([]);
    world.fetched(2, 1);
    world.fetched(3, 1);
    await endOfTurn();
    expect(patient.codes).toEqual([ErrorCode.NONE]);
    world.append(["b"]);
    const deposed = waitFor(world, 2, 60_000);
    world.apply({ leader: 2, leaderEpoch: 2 });
    world.apply({ leader: 1, leaderEpoch: 3 }); // back before anybody looked: what was appended may be gone
    await endOfTurn();
    expect(deposed.codes).toEqual([ErrorCode.NOT_LEADER_OR_FOLLOWER]);
    expect(world.clock.pending).toBe(0);
  });

  test("who is gone is not waited for any more", () => {
    const world = new PartitionWorld();
    world.append(["a"]);
    const waiting = waitFor(world, 1);
    expect([world.clock.pending, world.partition.highWatermarkWatch.size]).toEqual([1, 1]);
    waiting.cancel();
    expect([world.clock.pending, world.partition.highWatermarkWatch.size]).toEqual([0, 0]);
    world.fetched(2, 1);
    world.fetched(3, 1);
    expect(waiting.codes).toEqual([]);
  });

  test("a follower takes no appends", () => {
    const world = new PartitionWorld({ leader: 2 });
    expect(codeOf(() => world.append(["a"]))).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    expect(codeOf(() => world.partition.requireLeader())).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
  });
});

describe("followers", () => {
  test("R20: marks of the leader count as far as the log goes, and never go back", () => {
    const world = new PartitionWorld({ leader: 2 });
    world.partition.followLeaderMarks(5, 0);
    expect(world.highWatermark).toBe(0);
    const batch = batchOf(["a", "b", "c"]);
    new RecordBatch(batch).partitionLeaderEpoch = 0;
    world.partition.appendAsFollower(batch, undefined, 0);
    world.partition.followLeaderMarks(2, 0);
    expect(world.highWatermark).toBe(2);
    for (const hostile of [1, -1, -7]) world.partition.followLeaderMarks(hostile, 0);
    expect(world.highWatermark).toBe(2);
    world.partition.followLeaderMarks(9, 2);
    expect([world.highWatermark, world.log.logStartOffset]).toEqual([3, 2]);
    world.partition.followLeaderMarks(9, 99);
    expect(world.log.logStartOffset).toBe(3);
    world.partition.followLeaderMarks(9, -5);
    expect(world.log.logStartOffset).toBe(3);
  });

  test("the low watermark is that of the live replicas", async () => {
    const world = new PartitionWorld();
    world.append(["a", "b", "c"]);
    world.fetched(2, 3);
    world.fetched(3, 3);
    world.log.raiseLogStartOffset(2);
    const woken: number[] = [];
    world.partition.lowWatermarkWatch.add({ tryComplete: () => woken.push(1) > 0 });
    expect(world.partition.lowWatermark(() => true)).toBe(0);
    world.fetched(2, 3, { logStartOffset: 2 });
    await endOfTurn();
    expect(woken).toHaveLength(1);
    expect(world.partition.lowWatermark(() => true)).toBe(0);
    expect(world.partition.lowWatermark((id) => id !== 3)).toBe(2);
  });

  test("whoever is no replica counts for nothing", () => {
    const world = new PartitionWorld();
    world.append(["a"]);
    world.fetched(9, 1);
    expect(world.highWatermark).toBe(0);
    expect(world.isr.proposed).toEqual([]);
  });
});

describe("R29: what can be read", () => {
  test("nothing at or past the high watermark, however much was appended", () => {
    const world = new PartitionWorld();
    world.append(["a"]);
    world.fetched(2, 1);
    world.fetched(3, 1);
    world.append(["b"]);
    world.append(["c"]);
    const read = world.readable(0);
    const bytes = Buffer.concat(read.pieces);
    expect(bytes.length).toBe(new RecordBatch(bytes).sizeBytes);
    read.release();
    expect(world.readable(1).sizeBytes).toBe(0);
  });
});

describe("a disk that takes its time, or fails", () => {
  /** A disk whose syncs end when the test says so. */
  function slowDisk(): { readonly disk: SimulatedDisk; readonly syncs: (() => void)[] } {
    const syncs: (() => void)[] = [];
    const later = (_kind: string, _delayMs: number, run: () => void) => void syncs.push(run);
    const disk = new SimulatedDisk({ random: new SeededRandom(1), later });
    disk.makeDirectory("/data");
    return { disk, syncs };
  }

  /** Lets syncs end until none is asked for any more. */
  async function sync(syncs: (() => void)[]): Promise<void> {
    for (; syncs.length > 0; await endOfTurn()) for (const run of syncs.splice(0)) run();
  }

  test("with flush.messages=1 a leader counts only what is on its device", async () => {
    const { disk, syncs } = slowDisk();
    const world = new PartitionWorld({ disk, config: { flushMessages: 1 } });
    await sync(syncs);
    world.append(["a"]);
    world.fetched(2, 1);
    world.fetched(3, 1);
    await endOfTurn();
    expect(world.highWatermark).toBe(0);
    world.append(["b"]);
    await sync(syncs);
    expect(world.highWatermark).toBe(1);
    world.fetched(2, 2);
    world.fetched(3, 2);
    expect(world.highWatermark).toBe(2);
  });

  test("with flush.messages=1 an acks=1 producer waits for this device, and for nobody else", async () => {
    const { disk, syncs } = slowDisk();
    const world = new PartitionWorld({ disk, config: { flushMessages: 1 } });
    await sync(syncs);
    world.append(["a"]);
    const waiting = waitFor(world, 1, 60_000, true);
    await endOfTurn();
    expect(waiting.codes).toEqual([]);
    await sync(syncs);
    await endOfTurn();
    expect(waiting.codes).toEqual([ErrorCode.NONE]);
    expect(world.highWatermark).toBe(0);
  });

  test("with flush.messages=3 at most two records count that are not on the device", async () => {
    const { disk, syncs } = slowDisk();
    const world = new PartitionWorld({ disk, replicas: [1], config: { flushMessages: 3 } });
    await sync(syncs);
    world.append(["a", "b"]);
    expect(world.highWatermark).toBe(2);
    world.append(["c"]);
    expect([world.highWatermark, world.log.countedEndOffset]).toEqual([2, 0]);
    await sync(syncs);
    expect([world.highWatermark, world.log.countedEndOffset]).toEqual([3, 3]);
  });

  test("with flush.messages=1 a leader that finds unsynced records brings them to its device by itself", async () => {
    const { disk, syncs } = slowDisk();
    const world = new PartitionWorld({ disk, replicas: [1], leader: 2 });
    await sync(syncs);
    world.partition.appendAsFollower(batchOf(["a"]), undefined, 0);
    world.log.updateConfig({ ...world.log.config, flushMessages: 1 });
    world.apply({ leader: 1, leaderEpoch: 1 });
    await endOfTurn();
    expect(world.highWatermark).toBe(0);
    await sync(syncs);
    expect(world.highWatermark).toBe(1);
  });

  test("R81: with flush.messages=1 a sync that fails ends the leading, and nobody is told that it worked", async () => {
    const { disk, syncs } = slowDisk();
    const world = new PartitionWorld({ disk, replicas: [1], config: { flushMessages: 1 } });
    await sync(syncs);
    disk.faults.add({ operation: "sync", error: "io" });
    world.append(["a"]);
    const waiting = waitFor(world, 1, 60_000);
    await sync(syncs);
    await endOfTurn();
    expect(waiting.codes).toEqual([ErrorCode.KAFKA_STORAGE_ERROR]);
    expect(world.highWatermark).toBe(0);
  });

  test("R80, R82: who waits for a partition whose log fails is told at once", async () => {
    const { disk, syncs } = slowDisk();
    const world = new PartitionWorld({ disk });
    await sync(syncs);
    world.append(["a"]);
    const waiting = waitFor(world, 1, 60_000);
    disk.faults.add({ operation: "append", error: "io" });
    expect(codeOf(() => world.append(["b"]))).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    await endOfTurn();
    expect(waiting.codes).toEqual([ErrorCode.KAFKA_STORAGE_ERROR]);
    expect(codeOf(() => world.append(["c"]))).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(world.partition.isLeader).toBe(false);
    world.fetched(2, 1);
    world.partition.maybeShrinkIsr();
    expect(world.isr.proposed).toEqual([]);
    // Metadata that still names this broker changes nothing.
    world.apply({ leaderEpoch: 1 });
    expect(world.partition.isLeader).toBe(false);
  });
});
