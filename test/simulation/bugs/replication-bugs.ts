/** Bugs of replication: truncation, late answers, the high watermark. */
import { FetchSessionCache } from "../../../broker/fetch/fetch-session.ts";
import { type LeaderState, LeaderState as LeaderStateClass } from "../../../broker/partition/leader-state.ts";
import { Partition } from "../../../broker/partition/partition.ts";
import { FollowerSession } from "../../../cluster/replication/follower-session.ts";
import { ReplicaFetcher } from "../../../cluster/replication/replica-fetcher.ts";
import { type InjectedBug, replaceMethod } from "./injected-bug.ts";

interface Answered {
  answered(response: unknown): void;
}

/** The least end of the leader and of the followers that are asked. */
function leastEnd(leader: LeaderState, ownEndOffset: number, counted: readonly number[]): number {
  let least = ownEndOffset;
  for (const { replicaId, logEndOffset } of leader.followerProgress) {
    if (counted.includes(replicaId)) least = Math.min(least, logEndOffset);
  }
  return least;
}

/** The high watermark over other members than those it must be over. */
function highWatermarkOver(membersOf: (leader: LeaderState) => readonly number[]): () => void {
  return replaceMethod(
    LeaderStateClass.prototype,
    "highWatermarkCandidate",
    () =>
      function (this: LeaderState, ownEndOffset, minInSyncReplicas) {
        const replicas = [...this.followerProgress].length + 1;
        if (this.inSync.committed.length < Math.min(minInSyncReplicas, replicas)) return undefined;
        return leastEnd(this, ownEndOffset, membersOf(this));
      },
  );
}

export const REPLICATION_BUGS: readonly InjectedBug[] = [
  {
    name: "R9",
    what: "a follower cuts its log at its high watermark when another leads (KIP-101)",
    inject: () =>
      replaceMethod(
        Partition.prototype,
        "apply",
        (original) =>
          function (this: Partition, image) {
            original.call(this, image);
            const isNew = epochsSeen.get(this) !== image.leaderEpoch;
            epochsSeen.set(this, image.leaderEpoch);
            if (isNew && !this.isLeader && image.leader >= 0 && !this.log.offline) {
              this.log.truncateTo(this.log.highWatermark);
            }
          },
      ),
  },
  {
    name: "R21",
    what: "a late answer of the old epoch is taken in after the follower has moved to the new one (KAFKA-18991)",
    inject: () => {
      const late = new WeakMap<ReplicaFetcher, (() => void)[]>();
      const undos = [
        replaceMethod(FollowerSession.prototype, "has", () => (_key, followed) => {
          const { leaderEpoch } = followed.partition.state;
          Object.assign(followed, { leaderEpoch, askedOffset: followed.partition.log.logEndOffset });
          return true;
        }),
        // Who is given up is forgotten once the answer that is on its way has come.
        replaceMethod(
          ReplicaFetcher.prototype,
          "forget",
          (original) =>
            function (this: ReplicaFetcher, topicId, index) {
              const forget = (): void => original.call(this, topicId, index);
              if (!this.isWaiting) forget();
              else late.set(this, [...(late.get(this) ?? []), forget]);
            },
        ),
        replaceMethod(
          ReplicaFetcher.prototype as unknown as Answered,
          "answered",
          (original) =>
            function (this: Answered, response) {
              original.call(this, response);
              const fetcher = this as unknown as ReplicaFetcher;
              for (const forget of late.get(fetcher) ?? []) forget();
              late.delete(fetcher);
            },
        ),
      ];
      return () => {
        for (const undo of undos) undo();
      };
    },
  },
  {
    name: "R33",
    what: "while a replica is being added the high watermark does not count it (KIP-497)",
    inject: () => highWatermarkOver(({ inSync }) => inSync.committed),
  },
  {
    name: "R34",
    what: "a shrink of the ISR counts before the controller has committed it (KAFKA-13091)",
    inject: () => highWatermarkOver(({ inSync }) => inSync.proposal?.replicas ?? inSync.committed),
  },
  {
    name: "R46",
    what: "a replica that is being added joins the ISR before it has what is committed",
    inject: () =>
      replaceMethod(
        LeaderStateClass.prototype,
        "mayJoin",
        () =>
          function (this: LeaderState, follower, _highWatermark, eligibility) {
            const { replicaId, brokerEpoch } = follower;
            const isMember = this.inSync.committed.includes(replicaId) || this.inSync.proposal !== undefined;
            return !isMember && brokerEpoch !== undefined && eligibility.isEligible(replicaId, brokerEpoch);
          },
      ),
  },
  {
    name: "R168",
    what: "a fetch session keeps the offset it began with, whatever an incremental request says",
    inject: () =>
      replaceMethod(
        FetchSessionCache.prototype,
        "find",
        (original) =>
          function (this: FetchSessionCache, id, epoch, usesTopicIds) {
            const session = original.call(this, id, epoch, usesTopicIds);
            for (const partition of session.partitions.values()) {
              const { fetchOffset } = partition;
              Object.defineProperty(partition, "fetchOffset", {
                configurable: true,
                get: () => fetchOffset,
                set: () => {},
              });
            }
            return session;
          },
      ),
  },
];

/** The leader epoch each partition was in last. */
const epochsSeen = new WeakMap<Partition, number>();
