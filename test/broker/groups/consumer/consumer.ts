/**
 * A member of a consumer group, as clients are: it keeps its epoch and what it has, gives up what it is told to give up, and says
 * so in its next heartbeat.
 */
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import type { ConsumerGroupHeartbeat } from "../../../../protocol/messages/consumer-group.ts";
import type { Decode, Encode } from "../../../../protocol/schema/message.ts";
import type { GroupWorld } from "../group-world.ts";

type Request = Partial<Encode<typeof ConsumerGroupHeartbeat.request>>;
export type Answer = Decode<typeof ConsumerGroupHeartbeat.response>;

export interface ConsumerOptions {
  readonly groupId?: string;
  readonly topics?: readonly string[];
  readonly regex?: string;
  readonly instanceId?: string;
  readonly assignor?: string;
  readonly rebalanceTimeoutMs?: number;
}

export class Consumer {
  epoch = 0;
  /** Partitions by topic id, as it has them. */
  owned = new Map<string, number[]>();
  readonly memberId: string;
  readonly world: GroupWorld;
  readonly groupId: string;
  topics: readonly string[] | undefined;
  private readonly options: ConsumerOptions;
  /** What it has changed since it last said so. */
  private tells = true;

  constructor(world: GroupWorld, memberId: string, options: ConsumerOptions = {}) {
    this.world = world;
    this.memberId = memberId;
    this.options = options;
    this.groupId = options.groupId ?? "g";
    this.topics = options.topics ?? (options.regex === undefined ? ["t1"] : undefined);
  }

  /** "t1-0 t1-1", by name. */
  get partitions(): string {
    const { topicsById } = this.world.image;
    const names = [...this.owned].flatMap(([id, all]) => all.map((p) => `${topicsById.get(id)?.name}-${p}`));
    return names.sort().join(" ");
  }

  get topicPartitions(): { topicId: string; partitions: number[] }[] {
    return [...this.owned].map(([topicId, partitions]) => ({ topicId, partitions }));
  }

  join(request: Request = {}): Answer {
    this.epoch = 0;
    this.owned = new Map();
    return this.send({
      rebalanceTimeoutMs: this.options.rebalanceTimeoutMs ?? 60_000,
      topicPartitions: [],
      ...this.said(),
      ...request,
    });
  }

  private said(): Request {
    const { regex, instanceId, assignor } = this.options;
    return {
      ...(this.topics === undefined ? {} : { subscribedTopicNames: [...this.topics] }),
      ...(regex === undefined ? {} : { subscribedTopicRegex: regex }),
      ...(instanceId === undefined ? {} : { instanceId }),
      ...(assignor === undefined ? {} : { serverAssignor: assignor }),
    };
  }

  /** Says that it is there, and what it has if that changed. */
  heartbeat(request: Request = {}): Answer {
    const { instanceId } = this.options;
    return this.send({
      ...(instanceId === undefined ? {} : { instanceId }),
      ...(this.tells ? { topicPartitions: this.topicPartitions } : {}),
      ...request,
    });
  }

  leave(memberEpoch = -1): Answer {
    const { instanceId } = this.options;
    return this.request({ memberEpoch, ...(instanceId === undefined ? {} : { instanceId }) });
  }

  private send(request: Request): Answer {
    this.tells = false;
    const answer = this.request({ memberEpoch: this.epoch, ...request });
    this.hear(answer);
    return answer;
  }

  /** What it makes of an answer. */
  hear(answer: Answer): void {
    if (answer.errorCode !== ErrorCode.NONE) return;
    this.epoch = answer.memberEpoch;
    if (answer.assignment === null) return;
    this.owned = new Map(answer.assignment.topicPartitions.map(({ topicId, partitions }) => [topicId, partitions]));
    this.tells = true;
  }

  request(request: Request): Answer {
    const { memberId, groupId } = this;
    const { answer } = this.world.consumerHeartbeat({ groupId, memberId, ...request });
    if (answer === undefined) throw new Error("there is no answer yet");
    return answer;
  }
}

/** Heartbeats of all of them, in turn, until nothing changes. */
export function settle(consumers: readonly Consumer[], rounds = 20): void {
  const [first] = consumers;
  for (let round = 0; round < rounds; round++) {
    first?.world.clock.advance(1000);
    const before = consumers.map((consumer) => `${consumer.epoch} ${consumer.partitions}`).join();
    for (const consumer of consumers) consumer.heartbeat();
    const after = consumers.map((consumer) => `${consumer.epoch} ${consumer.partitions}`).join();
    if (before === after && round > 1) return;
  }
}
