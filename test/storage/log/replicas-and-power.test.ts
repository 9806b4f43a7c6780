/**
 * Three replicas of one log, and machines that lose their power: who is in sync has what is committed, whatever pages came back.
 *
 * The followers keep to the rules of KIP-101 and KIP-279; a replica that crashed is out of sync until it has caught up, and the last
 * one in sync leads again with what it still has.
 */
import { expect, test } from "vitest";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import { SeededRandom } from "../../simulation/seeded-random.ts";
import { SimulatedDisk } from "../../simulation/simulated-disk.ts";
import { batchOf, type Fixture, openLog, readAll, readBytes, surroundings } from "./log-fixture.ts";

const FIRST_SEED = 110;
const SEEDS = 10;
const STEPS = 150;
const REPLICAS = [0, 1, 2] as const;

interface Replica {
  readonly around: Fixture;
  readonly disk: SimulatedDisk;
  log: SegmentedLog;
  /** What the checkpoints of its directory say. */
  recoveryPoint: number;
  highWatermark: number;
}

class Partition {
  private readonly random: SeededRandom;
  private readonly config: { readonly segmentBytes: number };
  private readonly replicas: Replica[] = [];
  private readonly inSync = new Set<number>(REPLICAS);
  private leader = 0;
  private leaderEpoch = 0;
  private epochStart = 0;
  private count = 0;
  /** Up to where followers have it, as they said in this leader epoch. */
  private readonly fetched = new Map<number, number>();
  /** "value in epoch" of each offset. */
  private committed: string[] = [];
  readonly done = { cuts: 0, powerCuts: 0, elections: 0, losses: 0 };

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.config = { segmentBytes: this.random.pick([3000, 9000, 1_000_000]) };
  }

  async open(): Promise<void> {
    for (const id of REPLICAS) {
      const disk = new SimulatedDisk({ random: this.random.split(`disk ${id}`) });
      const around = surroundings({ disk });
      const log = await openLog(around, { config: this.config });
      await log.flush();
      for (const path of ["/data", "/"]) await disk.syncDirectory(path);
      this.replicas.push({ around, disk, log, recoveryPoint: 0, highWatermark: 0 });
    }
    this.log(0).startLeaderEpoch(0);
  }

  log(id: number): SegmentedLog {
    return (this.replicas[id] as Replica).log;
  }

  async step(): Promise<void> {
    const { random } = this;
    const id = random.below(3);
    const dice = random.below(100);
    if (dice < 35) this.produce();
    else if (dice < 75) await this.replicate(id);
    else if (dice < 82) await this.log(id).flush();
    else if (dice < 87) this.writeCheckpoints(id);
    else if (dice < 93) this.elect(random.pick([...this.inSync]));
    else await this.crash(id, random.chance(0.7));
  }

  /** Two batches of the same size as all others. */
  private produce(): void {
    for (let left = this.random.between(1, 12); left > 0; left--) {
      const value = `value ${String(this.count++).padStart(6, "0")}`;
      const baseOffset = this.log(this.leader).logEndOffset;
      const records = batchOf([value], { baseOffset, partitionLeaderEpoch: this.leaderEpoch });
      this.log(this.leader).appendAsFollower(records, undefined, this.leaderEpoch);
    }
  }

  /** One fetch of a follower. */
  private async replicate(id: number): Promise<void> {
    if (id === this.leader) return;
    const [own, leader] = [this.log(id), this.log(this.leader)];
    const epoch = own.latestLeaderEpoch;
    const end = leader.endOffsetForEpoch(epoch);
    if (own.logEndOffset > leader.logEndOffset && end.leaderEpoch < 0) {
      this.truncate(id, leader.logEndOffset);
    } else if (epoch >= 0 && end.leaderEpoch >= 0 && (end.leaderEpoch < epoch || end.endOffset < own.logEndOffset)) {
      const ownEnd = own.endOffsetForEpoch(end.leaderEpoch);
      this.truncate(id, ownEnd.leaderEpoch === -1 ? end.endOffset : Math.min(ownEnd.endOffset, end.endOffset));
    } else {
      this.fetched.set(id, own.logEndOffset);
      if (own.logEndOffset >= Math.max(this.committed.length, this.epochStart)) this.inSync.add(id);
      await this.advance();
      if (own.logEndOffset < leader.logEndOffset) {
        const records = await readBytes(leader, own.logEndOffset, { maxBytes: this.random.pick([100, 1000, 10_000]) });
        own.appendAsFollower(records, undefined, this.leaderEpoch);
      }
      own.setHighWatermark(Math.min(this.committed.length, own.logEndOffset));
    }
  }

  private truncate(id: number, offset: number): void {
    const { log } = this.replicas[id] as Replica;
    // Only below what was committed once, and lost with the last replica in sync: then it is written down at once.
    let areLowered = false;
    log.onMarksLowered = () => {
      areLowered = true;
    };
    log.truncateTo(offset);
    if (areLowered) this.writeCheckpoints(id);
    this.done.cuts++;
  }

  /** What all in sync have, as the leader was told in its epoch, is committed. */
  private async advance(): Promise<void> {
    const ends = [...this.inSync].map((id) => (id === this.leader ? this.log(id).logEndOffset : this.fetched.get(id)));
    const end = Math.min(...ends.map((told) => told ?? 0));
    if (end <= this.committed.length) return;
    this.committed = (await contentOf(this.log(this.leader))).slice(0, end);
    this.log(this.leader).setHighWatermark(end);
  }

  private writeCheckpoints(id: number): void {
    const replica = this.replicas[id] as Replica;
    const { recoveryPoint, highWatermark } = replica.log;
    Object.assign(replica, { recoveryPoint: Math.min(recoveryPoint, highWatermark), highWatermark });
  }

  private elect(id: number): void {
    this.leader = id;
    this.leaderEpoch++;
    this.fetched.clear();
    this.epochStart = this.log(id).logEndOffset;
    this.log(id).startLeaderEpoch(this.leaderEpoch);
    this.done.elections++;
  }

  private async crash(id: number, powerLoss: boolean): Promise<void> {
    const replica = this.replicas[id] as Replica;
    const { around, disk, log, ...marks } = replica;
    // What is on its way to the device when it happens gets there or not.
    if (this.random.chance(0.3)) log.flush().catch(() => {});
    log.abandon();
    disk.crash({ powerLoss });
    if (powerLoss) this.done.powerCuts++;
    replica.log = await openLog(around, { config: this.config, cleanShutdown: false, ...marks });
    this.fetched.delete(id);
    const [other] = [...this.inSync].filter((one) => one !== id);
    if (other !== undefined) {
      this.inSync.delete(id);
      if (this.leader === id) this.elect(other);
      return;
    }
    if (!this.inSync.has(id)) return;
    // The last one in sync, and perhaps not all of it is left.
    const left = await contentOf(replica.log);
    const same = this.committed.findIndex((content, offset) => left[offset] !== content);
    if (same >= 0) {
      this.committed.length = same;
      this.done.losses++;
    }
    this.elect(id);
  }

  async check(): Promise<void> {
    for (const id of this.inSync) {
      expect((await contentOf(this.log(id))).slice(0, this.committed.length)).toEqual(this.committed);
    }
  }

  /** All come to have what the leader has. */
  async settle(): Promise<void> {
    for (let round = 0; round < 60; round++) for (const id of REPLICAS) await this.replicate(id);
    const expected = await contentOf(this.log(this.leader));
    for (const id of REPLICAS) expect(await contentOf(this.log(id))).toEqual(expected);
  }

  close(): void {
    for (const { log } of this.replicas) log.abandon();
  }
}

async function contentOf(log: SegmentedLog): Promise<string[]> {
  return (await readAll(log)).map(({ value, leaderEpoch }) => `${value} in ${leaderEpoch}`);
}

test("R231: replicas that lose power again and again hold what is committed, and in the end the leader's log", async () => {
  const total = { cuts: 0, powerCuts: 0, elections: 0, losses: 0 };
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const partition = new Partition(seed);
    await partition.open();
    try {
      for (let step = 0; step < STEPS; step++) {
        await partition.step();
        if (step % 5 === 0) await partition.check();
      }
      await partition.settle();
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
    for (const [what, count] of Object.entries(partition.done)) total[what as keyof typeof total] += count;
    partition.close();
  }
  expect(Math.min(...Object.values(total))).toBeGreaterThan(2);
});
