/**
 * A member of a share group that speaks the protocol itself: joins, fetches from the leaders of what it is assigned, acknowledges, and
 * goes on when nodes go.
 *
 * Owns: its heartbeats, a session with each node, who leads what. Leaves to the test: what is acknowledged, and as what.
 */
import { FindCoordinator } from "../../protocol/messages/find-coordinator.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";
import { ShareAcknowledge, ShareFetch } from "../../protocol/messages/share-fetch.ts";
import { ShareGroupHeartbeat } from "../../protocol/messages/share-group.ts";
import type { Api } from "../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../protocol/uuid.ts";
import { WireClient } from "./wire-client.ts";

const HEARTBEAT_MS = 100;
const RETRY_MS = 50;
const WAIT_MS = 100;

/** Records that follow one another, acquired together. */
export interface Acquired {
  readonly partition: number;
  readonly firstOffset: number;
  /** Inclusive. */
  readonly lastOffset: number;
  readonly deliveryCount: number;
}

interface Session {
  readonly client: WireClient;
  epoch: number;
  readonly partitions: Set<number>;
}

export class WireShareMember {
  private readonly memberId: string;
  private readonly groupId: string;
  private readonly topic: string;
  private readonly bootstrapServers: readonly string[];
  private readonly sessions = new Map<string, Session>();
  private leaders = new Map<number, string>();
  private assigned: readonly number[] = [];
  private topicId = ZERO_UUID;
  private memberEpoch = 0;
  private isOver = false;
  private readonly heartbeats: Promise<void>;

  constructor(bootstrapServers: string, groupId: string, topic: string, memberId: string) {
    this.bootstrapServers = bootstrapServers.split(",");
    this.groupId = groupId;
    this.topic = topic;
    this.memberId = memberId;
    this.heartbeats = this.beat();
  }

  private async beat(): Promise<void> {
    let coordinator: string | undefined;
    while (!this.isOver) {
      coordinator ??= await this.findCoordinator();
      const subscribedTopicNames = this.memberEpoch === 0 ? [this.topic] : null;
      const { groupId, memberId, memberEpoch } = this;
      const request = { groupId, memberId, memberEpoch, rackId: null, subscribedTopicNames };
      const answer = coordinator === undefined ? undefined : await ask(coordinator, ShareGroupHeartbeat, 1, request);
      if (answer?.errorCode === 0) {
        this.memberEpoch = answer.memberEpoch;
        const partitions = answer.assignment?.topicPartitions.flatMap((one) => one.partitions);
        if (partitions !== undefined) this.assigned = partitions;
      } else {
        coordinator = undefined;
        // Fenced, or forgotten: it joins anew.
        if (answer?.errorCode === 25 || answer?.errorCode === 110) this.memberEpoch = 0;
      }
      await sleep(HEARTBEAT_MS);
    }
  }

  private async findCoordinator(): Promise<string | undefined> {
    for (const address of this.bootstrapServers) {
      const answer = await ask(address, FindCoordinator, 6, { keyType: 0, coordinatorKeys: [this.groupId] });
      const found = answer?.coordinators[0];
      if (found?.errorCode === 0) return `${found.host}:${found.port}`;
    }
    return undefined;
  }

  private async learnLeaders(): Promise<void> {
    const topics = [{ topicId: ZERO_UUID, name: this.topic }];
    const request = { topics, allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false };
    for (const address of this.bootstrapServers) {
      const answer = await ask(address, Metadata, 12, request);
      const [topic] = answer?.topics ?? [];
      if (answer === undefined || topic === undefined) continue;
      this.topicId = topic.topicId;
      const nodes = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]));
      const led = topic.partitions.flatMap(({ partitionIndex, leaderId }) => {
        const node = nodes.get(leaderId);
        return node === undefined ? [] : [[partitionIndex, node] as const];
      });
      this.leaders = new Map(led);
      return;
    }
  }

  /** What it acquires now, of all its partitions; nothing where nodes are away. */
  async fetch(maxRecords: number): Promise<Acquired[]> {
    if (this.leaders.size === 0) await this.learnLeaders();
    const byNode = new Map<string, number[]>();
    for (const partition of this.assigned) {
      const node = this.leaders.get(partition);
      if (node !== undefined) byNode.set(node, [...(byNode.get(node) ?? []), partition]);
    }
    if (byNode.size === 0) await sleep(RETRY_MS);
    const got = await Promise.all(
      [...byNode].map(([node, partitions]) => this.fetchFrom(node, partitions, maxRecords)),
    );
    return got.flat();
  }

  private async fetchFrom(node: string, partitions: readonly number[], maxRecords: number): Promise<Acquired[]> {
    const session = await this.sessionWith(node);
    if (session === undefined) return [];
    const added = partitions.filter((partition) => !session.partitions.has(partition));
    const forgotten = [...session.partitions].filter((partition) => !partitions.includes(partition));
    const named = added.map((partitionIndex) => ({ partitionIndex, acknowledgementBatches: [] }));
    const response = await this.asked(node, ShareFetch, 2, {
      ...{ groupId: this.groupId, memberId: this.memberId, shareSessionEpoch: session.epoch },
      ...{ maxWaitMs: WAIT_MS, minBytes: 1, maxRecords, batchSize: maxRecords },
      topics: named.length === 0 ? [] : [{ topicId: this.topicId, partitions: named }],
      forgottenTopicsData: forgotten.length === 0 ? [] : [{ topicId: this.topicId, partitions: forgotten }],
    });
    if (response === undefined) return [];
    for (const partition of added) session.partitions.add(partition);
    for (const partition of forgotten) session.partitions.delete(partition);
    const told = response.responses.flatMap((one) => one.partitions);
    if (told.some(({ errorCode }) => errorCode !== 0)) {
      await sleep(RETRY_MS);
      await this.learnLeaders();
    }
    return told.flatMap(({ partitionIndex, acquiredRecords }) =>
      acquiredRecords.map((acquired) => ({ partition: partitionIndex, ...acquired })),
    );
  }

  /** True once what it says of records is stored; one type for all of them, or one for each. */
  async acknowledge(acquired: Acquired, acknowledgeTypes: readonly number[]): Promise<boolean> {
    const { partition: partitionIndex, firstOffset, lastOffset } = acquired;
    const node = this.leaders.get(partitionIndex);
    const session = node === undefined ? undefined : this.sessions.get(node);
    if (node === undefined || session === undefined || session.epoch === 0) return false;
    const acknowledgementBatches = [{ firstOffset, lastOffset, acknowledgeTypes: [...acknowledgeTypes] }];
    const response = await this.asked(node, ShareAcknowledge, 2, {
      ...{ groupId: this.groupId, memberId: this.memberId, shareSessionEpoch: session.epoch },
      topics: [{ topicId: this.topicId, partitions: [{ partitionIndex, acknowledgementBatches }] }],
    });
    return response?.responses[0]?.partitions[0]?.errorCode === 0;
  }

  private async sessionWith(node: string): Promise<Session | undefined> {
    const known = this.sessions.get(node);
    if (known !== undefined && !known.client.isClosed) return known;
    try {
      const session = { client: await WireClient.connect(node), epoch: 0, partitions: new Set<number>() };
      this.sessions.set(node, session);
      return session;
    } catch {
      await sleep(RETRY_MS);
      await this.learnLeaders();
      return undefined;
    }
  }

  /** Asks in the session with a node; one that fails is begun anew. */
  private async asked<Req extends Message, Res extends Message>(
    node: string,
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
  ): Promise<Decode<Res> | undefined> {
    const session = this.sessions.get(node);
    if (session === undefined) return undefined;
    try {
      const response = await session.client.request(api, version, request);
      if ((response as unknown as { errorCode: number }).errorCode === 0) {
        session.epoch++;
        return response as Decode<Res>;
      }
    } catch {
      await this.learnLeaders();
    }
    session.client.close();
    this.sessions.delete(node);
    await sleep(RETRY_MS);
    return undefined;
  }

  /** It is gone without a word: its connections end. */
  async kill(): Promise<void> {
    this.isOver = true;
    for (const { client } of this.sessions.values()) client.close();
    await this.heartbeats;
  }
}

async function ask<Req extends Message, Res extends Message>(
  address: string,
  api: Api<Req, Res>,
  version: number,
  request: Encode<Req>,
): Promise<Decode<Res> | undefined> {
  let client: WireClient | undefined;
  try {
    client = await WireClient.connect(address);
    return (await client.request(api, version, request)) as Decode<Res>;
  } catch {
    return undefined;
  } finally {
    client?.close();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
