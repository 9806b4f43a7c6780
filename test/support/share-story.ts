/**
 * What a share group must come through with any client: three members, one of them killed, the node of the coordinators killed, the
 * leader of a partition killed, records coming all the while, some of them nobody's to accept.
 *
 * Owns: the story, and what must hold: each record is accepted by somebody, none is given again once its acceptance was confirmed, and
 * one that nobody accepts is given as often as the limit says. Leaves to each program: being a member.
 *
 *   PROGRAM BOOTSTRAP TOPIC GROUP     "got" or "accepted" TAB partition TAB offset TAB delivery count TAB value, until its input ends
 */
import { Kafka, logLevel } from "kafkajs";
import { expect } from "vitest";
import { InternalTopic } from "../../broker/metadata/internal-topics.ts";
import { coordinatorKey } from "../../broker/share-state/share-partition-key.ts";
import { partitionOfKey } from "../../broker/state-machine/key-partition.ts";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { IncrementalAlterConfigs } from "../../protocol/messages/configs.ts";
import { Metadata } from "../../protocol/messages/metadata.ts";
import { DescribeShareGroupOffsets } from "../../protocol/messages/share-group.ts";
import { ZERO_UUID } from "../../protocol/uuid.ts";
import { Program, type ProgramOptions } from "./programs.ts";
import { WireClient } from "./wire-client.ts";

export interface ShareMemberProgram {
  readonly command: string;
  readonly args?: readonly string[];
  readonly options?: ProgramOptions;
}

const TOPIC = "jobs";
const GROUP = "workers";
const PARTITIONS = 4;
const DELIVERY_LIMIT = 5;
const POISON_EVERY = 50;
const PATIENCE_MS = 60_000;
const GROUP_RESOURCE = 32;

function isPoison(value: string): boolean {
  return value.startsWith("poison");
}

interface Fate {
  readonly value: string;
  accepted: number;
  deliveries: number;
  highestCount: number;
  /** What was told after its acceptance had been confirmed. */
  givenAgain: number;
}

export class ShareStory implements AsyncDisposable {
  private readonly cluster: Cluster;
  private readonly program: ShareMemberProgram;
  private readonly members = new Set<Program>();
  private readonly fates = new Map<string, Fate>();
  private readonly kafka: Kafka;
  private produced = 0;
  private unconfirmed = 0;

  static async begin(program: ShareMemberProgram): Promise<ShareStory> {
    const cluster = await startCluster({
      nodes: 3,
      settings: {
        "group.share.min.record.lock.duration.ms": 1000,
        "group.share.record.lock.duration.ms": 4000,
        "group.share.min.session.timeout.ms": 500,
        "group.share.session.timeout.ms": 4000,
        "group.share.min.heartbeat.interval.ms": 100,
        "group.share.heartbeat.interval.ms": 300,
      },
    });
    const story = new ShareStory(cluster, program);
    await cluster.createTopic(TOPIC, { partitions: PARTITIONS, configs: { "min.insync.replicas": "2" } });
    const client = await WireClient.connect(cluster.bootstrapServers.split(",")[0] as string);
    const configs = [{ name: "share.auto.offset.reset", configOperation: 0, value: "earliest" }];
    const resources = [{ resourceType: GROUP_RESOURCE, resourceName: GROUP, configs }];
    const altered = await client.request(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
    client.close();
    expect(altered.responses.map(({ errorCode }) => errorCode)).toEqual([0]);
    return story;
  }

  private constructor(cluster: Cluster, program: ShareMemberProgram) {
    this.cluster = cluster;
    this.program = program;
    this.kafka = new Kafka({ brokers: cluster.bootstrapServers.split(","), logLevel: logLevel.NOTHING });
  }

  async run(): Promise<void> {
    const { cluster } = this;
    const [first] = [this.join(), this.join(), this.join()];
    await this.produce(300);
    await this.untilAccepted(150);

    // A member dies with records in its hands.
    await this.kill(first);
    await this.produce(300);
    await this.untilAccepted(400);

    // The node that keeps the state of a partition dies.
    const topicId = await this.topicId();
    const key = coordinatorKey({ groupId: GROUP, topicId, partition: 1 });
    const keeper = cluster.leaderOf(InternalTopic.SHARE_GROUP_STATE, partitionOfKey(key, 50)) ?? 1;
    await cluster.node(keeper).kill();
    await this.produce(300);
    await this.untilAccepted(700);
    await cluster.node(keeper).restart();

    // The leader of a partition dies, in the middle of it all; a member more comes.
    const leader = cluster.leaderOf(TOPIC, 0) ?? 1;
    this.join();
    await this.produce(100);
    await cluster.node(leader).kill();
    await this.produce(300);
    await cluster.node(leader).restart();
    await this.untilSettled();
    this.judge();
    await Promise.all([...this.members].map((member) => this.leave(member)));
  }

  private join(): Program {
    const { command, args = [], options } = this.program;
    const member = new Program(command, [...args, this.cluster.bootstrapServers, TOPIC, GROUP], options);
    this.members.add(member);
    member.onLine((line) => this.hear(line));
    return member;
  }

  private async kill(member: Program): Promise<void> {
    this.members.delete(member);
    await member.kill();
  }

  private async leave(member: Program): Promise<void> {
    this.members.delete(member);
    member.child.stdin?.end();
    await member.ended(PATIENCE_MS);
  }

  private hear(line: string): void {
    const [word, partition, offset, count, value] = line.split("\t");
    if (value === undefined) return;
    const key = `${partition}-${offset}`;
    const fate = this.fates.get(key) ?? { value, accepted: 0, deliveries: 0, highestCount: 0, givenAgain: 0 };
    this.fates.set(key, fate);
    if (word === "accepted") fate.accepted++;
    if (word !== "got") return;
    fate.deliveries++;
    fate.highestCount = Math.max(fate.highestCount, Number(count));
    if (fate.accepted > 0) fate.givenAgain++;
  }

  /** Records in batches of some, each with its number. */
  private async produce(count: number): Promise<void> {
    const producer = this.kafka.producer({ idempotent: true, retry: { retries: 50, initialRetryTime: 50 } });
    await producer.connect();
    for (let sent = 0; sent < count; sent += 10) {
      const messages = Array.from({ length: 10 }, () => {
        const number = this.produced++;
        return { key: `k${number}`, value: `${number % POISON_EVERY === 7 ? "poison" : "value"}-${number}` };
      });
      await producer.send({ topic: TOPIC, messages, acks: -1 });
    }
    await producer.disconnect();
  }

  private async topicId(): Promise<string> {
    const client = await WireClient.connect(this.cluster.bootstrapServers.split(",")[0] as string);
    const topics = [{ topicId: ZERO_UUID, name: TOPIC }];
    const request = { topics, allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false };
    const answer = await client.request(Metadata, 12, request);
    client.close();
    return answer.topics[0]?.topicId as string;
  }

  private acceptedCount(): number {
    return [...this.fates.values()].filter(({ accepted }) => accepted > 0).length;
  }

  private async untilAccepted(count: number): Promise<void> {
    await expect.poll(() => this.acceptedCount(), { timeout: PATIENCE_MS, interval: 50 }).toBeGreaterThanOrEqual(count);
  }

  /** Until every record but the poisonous is accepted, and the group has nothing left to do. */
  private async untilSettled(): Promise<void> {
    const state = async () => {
      const fates = [...this.fates.values()];
      return { values: new Set(fates.map(({ value }) => value)).size, lag: await this.lag() };
    };
    await expect.poll(state, { timeout: PATIENCE_MS, interval: 200 }).toEqual({ values: this.produced, lag: 0 });
    const waiting = [...this.fates.values()].filter(({ accepted, value }) => accepted === 0 && !isPoison(value));
    this.unconfirmed = waiting.length;
  }

  /** Records that are neither done with nor dead; undefined while nobody can say. */
  private async lag(): Promise<number | undefined> {
    const topics = [{ topicName: TOPIC, partitions: Array.from({ length: PARTITIONS }, (_, i) => i) }];
    const running = this.cluster.nodes.find(({ state }) => state === "running")?.address as string;
    const client = await WireClient.connect(running);
    try {
      const groups = [{ groupId: GROUP, topics }];
      const told = await client.request(DescribeShareGroupOffsets, 1, { groups });
      const partitions = told.groups[0]?.topics[0]?.partitions ?? [];
      if (partitions.length < PARTITIONS || partitions.some(({ errorCode }) => errorCode !== 0)) return undefined;
      return partitions.reduce((sum, { lag }) => sum + lag, 0);
    } finally {
      client.close();
    }
  }

  private judge(): void {
    const fates = [...this.fates.values()];
    expect(fates.filter(({ givenAgain }) => givenAgain > 0)).toEqual([]);
    expect(fates.filter(({ highestCount }) => highestCount > DELIVERY_LIMIT)).toEqual([]);
    expect(fates.filter(({ value, accepted }) => isPoison(value) && accepted > 0)).toEqual([]);
    // An acceptance may be stored while its answer is lost with a node: of few, not of many.
    expect(this.unconfirmed).toBeLessThan(this.produced / 10);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.members].map((member) => member.kill()));
    await this.cluster[Symbol.asyncDispose]();
  }
}
