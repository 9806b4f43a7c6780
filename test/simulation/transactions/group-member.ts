/**
 * A member of a consumer group (KIP-848) that beats when it is told to: what it owns, and in which epoch.
 *
 * Owns: joining, taking what it is given, joining anew when it was thrown out. Leaves to the copier: when, and giving up what it owns.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ConsumerGroupHeartbeat } from "../../../protocol/messages/consumer-group.ts";
import { OffsetFetch } from "../../../protocol/messages/group-offsets.ts";
import { GROUP_KEY, only, type PatientClient, Refused } from "./patient-client.ts";
import type { GroupMembership } from "./transactional-producer.ts";

const HEARTBEAT_VERSION = 1;
const OFFSET_FETCH_VERSION = 9;
const REBALANCE_TIMEOUT_MS = 8000;
const THROWN_OUT: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.GROUP_ID_NOT_FOUND,
]);

export class GroupMember {
  /** Partitions of the one topic, in the order of their numbers. */
  owned: readonly number[] = [];
  private readonly client: PatientClient;
  private readonly groupId: string;
  private readonly topic: string;
  private memberEpoch = 0;
  private wanted: readonly number[] = [];
  private lives = 0;
  private nextBeatMs = 0;

  constructor(client: PatientClient, groupId: string, topic: string) {
    this.client = client;
    this.groupId = groupId;
    this.topic = topic;
  }

  get membership(): GroupMembership {
    return { groupId: this.groupId, memberId: this.memberId, generationId: this.memberEpoch };
  }

  private get memberId(): string {
    return `${this.client.environment.name}-${this.lives}`;
  }

  /** It has nothing to give up, and nothing to take. */
  get isSettled(): boolean {
    return this.wanted.join() === this.owned.join();
  }

  get isDue(): boolean {
    return this.client.environment.clock.monotonicMs() >= this.nextBeatMs || !this.isSettled;
  }

  /** Owns what it is to own: what it did with the rest is at its end. */
  settle(): void {
    this.owned = this.wanted;
    this.nextBeatMs = 0;
  }

  /** @throws GivenUp */
  async beat(): Promise<void> {
    const { clock } = this.client.environment;
    const topicId = this.client.cluster.topics.get(this.topic)?.id;
    const joins = this.memberEpoch === 0;
    const request = {
      ...{ groupId: this.groupId, memberId: this.memberId, memberEpoch: this.memberEpoch },
      ...{ rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS, subscribedTopicNames: [this.topic] },
      topicPartitions: joins || topicId === undefined ? [] : [{ topicId, partitions: [...this.owned] }],
    };
    try {
      const answer = await this.client.persist(() =>
        this.client.askCoordinator([GROUP_KEY, this.groupId], ConsumerGroupHeartbeat, HEARTBEAT_VERSION, request),
      );
      this.memberEpoch = answer.memberEpoch;
      this.nextBeatMs = clock.monotonicMs() + answer.heartbeatIntervalMs;
      if (answer.assignment === null) return;
      const partitions = answer.assignment.topicPartitions.flatMap((topic) => topic.partitions);
      this.wanted = partitions.sort((a, b) => a - b);
    } catch (error) {
      if (!(error instanceof Refused) || !THROWN_OUT.has(error.errorCode)) throw error;
      this.lives++;
      this.memberEpoch = 0;
      this.wanted = [];
      this.owned = [];
      this.nextBeatMs = clock.monotonicMs() + this.client.cluster.settings.retryBackoffMs;
    }
  }

  /** What the group has committed of a partition, when no transaction can change it any more; 0 where nothing is. */
  async committedOffset(partition: number): Promise<number> {
    const topics = [{ name: this.topic, partitionIndexes: [partition] }];
    const { memberId, memberEpoch, groupId } = this;
    const request = { groups: [{ groupId, memberId, memberEpoch, topics }], topics: [], requireStable: true };
    const answer = await this.client.persist(async () => {
      const { groups } = await this.client.askCoordinator(
        [GROUP_KEY, groupId],
        OffsetFetch,
        OFFSET_FETCH_VERSION,
        request,
      );
      const group = only(groups);
      if (group.errorCode !== ErrorCode.NONE) return { errorCode: group.errorCode, committedOffset: -1 };
      return only(only(group.topics).partitions);
    });
    return Math.max(0, answer.committedOffset);
  }
}
