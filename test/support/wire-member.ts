/**
 * A member of a classic group that does what the test says and nothing else: no heartbeats, no retries of its own.
 */
import { Writer } from "../../protocol/bytes/writer.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from "../../protocol/messages/classic-group.ts";
import { ConsumerProtocolSubscription } from "../../protocol/messages/consumer-protocol.ts";
import { OffsetCommit } from "../../protocol/messages/group-offsets.ts";
import { encode } from "../../protocol/schema/codec.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import { WireClient } from "./wire-client.ts";

export interface WireMemberOptions {
  readonly groupId: string;
  readonly topics?: readonly string[];
  readonly groupInstanceId?: string;
  readonly sessionTimeoutMs?: number;
  readonly rebalanceTimeoutMs?: number;
}

export type Joined = Decode<(typeof JoinGroup)["response"]>;

export class WireMember {
  memberId = "";
  generationId = -1;
  private readonly options: WireMemberOptions;
  private readonly client: WireClient;
  private readonly metadata: Buffer;

  /** @param address "host:port" of the coordinator. */
  static async open(address: string, options: WireMemberOptions): Promise<WireMember> {
    return new WireMember(await WireClient.connect(address), options);
  }

  private constructor(client: WireClient, options: WireMemberOptions) {
    this.client = client;
    this.options = options;
    const writer = new Writer();
    writer.int16(0);
    encode(ConsumerProtocolSubscription, 0, { topics: [...(options.topics ?? ["t"])] }, writer);
    this.metadata = writer.finishOne();
  }

  /** Joins, in two steps where the coordinator wants that. Resolves when the generation begins. */
  async join(): Promise<Joined> {
    const first = await this.joinOnce();
    if (first.errorCode !== ErrorCode.MEMBER_ID_REQUIRED) return first;
    this.memberId = first.memberId;
    return this.joinOnce();
  }

  private async joinOnce(): Promise<Joined> {
    const { groupId, groupInstanceId = null, sessionTimeoutMs = 10_000, rebalanceTimeoutMs = 10_000 } = this.options;
    const joined = await this.client.request(JoinGroup, 9, {
      ...{ groupId, groupInstanceId, sessionTimeoutMs, rebalanceTimeoutMs, memberId: this.memberId },
      ...{ protocolType: "consumer", protocols: [{ name: "range", metadata: this.metadata }], reason: null },
    });
    if (joined.errorCode === ErrorCode.NONE) {
      this.memberId = joined.memberId;
      this.generationId = joined.generationId;
    }
    return joined;
  }

  /** Syncs; a leader says who is in the group, and gives each of them its index as assignment. */
  async sync(joined: Joined): Promise<Decode<(typeof SyncGroup)["response"]>> {
    const { groupId, groupInstanceId = null } = this.options;
    return this.client.request(SyncGroup, 5, {
      ...{ groupId, groupInstanceId, memberId: this.memberId, generationId: this.generationId },
      ...{ protocolType: "consumer", protocolName: "range" },
      assignments: joined.members.map(({ memberId }, index) => ({ memberId, assignment: Buffer.from([index & 0xff]) })),
    });
  }

  async heartbeat(): Promise<number> {
    const { groupId, groupInstanceId = null } = this.options;
    const { memberId, generationId } = this;
    return (await this.client.request(Heartbeat, 4, { groupId, groupInstanceId, memberId, generationId })).errorCode;
  }

  async leave(): Promise<number> {
    const { groupId, groupInstanceId = null } = this.options;
    const members = [{ memberId: this.memberId, groupInstanceId }];
    return (await this.client.request(LeaveGroup, 5, { groupId, members })).errorCode;
  }

  /** Commits the same offset for partitions of a topic; the error of each. */
  async commit(topic: string, partitions: readonly number[], offset: number): Promise<number[]> {
    const answer = await this.client.request(OffsetCommit, 9, {
      ...{ groupId: this.options.groupId, memberId: this.memberId, generationIdOrMemberEpoch: this.generationId },
      topics: [
        {
          name: topic,
          partitions: partitions.map((partitionIndex) => ({
            ...{ partitionIndex, committedOffset: offset, committedMetadata: "" },
          })),
        },
      ],
    });
    return answer.topics.flatMap((one) => one.partitions.map(({ errorCode }) => errorCode));
  }

  /** Ends the connection, without goodbye. */
  close(): void {
    this.client.close();
  }
}

/**
 * All join and sync at once; resolves when all are in one generation and each has its assignment. Whoever joins later begins
 * another generation, of which those before it hear in a heartbeat, and join again.
 * @throws Error a member is refused.
 */
export async function formGroup(members: readonly WireMember[]): Promise<void> {
  const synced = new Set<WireMember>();
  const isFormed = (): boolean =>
    synced.size === members.length && members.every(({ generationId }) => generationId === members[0]?.generationId);
  await Promise.all(
    members.map(async (member) => {
      for (let code: number = ErrorCode.REBALANCE_IN_PROGRESS; !isFormed(); ) {
        if (code === ErrorCode.REBALANCE_IN_PROGRESS) {
          synced.delete(member);
          code = await enter(member);
          if (code === ErrorCode.NONE) synced.add(member);
        } else if (code === ErrorCode.NONE) {
          code = await member.heartbeat();
        } else {
          throw new Error(`a member is refused: error ${code}`);
        }
      }
    }),
  );
}

async function enter(member: WireMember): Promise<number> {
  const joined = await member.join();
  return joined.errorCode === ErrorCode.NONE ? (await member.sync(joined)).errorCode : joined.errorCode;
}
