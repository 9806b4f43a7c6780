/**
 * A member of a share group as Kafka's clients are: heartbeats to the coordinator, a share session with each leader, and
 * acknowledgements that travel with the next fetch or by themselves.
 *
 * Owns: its sessions, and what it has acquired and not spoken of. What it does with a record is drawn: most it accepts, some it gives
 * back, rejects, or forgets about until the lock runs out. It tells DeliveryAudit what it is told.
 */
import { RpcError } from "../../../broker/network/rpc-error.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ShareAcknowledge, ShareFetch } from "../../../protocol/messages/share-fetch.ts";
import { ShareGroupHeartbeat } from "../../../protocol/messages/share-group.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import { GROUP_KEY, type PatientClient, Refused, tried } from "../transactions/patient-client.ts";
import type { DeliveryAudit } from "./delivery-audit.ts";

const VERSION = 1;
const MAX_WAIT_MS = 200;
const MAX_BYTES = 1 << 20;
const MAX_RECORDS = 50;
const [ACCEPT, RELEASE, REJECT] = [1, 2, 3];
const THROWN_OUT: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.GROUP_ID_NOT_FOUND,
]);

/** What is to be said of one record. */
interface Word {
  readonly partition: number;
  readonly offset: number;
  readonly type: number;
  readonly deliveryCount: number;
}

/** With one leader. */
interface Session {
  readonly node: number;
  /** 0: to be opened. */
  epoch: number;
  /** Partitions the leader knows to be in it. */
  partitions: Set<number>;
  words: Word[];
}

type FetchAnswer = Decode<typeof ShareFetch.response>;

export interface QueueMemberOptions {
  readonly groupId: string;
  readonly topic: string;
  readonly audit: DeliveryAudit;
  readonly nowMs: () => number;
  /** The node that leads a partition, as the controller has it. */
  readonly leaderOf: (partition: number) => number | undefined;
  /** Of a hundred records so many are accepted; the rest is given back, rejected or forgotten. */
  readonly accepts: number;
  /** Words go with the next fetch; otherwise by themselves. */
  readonly withFetches: boolean;
}

export class QueueMember {
  assigned: readonly number[] = [];
  private readonly client: PatientClient;
  private readonly options: QueueMemberOptions;
  private readonly sessions = new Map<number, Session>();
  private memberEpoch = 0;
  private lives = 0;
  private nextBeatMs = 0;
  private dead = false;
  /** From here on everything is accepted. */
  isDiligent = false;

  constructor(client: PatientClient, options: QueueMemberOptions) {
    this.client = client;
    this.options = options;
  }

  private get memberId(): string {
    return `${this.client.environment.name}-${this.lives}`;
  }

  /** The process is gone: nobody hears of it any more. */
  die(): void {
    this.dead = true;
    this.client.close();
  }

  async run(stopped: () => boolean): Promise<void> {
    const { clock } = this.client.environment;
    while (!stopped() && !this.dead) {
      if (clock.monotonicMs() >= this.nextBeatMs) await tried(() => this.beat());
      if (this.dead) return;
      const nodes = this.placesByNode();
      if (nodes.size === 0) await this.client.pause(this.client.cluster.settings.retryBackoffMs);
      await Promise.all([...nodes].map(([node, partitions]) => this.visit(node, partitions)));
    }
  }

  describe(): string {
    return `${this.memberId} in epoch ${this.memberEpoch} reads ${this.assigned.join()}`;
  }

  private async beat(): Promise<void> {
    const { clock } = this.client.environment;
    const { groupId, topic } = this.options;
    const { memberId, memberEpoch } = this;
    const subscribedTopicNames = memberEpoch === 0 ? [topic] : null;
    const request = { groupId, memberId, memberEpoch, rackId: null, subscribedTopicNames };
    try {
      const answer = await this.client.persist(() =>
        this.client.askCoordinator([GROUP_KEY, groupId], ShareGroupHeartbeat, VERSION, request),
      );
      this.memberEpoch = answer.memberEpoch;
      this.nextBeatMs = clock.monotonicMs() + answer.heartbeatIntervalMs;
      if (answer.assignment !== null)
        this.assigned = answer.assignment.topicPartitions.flatMap((one) => one.partitions);
    } catch (error) {
      if (!(error instanceof Refused) || !THROWN_OUT.has(error.errorCode)) throw error;
      this.lives++;
      this.memberEpoch = 0;
      this.assigned = [];
      this.sessions.clear();
      this.nextBeatMs = clock.monotonicMs() + this.client.cluster.settings.retryBackoffMs;
    }
  }

  /** What is to be read, and what is to be spoken of, by the leader as it is known now. */
  private placesByNode(): Map<number, number[]> {
    const nodes = new Map<number, number[]>();
    const topic = this.client.cluster.topics.get(this.options.topic);
    for (const partition of this.assigned) {
      const leader = topic?.partitions[partition]?.leader;
      if (leader !== undefined && leader >= 0) nodes.set(leader, [...(nodes.get(leader) ?? []), partition]);
    }
    for (const [node, { words }] of this.sessions) if (words.length > 0 && !nodes.has(node)) nodes.set(node, []);
    return nodes;
  }

  private async visit(node: number, partitions: readonly number[]): Promise<void> {
    const session = this.sessions.get(node) ?? { node, epoch: 0, partitions: new Set<number>(), words: [] };
    this.sessions.set(node, session);
    const separately = session.epoch > 0 && session.words.length > 0 && !this.options.withFetches;
    try {
      await (separately ? this.acknowledge(session) : this.fetch(session, partitions));
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.end(session);
      this.client.cluster.refresh();
      await this.client.pause(this.client.cluster.settings.retryBackoffMs);
    }
  }

  /** What was acquired in it is the leader's again, sooner or later. */
  private end(session: Session): void {
    if (this.sessions.get(session.node) === session) this.sessions.delete(session.node);
  }

  private async fetch(session: Session, partitions: readonly number[]): Promise<void> {
    const topicId = this.client.cluster.topics.get(this.options.topic)?.id;
    const broker = this.client.cluster.brokerAt(session.node);
    if (topicId === undefined || broker === undefined) {
      this.end(session);
      return await this.client.pause(this.client.cluster.settings.retryBackoffMs);
    }
    const words = session.epoch === 0 ? [] : session.words.splice(0);
    const added = partitions.filter((partition) => !session.partitions.has(partition));
    const gone = [...session.partitions].filter((partition) => !partitions.includes(partition));
    const spoken = new Set([...added, ...words.map(({ partition }) => partition)]);
    const request = {
      ...{ groupId: this.options.groupId, memberId: this.memberId, shareSessionEpoch: session.epoch },
      ...{ maxWaitMs: MAX_WAIT_MS, minBytes: 1, maxBytes: MAX_BYTES, maxRecords: MAX_RECORDS, batchSize: MAX_RECORDS },
      topics: spoken.size === 0 ? [] : [{ topicId, partitions: [...spoken].map((index) => said(index, words)) }],
      forgottenTopicsData: gone.length === 0 ? [] : [{ topicId, partitions: gone }],
    };
    const sentAtMs = this.options.nowMs();
    const { requestTimeoutMs: timeoutMs } = this.client.cluster.settings;
    const response = await broker.call(ShareFetch, request, { version: VERSION, timeoutMs });
    try {
      if (this.dead) return;
      this.fetched(session, partitions, words, response.body, sentAtMs);
      if (response.body.errorCode !== ErrorCode.NONE)
        await this.client.pause(this.client.cluster.settings.retryBackoffMs);
    } finally {
      response.release();
    }
  }

  private fetched(
    session: Session,
    partitions: readonly number[],
    words: readonly Word[],
    { errorCode, responses }: FetchAnswer,
    sentAtMs: number,
  ): void {
    if (errorCode !== ErrorCode.NONE) {
      this.end(session);
      return;
    }
    const { audit, leaderOf } = this.options;
    session.epoch++;
    session.partitions = new Set(partitions);
    for (const answer of responses.flatMap((topic) => topic.partitions)) {
      const { partitionIndex, acknowledgeErrorCode, acquiredRecords } = answer;
      const own = words.filter(({ partition }) => partition === partitionIndex);
      if (acknowledgeErrorCode === ErrorCode.NONE) this.taken(own);
      if (answer.errorCode !== ErrorCode.NONE) this.client.cluster.refresh();
      for (const acquired of acquiredRecords) {
        const isFromLeader = leaderOf(partitionIndex) === session.node;
        audit.acquired(this.memberId, partitionIndex, acquired, sentAtMs, isFromLeader);
        const { deliveryCount } = acquired;
        for (let offset = acquired.firstOffset; offset <= acquired.lastOffset; offset++) {
          const type = this.opinion();
          if (type !== undefined) session.words.push({ partition: partitionIndex, offset, type, deliveryCount });
        }
      }
    }
  }

  private async acknowledge(session: Session): Promise<void> {
    const topicId = this.client.cluster.topics.get(this.options.topic)?.id;
    const broker = this.client.cluster.brokerAt(session.node);
    if (topicId === undefined || broker === undefined) return this.end(session);
    const words = session.words.splice(0);
    const indexes = [...new Set(words.map(({ partition }) => partition))];
    const request = {
      ...{ groupId: this.options.groupId, memberId: this.memberId, shareSessionEpoch: session.epoch },
      topics: [{ topicId, partitions: indexes.map((index) => said(index, words)) }],
    };
    const { requestTimeoutMs: timeoutMs } = this.client.cluster.settings;
    const { body } = await broker.call(ShareAcknowledge, request, { version: VERSION, timeoutMs });
    if (this.dead) return;
    if (body.errorCode !== ErrorCode.NONE) {
      this.end(session);
      return await this.client.pause(this.client.cluster.settings.retryBackoffMs);
    }
    session.epoch++;
    for (const { partitionIndex, errorCode } of body.responses.flatMap((topic) => topic.partitions)) {
      if (errorCode === ErrorCode.NONE) this.taken(words.filter(({ partition }) => partition === partitionIndex));
      else this.client.cluster.refresh();
    }
  }

  private taken(words: readonly Word[]): void {
    const { audit, nowMs } = this.options;
    for (const { type, ...word } of words) {
      if (type !== RELEASE) audit.done(this.memberId, { ...word, isAccepted: type === ACCEPT, nowMs: nowMs() });
    }
  }

  private opinion(): number | undefined {
    const { random } = this.client.environment;
    if (this.isDiligent || random.below(100) < this.options.accepts) return ACCEPT;
    return random.pick([RELEASE, RELEASE, REJECT, undefined]);
  }
}

/** Words about a partition, neighbours of one kind together. */
function said(partitionIndex: number, words: readonly Word[]) {
  const own = words.filter(({ partition }) => partition === partitionIndex).sort((a, b) => a.offset - b.offset);
  const batches: { firstOffset: number; lastOffset: number; acknowledgeTypes: number[] }[] = [];
  for (const { offset, type } of own) {
    const last = batches.at(-1);
    if (last !== undefined && last.lastOffset + 1 === offset && last.acknowledgeTypes[0] === type)
      last.lastOffset = offset;
    else batches.push({ firstOffset: offset, lastOffset: offset, acknowledgeTypes: [type] });
  }
  return { partitionIndex, acknowledgementBatches: batches };
}
