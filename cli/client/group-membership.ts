/**
 * A member of a classic group: joins, learns what to read, shows that it is alive, commits, leaves.
 *
 * Owns: member id and generation, and when to join again. When it leads the group it assigns ranges, as Kafka's consumers do by
 * default, so that it can be in one group with them. Leaves reading to the caller, who stops before it joins again.
 */
import { RpcError } from "../../broker/network/rpc-error.ts";
import { DecodeError } from "../../protocol/bytes/decode-error.ts";
import { Reader as ByteReader } from "../../protocol/bytes/reader.ts";
import { Writer } from "../../protocol/bytes/writer.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from "../../protocol/messages/classic-group.ts";
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from "../../protocol/messages/consumer-protocol.ts";
import { decode, encode } from "../../protocol/schema/codec.ts";
import type { Encode, Message } from "../../protocol/schema/message.ts";
import { CommandError } from "../command-error.ts";
import { type ClusterClient, kafkaError } from "./cluster-client.ts";
import { assignedPartitions } from "./group-admin.ts";
import { byTopic, commitOffsets } from "./group-offsets.ts";
import type { TopicPartition } from "./offset-lookup.ts";
import { DEFAULT_PATIENCE_MS, passes, patiently } from "./patience.ts";
import { assignRanges } from "./range-assignor.ts";

export interface MembershipOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly rebalanceTimeoutMs: number;
}

/** Version of what is said to the other members: the oldest, which all understand. */
const PROTOCOL_VERSION = 0;
const PROTOCOL = { type: "consumer", name: "range" };
/** The first that has member ids asked for (KIP-394); 4 of SyncGroup has no protocol to repeat. */
const MAX_SYNC_VERSION = 4;
/** The last in which one member leaves, and no list of them. */
const SINGLE_LEAVE_VERSION = 2;
const LEAVE_MS = 3000;

/** The generation is over: join again. */
const REJOIN: ReadonlySet<number> = new Set([
  ErrorCode.REBALANCE_IN_PROGRESS,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_INSTANCE_ID,
]);
/** And under a new id. */
const FORGOTTEN: ReadonlySet<number> = new Set([ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.FENCED_INSTANCE_ID]);

export class GroupMembership {
  private readonly cluster: ClusterClient;
  private readonly options: MembershipOptions;
  private memberId = "";
  private generationId = -1;
  private timer: NodeJS.Timeout | undefined;
  private beating: Promise<void> | undefined;

  constructor(cluster: ClusterClient, options: MembershipOptions) {
    this.cluster = cluster;
    this.options = options;
  }

  /**
   * Takes part in the next generation; resolves with what to read. From then on `over` is called once, when that generation is
   * over (undefined: join again) or the group cannot be reached any more (why). @throws KafkaError, RpcError
   */
  async join(over: (failure: unknown) => void): Promise<TopicPartition[]> {
    const assigned = await patiently(
      () => this.joinOnce(),
      () => this.cluster.forgetCoordinator(this.options.groupId),
      { patienceMs: this.options.rebalanceTimeoutMs + DEFAULT_PATIENCE_MS },
    );
    this.beat(over, performance.now());
    return assigned;
  }

  /** Commits offsets of this generation; false when the generation is over, and nothing was committed. @throws KafkaError */
  async commit(offsets: readonly (TopicPartition & { readonly offset: number })[]): Promise<boolean> {
    if (offsets.length === 0) return true;
    const { memberId, generationId } = this;
    const [refused] = await commitOffsets(this.cluster, this.options.groupId, offsets, { memberId, generationId });
    if (refused === undefined) return true;
    const [, error] = refused;
    if (REJOIN.has(error.code)) return false;
    throw error;
  }

  /** Nothing is heard of the generation any more; to be called before joining again. */
  async pause(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.beating;
  }

  /** Leaves the group; whether that was heard does not matter, as the session ends by itself. */
  async leave(): Promise<void> {
    await this.pause();
    if (this.memberId === "") return;
    const { groupId } = this.options;
    const request = { groupId, memberId: this.memberId, members: [] };
    const options = { maxVersion: SINGLE_LEAVE_VERSION, timeoutMs: LEAVE_MS, patienceMs: LEAVE_MS };
    // A JoinGroup may be parked on the other connection.
    const farewell = this.cluster.another();
    try {
      await farewell.askCoordinator(groupId, LeaveGroup, request, ({ errorCode }) => [errorCode], options);
    } catch (error) {
      if (!(error instanceof KafkaError || error instanceof RpcError || error instanceof CommandError)) throw error;
    } finally {
      farewell.close();
    }
  }

  private async joinOnce(): Promise<TopicPartition[]> {
    for (;;) {
      try {
        return await this.joinAndSync();
      } catch (error) {
        if (!(error instanceof KafkaError) || !REJOIN.has(error.code)) throw error;
        if (FORGOTTEN.has(error.code)) this.memberId = "";
      }
    }
  }

  private async joinAndSync(): Promise<TopicPartition[]> {
    const { groupId, topics, sessionTimeoutMs, rebalanceTimeoutMs } = this.options;
    const request = () => ({
      ...{ groupId, sessionTimeoutMs, rebalanceTimeoutMs, memberId: this.memberId, groupInstanceId: null },
      protocolType: PROTOCOL.type,
      protocols: [{ name: PROTOCOL.name, metadata: versioned(ConsumerProtocolSubscription, { topics: [...topics] }) }],
    });
    const timeoutMs = rebalanceTimeoutMs + 5000;
    const ask = () =>
      this.cluster.askCoordinator(groupId, JoinGroup, request(), ({ errorCode }) => [errorCode], { timeoutMs });
    let joined = await ask();
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) {
      this.memberId = joined.memberId;
      joined = await ask();
    }
    if (joined.errorCode !== ErrorCode.NONE) throw kafkaError(joined.errorCode, null);
    this.memberId = joined.memberId;
    this.generationId = joined.generationId;
    const assignments = joined.leader === joined.memberId ? await this.assign(joined.members) : [];
    const synced = await this.cluster.askCoordinator(
      groupId,
      SyncGroup,
      { groupId, generationId: this.generationId, memberId: this.memberId, groupInstanceId: null, assignments },
      ({ errorCode }) => [errorCode],
      { timeoutMs, maxVersion: MAX_SYNC_VERSION },
    );
    if (synced.errorCode !== ErrorCode.NONE) throw kafkaError(synced.errorCode, null);
    return assignedPartitions(synced.assignment);
  }

  /** As the leader of the generation: what each member gets. */
  private async assign(
    members: readonly { memberId: string; groupInstanceId: string | null; metadata: Buffer }[],
  ): Promise<{ memberId: string; assignment: Buffer }[]> {
    const subscriptions = members.map(({ memberId, groupInstanceId, metadata }) => ({
      memberId,
      instanceId: groupInstanceId,
      topics: subscribedTopics(metadata),
    }));
    const wanted = [...new Set(subscriptions.flatMap(({ topics }) => topics))];
    const { topics } = await this.cluster.view(wanted);
    const counts = new Map(topics.map(({ name, partitions }) => [name ?? "", partitions.length]));
    return [...assignRanges(subscriptions, counts)].map(([memberId, partitions]) => ({
      memberId,
      assignment: versioned(ConsumerProtocolAssignment, {
        assignedPartitions: [...byTopic(partitions)].map(([topic, all]) => ({
          topic,
          partitions: all.map(({ partition }) => partition),
        })),
      }),
    }));
  }

  private beat(over: (failure: unknown) => void, heardMs: number): void {
    this.timer = setTimeout(() => {
      this.beating = this.beatOnce().then(
        (code) => {
          if (this.timer === undefined) return;
          if (code === ErrorCode.NONE) this.beat(over, performance.now());
          else this.end(code, over);
        },
        (error: unknown) => {
          if (this.timer === undefined) return;
          const isLost = !passes(error) || performance.now() - heardMs > DEFAULT_PATIENCE_MS;
          if (isLost) over(error);
          else this.beat(over, heardMs);
        },
      );
    }, this.options.heartbeatIntervalMs);
  }

  private end(code: number, over: (failure: unknown) => void): void {
    if (FORGOTTEN.has(code)) this.memberId = "";
    over(REJOIN.has(code) ? undefined : kafkaError(code, null));
  }

  private async beatOnce(): Promise<number> {
    const { groupId, sessionTimeoutMs } = this.options;
    const { memberId, generationId } = this;
    const request = { groupId, generationId, memberId, groupInstanceId: null };
    const patience = { patienceMs: sessionTimeoutMs };
    return (await this.cluster.askCoordinator(groupId, Heartbeat, request, ({ errorCode }) => [errorCode], patience))
      .errorCode;
  }
}

/** What another member wants to read; nothing, when it cannot be understood. */
function subscribedTopics(metadata: Buffer): readonly string[] {
  try {
    const reader = new ByteReader(metadata);
    reader.int16(); // the version; all begin as the oldest does
    return decode(ConsumerProtocolSubscription, PROTOCOL_VERSION, reader).topics;
  } catch (error) {
    if (error instanceof DecodeError) return [];
    throw error;
  }
}

/** What members say to each other: a version, then the message. */
function versioned<M extends Message>(message: M, value: Encode<M>): Buffer {
  const writer = new Writer();
  writer.int16(PROTOCOL_VERSION);
  encode(message, PROTOCOL_VERSION, value, writer);
  return writer.finishOne();
}
