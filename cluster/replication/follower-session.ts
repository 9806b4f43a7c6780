/**
 * The follower's side of an incremental fetch session (KIP-227): what the leader was told of each partition, so that a request
 * carries only what changed.
 *
 * Owns: session id and epoch, and the fields of the request that depend on them. Leaves to ReplicaFetcher: which partitions.
 */
import type { Fetch } from "../../protocol/messages/fetch.ts";
import type { Encode } from "../../protocol/schema/message.ts";
import type { FollowedPartition } from "./follower-fetch.ts";

type FetchRequest = Encode<(typeof Fetch)["request"]>;
type TopicRequest = FetchRequest["topics"][number];
type ForgottenTopic = NonNullable<FetchRequest["forgottenTopicsData"]>[number];
type SessionFields = Pick<FetchRequest, "sessionId" | "sessionEpoch" | "topics" | "forgottenTopicsData">;

/** What the session has of a partition. */
interface Told {
  readonly followed: FollowedPartition;
  readonly fetchOffset: number;
  readonly lastFetchedEpoch: number;
  readonly logStartOffset: number;
}

const MAX_EPOCH = 0x7fffffff;

export class FollowerSession {
  private readonly told = new Map<string, Told>();
  private readonly partitionMaxBytes: number;
  private id = 0;
  private epoch = 0;

  /** @param partitionMaxBytes of each partition in an answer. */
  constructor(partitionMaxBytes: number) {
    this.partitionMaxBytes = partitionMaxBytes;
  }

  /** True while the next request has to name every partition. */
  get beginsAnew(): boolean {
    return this.epoch === 0;
  }

  /** Partitions the leader is asked for. */
  get size(): number {
    return this.told.size;
  }

  /** Whether the partition was asked for as it is followed now. */
  has(key: string, followed: FollowedPartition): boolean {
    return this.told.get(key)?.followed === followed;
  }

  /**
   * Takes in which of these partitions are asked for from now on, and which are not (undefined), and gives what the leader has to
   * be told; undefined when nothing is left to ask for. To be called for a request that is then sent.
   */
  next(changed: ReadonlyMap<string, FollowedPartition | undefined>): SessionFields | undefined {
    if (this.beginsAnew) this.told.clear();
    const topics = new Map<string, { topicId: string; partitions: TopicRequest["partitions"][number][] }>();
    const forgotten = new Map<string, { topicId: string; partitions: number[] }>();
    for (const [key, followed] of changed) {
      const before = this.told.get(key);
      if (followed === undefined) {
        if (before !== undefined) this.forget(key, before, forgotten);
        continue;
      }
      const now = toldOf(followed);
      followed.askedOffset = now.fetchOffset;
      this.told.set(key, now);
      if (before !== undefined && isSame(before, now)) continue;
      const { topicId, index } = followed.partition;
      const topic = topics.get(topicId) ?? { topicId, partitions: [] };
      topics.set(topicId, topic);
      topic.partitions.push({
        partition: index,
        currentLeaderEpoch: followed.leaderEpoch,
        fetchOffset: now.fetchOffset,
        lastFetchedEpoch: now.lastFetchedEpoch,
        logStartOffset: now.logStartOffset,
        partitionMaxBytes: this.partitionMaxBytes,
      });
    }
    if (this.told.size === 0) {
      this.startAnew(); // the leader still has what is not asked for any more
      return undefined;
    }
    const forgottenTopicsData: readonly ForgottenTopic[] = [...forgotten.values()];
    return { sessionId: this.id, sessionEpoch: this.epoch, topics: [...topics.values()], forgottenTopicsData };
  }

  private forget(
    key: string,
    { followed }: Told,
    forgotten: Map<string, { topicId: string; partitions: number[] }>,
  ): void {
    this.told.delete(key);
    const { topicId, index } = followed.partition;
    const topic = forgotten.get(topicId) ?? { topicId, partitions: [] };
    forgotten.set(topicId, topic);
    topic.partitions.push(index);
  }

  /** The leader answered. @param sessionId 0: it has no room for sessions, and wants to be told everything each time. */
  answered(sessionId: number): void {
    this.id = sessionId;
    this.epoch = sessionId === 0 ? 0 : this.epoch === MAX_EPOCH ? 1 : this.epoch + 1;
  }

  /** The session is gone, or nobody knows what became of the last request. The next one closes it, if it is still there. */
  startAnew(): void {
    this.epoch = 0;
  }
}

function toldOf(followed: FollowedPartition): Told {
  const { log } = followed.partition;
  return {
    followed,
    fetchOffset: log.logEndOffset,
    lastFetchedEpoch: log.latestLeaderEpoch,
    logStartOffset: log.logStartOffset,
  };
}

function isSame(a: Told, b: Told): boolean {
  return (
    a.followed.leaderEpoch === b.followed.leaderEpoch &&
    a.fetchOffset === b.fetchOffset &&
    a.lastFetchedEpoch === b.lastFetchedEpoch &&
    a.logStartOffset === b.logStartOffset
  );
}
