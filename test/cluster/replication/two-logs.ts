/**
 * A follower's log and its leader's, each behind the production code of its side, with no network between: what one says is given
 * to the other by hand, request by request.
 */
import { type FetchParameters, fetchPartition } from "../../../broker/fetch/partition-fetch.ts";
import {
  type FollowedPartition,
  followedFrom,
  type LeaderAnswer,
  takeIn,
} from "../../../cluster/replication/follower-fetch.ts";
import { FollowerSession } from "../../../cluster/replication/follower-session.ts";
import type { SegmentedLog } from "../../../storage/log/segmented-log.ts";
import { PartitionWorld } from "../../broker/partition/partition-world.ts";
import { allBytes, batchOf } from "../../storage/log/log-fixture.ts";
import { FixedBroker } from "../../support/fixed-broker.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** Of offsets [from, to] each a batch, in an epoch. */
export type Stretch = readonly [leaderEpoch: number, from: number, to: number];

/** The follower is 1 in its own world, and 2 to its leader. */
const FOLLOWER: FetchParameters = {
  replicaId: 2,
  replicaEpoch: -1,
  readCommitted: false,
  mayReadFromFollower: true,
  rackId: "",
};
const ROUNDS_AT_MOST = 20;

export class TwoLogs {
  readonly leader = new FixedBroker({ clock: new ManualClock() });
  readonly follower = new PartitionWorld({ leader: 2, replicas: [1, 2] });
  /** What the follower asked for: offset and epoch of what it has last. */
  readonly asked: [fetchOffset: number, lastFetchedEpoch: number][] = [];
  /** How the leader said that they differ. */
  readonly divergences: [epoch: number, endOffset: number][] = [];
  /** Ends of the follower's log after each cut. */
  readonly cuts: number[] = [];
  readonly errors: number[] = [];
  private readonly session = new FollowerSession(1 << 20);
  private followed: FollowedPartition;

  /** @param leaderEpoch the leader has just been elected in it. */
  constructor(follower: readonly Stretch[], leader: readonly Stretch[], leaderEpoch: number) {
    this.leader.createTopic("t", 1, { replicas: [2, 1], leader: 2 });
    write(this.leaderLog, leader);
    write(this.follower.log, follower);
    this.leader.changePartition("t", 0, { leader: 1, leaderEpoch, partitionEpoch: 1 });
    this.follower.apply({ leader: 2, leaderEpoch });
    this.followed = followedFrom(this.follower.partition, leaderEpoch);
  }

  get leaderLog(): SegmentedLog {
    return this.leader.logs.get("t-0") as SegmentedLog;
  }

  /** The leader appends in its own epoch. */
  append(values: readonly string[]): void {
    const partition = this.leader.broker.partitions.get("t", 0);
    for (const value of values) {
      const prepared = this.leaderLog.prepare(batchOf([value]), undefined, { origin: "client" });
      if (prepared instanceof Promise || partition === undefined) throw new Error("prepared elsewhere");
      partition.append(prepared, false);
    }
  }

  /** One request and its answer; returns what the follower is to do. */
  async round(): Promise<ReturnType<typeof takeIn>> {
    const answer = await this.ask();
    const endBefore = this.follower.log.logEndOffset;
    const outcome = this.give(answer);
    if (this.follower.log.logEndOffset < endBefore) this.cuts.push(this.follower.log.logEndOffset);
    return outcome;
  }

  /** The follower gets an answer, perhaps one of long ago. */
  give(answer: LeaderAnswer): ReturnType<typeof takeIn> {
    return takeIn(this.followed, answer, undefined);
  }

  /** Rounds until the follower has what the leader has. */
  async settle(): Promise<void> {
    for (let round = 0; round < ROUNDS_AT_MOST; round++) {
      await this.round();
      const { follower, leaderLog } = this;
      const isLevel =
        follower.log.logEndOffset === leaderLog.logEndOffset && this.divergences.length === this.cuts.length;
      if (isLevel) return;
    }
    throw new Error(`not level after ${ROUNDS_AT_MOST} rounds: ${JSON.stringify(this.asked)}`);
  }

  async ask(): Promise<LeaderAnswer> {
    this.session.startAnew();
    const request = this.session.next(new Map([["t", this.followed]]))?.topics[0]?.partitions[0];
    if (request === undefined) throw new Error("the follower asks for nothing");
    const { fetchOffset, lastFetchedEpoch = -1, currentLeaderEpoch = -1, logStartOffset = -1 } = request;
    this.asked.push([fetchOffset, lastFetchedEpoch]);
    const topicId = this.leader.topics[0]?.id as string;
    const result = await fetchPartition(
      this.leader.broker,
      {
        ...{ topic: "t", topicId, partition: 0, currentLeaderEpoch, fetchOffset, lastFetchedEpoch, logStartOffset },
        ...{ maxBytes: 1 << 20, toldHighWatermark: -1, toldLogStartOffset: -1, isNamed: true },
      },
      FOLLOWER,
      1 << 20,
      true,
      true,
    );
    if (result.diverging !== undefined) this.divergences.push([result.diverging.epoch, result.diverging.endOffset]);
    if (result.errorCode !== 0) this.errors.push(result.errorCode);
    const records = result.read === undefined ? null : Buffer.concat(result.read.pieces);
    result.read?.release();
    const { errorCode, highWatermark, logStartOffset: leaderStart } = result;
    const divergingEpoch = result.diverging ?? { epoch: -1, endOffset: -1 };
    return { errorCode, highWatermark, logStartOffset: leaderStart, divergingEpoch, records };
  }

  /** Whether the follower's bytes are the leader's. */
  async isSame(): Promise<boolean> {
    const { follower, leaderLog } = this;
    return (await allBytes(follower.log)).equals(await allBytes(leaderLog));
  }

  /** Follows in another epoch of the leader from here on. */
  followIn(leaderEpoch: number): void {
    this.follower.apply({ leader: 2, leaderEpoch });
    this.followed = followedFrom(this.follower.partition, leaderEpoch);
  }

  async close(): Promise<void> {
    await this.leader.close();
  }
}

function write(log: SegmentedLog, stretches: readonly Stretch[]): void {
  for (const [leaderEpoch, from, to] of stretches) {
    for (let offset = from; offset <= to; offset++) {
      const batch = batchOf([`${offset} of ${leaderEpoch}`], { baseOffset: offset, partitionLeaderEpoch: leaderEpoch });
      log.appendAsFollower(batch, undefined, leaderEpoch);
    }
  }
}
