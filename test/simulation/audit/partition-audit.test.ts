/** What counts as committed, and what of it may be lost. */
import { expect, test } from "vitest";
import type { PartitionImage } from "../../../broker/metadata/metadata-image.ts";
import { partitionImage } from "../../support/fixed-broker.ts";
import { SeededRandom } from "../seeded-random.ts";
import { SimulatedDisk } from "../simulated-disk.ts";
import { PartitionAudit } from "./partition-audit.ts";
import { ReplicaShadow } from "./replica-shadow.ts";
import type { StoredBatch } from "./stored-batch.ts";

function batch(offset: number, leaderEpoch: number): StoredBatch {
  const ofNoProducer = { producerId: -1, producerEpoch: -1, baseSequence: -1 };
  return {
    ...{
      baseOffset: offset,
      lastOffset: offset,
      leaderEpoch,
      crc: offset,
      isControl: false,
      isTransactional: false,
      marker: undefined,
      maxTimestamp: 0,
    },
    ...ofNoProducer,
  };
}

/** A replica that has the batches, and the first `highWatermark` of them committed. */
function replica(nodeId: number, batches: StoredBatch[], highWatermark: number): ReplicaShadow {
  const shadow = new ReplicaShadow(nodeId, new SimulatedDisk({ random: new SeededRandom(1) }), "/");
  return Object.assign(shadow, { batches, endOffset: batches.length, highWatermark });
}

/** Node 1 led epoch 0 and goes on; node 2, which has another second record, leads epoch 1 meanwhile. */
function deposedLeaderCommits({ allowsUnclean }: { allowsUnclean: boolean }): PartitionAudit {
  const promise = { minInSyncReplicas: 2, allowsUnclean };
  const audit = new PartitionAudit("t", "id", 0);
  audit.changed(partitionImage(0, [1, 2, 3]), promise);
  audit.looked(replica(1, [batch(0, 0)], 1), 0, false);
  const elected = partitionImage(0, [1, 2, 3], { leader: 2, leaderEpoch: 1, partitionEpoch: 1, inSyncReplicas: [2] });
  audit.changed({ ...elected, leaderRecoveryState: allowsUnclean ? 1 : 0 }, promise);
  const successor = replica(2, [batch(0, 0), batch(1, 1)], 1);
  audit.shadows.set(2, successor);
  audit.looked(successor, 1, false);
  expect(audit.wasUnclean).toBe(false); // what is committed so far it has
  audit.looked(replica(1, [batch(0, 0), batch(1, 0)], 2), 0, false);
  return audit;
}

test("what a deposed leader commits after an unclean election is a loss, whatever its clients are told", () => {
  const audit = deposedLeaderCommits({ allowsUnclean: true });
  expect([audit.wasUnclean, audit.committedEnd, audit.committed.length]).toEqual([true, 1, 1]);
  expect(audit.losses.map(({ fromOffset }) => fromOffset)).toEqual([1]);
});

test("so is what it committed at offsets where its successor has committed something else", () => {
  const promise = { minInSyncReplicas: 1, allowsUnclean: true };
  const audit = new PartitionAudit("t", "id", 0);
  audit.changed(partitionImage(0, [1, 2]), promise);
  audit.looked(replica(1, [batch(0, 0)], 1), 0, false);
  const elected = partitionImage(0, [1, 2], { leader: 2, leaderEpoch: 1, partitionEpoch: 1, inSyncReplicas: [2] });
  audit.changed({ ...elected, leaderRecoveryState: 1 }, promise);
  audit.looked(replica(2, [batch(0, 0), batch(1, 1), batch(2, 1)], 3), 1, false);
  expect([audit.wasUnclean, audit.committedEnd]).toEqual([false, 3]);
  audit.looked(replica(1, [batch(0, 0), batch(1, 0)], 1), 0, false);
  expect(audit.wasUnclean).toBe(false);
  audit.looked(replica(1, [batch(0, 0), batch(1, 0)], 2), 0, false);
  expect(audit.losses.map(({ fromOffset }) => fromOffset)).toEqual([1]);
  expect(audit.committedEnd).toBe(3);
});

/** Both replicas have both records committed; then the power leaves one of them another second record, of an epoch before. */
function stalePageReturns(): { audit: PartitionAudit; stale: ReplicaShadow; image: PartitionImage } {
  const image = partitionImage(0, [1, 2, 3], { leader: 2, leaderEpoch: 1 });
  const audit = new PartitionAudit("t", "id", 0);
  audit.changed(image, { minInSyncReplicas: 2, allowsUnclean: false });
  const batches = [batch(0, 0), batch(1, 1)];
  audit.looked(replica(2, batches, 2), 1, false);
  for (const id of [1, 2, 3]) audit.shadows.set(id, replica(id, batches, 2));
  const stale = replica(1, [batch(0, 0), batch(1, 0)], 2);
  audit.shadows.set(1, Object.assign(stale, { readDisk: () => {} }));
  expect(audit.powerWasCut(1)).toBe(true);
  audit.hasCrashed(1);
  return { audit, stale, image };
}

test("what a power cut leaves below a high watermark is no promise until the leader was asked", () => {
  const { audit, stale, image } = stalePageReturns();
  audit.looked(stale, undefined, false);
  audit.changed({ ...image, partitionEpoch: 1, inSyncReplicas: [2, 3] }, audit.promise);
  audit.checkCandidates(() => true);
});

test("V18: but it may not be in sync again before that", () => {
  const { audit } = stalePageReturns();
  expect(() => audit.checkCandidates(() => true)).toThrow("1 may lead (ISR 1,2,3, ELR ) and has 0..2");
});

test("V3: after a clean election a deposed leader commits nothing that its successor does not have", () => {
  expect(() => deposedLeaderCommits({ allowsUnclean: false })).toThrow("deposed, commits 1..1 of epoch 0");
});

/** As above, but the new leader has committed as much before the deposed one goes on. */
function deposedLeaderCommitsLess({ allowsUnclean }: { allowsUnclean: boolean }): PartitionAudit {
  const promise = { minInSyncReplicas: 1, allowsUnclean };
  const audit = new PartitionAudit("t", "id", 0);
  audit.changed(partitionImage(0, [1, 2, 3]), promise);
  audit.looked(replica(1, [batch(0, 0)], 1), 0, false);
  const elected = partitionImage(0, [1, 2, 3], { leader: 2, leaderEpoch: 1, partitionEpoch: 1, inSyncReplicas: [2] });
  audit.changed({ ...elected, leaderRecoveryState: allowsUnclean ? 1 : 0 }, promise);
  const successor = replica(2, [batch(0, 0), batch(1, 1), batch(2, 1)], 3);
  audit.shadows.set(2, successor);
  audit.looked(successor, 1, false);
  audit.looked(replica(1, [batch(0, 0), batch(1, 0)], 2), 0, false);
  return audit;
}

test("what a deposed leader takes for committed is lost from where its successor has something else", () => {
  const audit = deposedLeaderCommitsLess({ allowsUnclean: true });
  expect([audit.committedEnd, audit.committed.map(({ leaderEpoch }) => leaderEpoch)]).toEqual([3, [0, 1, 1]]);
  expect(audit.losses.map(({ fromOffset }) => fromOffset)).toEqual([1]);
});

test("V3: a deposed leader takes nothing for committed where its cleanly elected successor has committed something else", () => {
  expect(() => deposedLeaderCommitsLess({ allowsUnclean: false })).toThrow("deposed, commits 1..1 of epoch 0");
});

/** The first two of three records are deleted on all but a replica that is away; it has one record and is elected. */
function shortLogIsElected({ allowsUnclean }: { allowsUnclean: boolean }): PartitionAudit {
  const promise = { minInSyncReplicas: 1, allowsUnclean };
  const audit = new PartitionAudit("t", "id", 0);
  audit.changed(partitionImage(0, [1, 2, 3]), promise);
  const trimmed = replica(1, [batch(0, 0), batch(1, 0), batch(2, 0)], 3);
  audit.looked(trimmed, 0, false);
  audit.looked(Object.assign(trimmed, { startOffset: 2 }), 0, false);
  const elected = partitionImage(0, [1, 2, 3], { leader: 2, leaderEpoch: 1, partitionEpoch: 1, inSyncReplicas: [2] });
  audit.changed({ ...elected, leaderRecoveryState: 1 }, promise);
  const short = replica(2, [batch(0, 0)], 1);
  audit.shadows.set(2, short);
  audit.looked(short, 1, false);
  audit.looked(Object.assign(short, { batches: [batch(0, 0), batch(1, 1)], endOffset: 2, highWatermark: 2 }), 1, false);
  return audit;
}

test("an unclean leader whose log ends before what was deleted brings back what it has, and goes on from there", () => {
  const audit = shortLogIsElected({ allowsUnclean: true });
  expect([audit.startOffset, audit.committedEnd]).toEqual([0, 2]);
  expect(audit.committed.map(({ leaderEpoch }) => leaderEpoch)).toEqual([0, 1]);
  expect(audit.losses.map(({ fromOffset }) => fromOffset)).toEqual([1]);
});

test("V3: no leader's log ends before what was deleted where unclean elections are not allowed", () => {
  expect(() => shortLogIsElected({ allowsUnclean: false })).toThrow("leads epoch 1 without");
});

test("a leader that was elected uncleanly may tell what it lacks even when it hears of that late", () => {
  const late = (leaderRecoveryState: number) => {
    const promise = { minInSyncReplicas: 2, allowsUnclean: true };
    const audit = new PartitionAudit("t", "id", 0);
    audit.changed(partitionImage(0, [1, 2, 3]), promise);
    audit.looked(replica(1, [batch(0, 0), batch(1, 0)], 2), 0, false);
    for (const leaderEpoch of [1, 2]) {
      const elected = { leader: 2, leaderEpoch, partitionEpoch: leaderEpoch, inSyncReplicas: [2] };
      audit.changed({ ...partitionImage(0, [1, 2, 3], elected), leaderRecoveryState }, promise);
    }
    audit.looked(replica(2, [batch(0, 0)], 1), 1, false);
    return audit;
  };
  expect(late(1).losses.map(({ fromOffset }) => fromOffset)).toEqual([1]);
  expect(late(0).wasUnclean).toBe(false); // a mere zombie
});

test("a leader whose log ends before what is committed gives offsets out again, though all records were deleted", () => {
  const shortLeader = (allowsUnclean: boolean) => {
    const promise = { minInSyncReplicas: 1, allowsUnclean };
    const audit = new PartitionAudit("t", "id", 0);
    audit.changed(partitionImage(0, [1, 2]), promise);
    const leader = replica(1, [batch(0, 0), batch(1, 0)], 2);
    audit.looked(leader, 0, false);
    audit.looked(Object.assign(leader, { startOffset: 2 }), 0, false);
    const elected = partitionImage(0, [1, 2], { leader: 2, leaderEpoch: 1, partitionEpoch: 1, inSyncReplicas: [2] });
    audit.changed({ ...elected, leaderRecoveryState: 1 }, promise);
    audit.looked(replica(2, [batch(0, 0)], 1), 1, false);
    return audit;
  };
  expect(shortLeader(true).losses.map(({ fromOffset }) => fromOffset)).toEqual([1]);
  expect(() => shortLeader(false)).toThrow(/V3/);
});

test("a power cut may take offsets of records that were all deleted", () => {
  const promise = { minInSyncReplicas: 2, allowsUnclean: false };
  const audit = new PartitionAudit("t", "id", 0);
  audit.changed(partitionImage(0, [1, 2]), promise);
  const logs = [1, 2].map((id) => replica(id, [batch(0, 0)], 1));
  for (const log of logs) audit.shadows.set(log.nodeId, log);
  audit.looked(logs[0] as ReplicaShadow, 0, false);
  for (const log of logs) audit.looked(Object.assign(log, { startOffset: 1 }), log.nodeId === 1 ? 0 : undefined, false);
  for (const id of [1, 2]) {
    audit.powerWasCut(id); // its disk is empty
    audit.hasCrashed(id);
  }
  const elected = partitionImage(0, [1, 2], { leader: 2, leaderEpoch: 1, partitionEpoch: 1, inSyncReplicas: [2] });
  audit.changed({ ...elected, leaderRecoveryState: 1 }, promise);
  audit.looked(replica(2, [], 0), 1, false);
  expect(audit.losses.map(({ fromOffset }) => fromOffset)).toEqual([0]);
});
