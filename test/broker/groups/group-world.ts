/**
 * A group coordinator on logs in memory, asked through the real handlers: requests and responses pass through the bytes of their
 * version, so that what a version cannot carry shows.
 */
import { expect } from "vitest";
import type { Broker } from "../../../broker/broker.ts";
import { Later } from "../../../broker/dispatch/answer.ts";
import type { ClientConnection, Handler } from "../../../broker/dispatch/handler.ts";
import type { ClassicGroup } from "../../../broker/groups/classic/classic-group.ts";
import type { ConsumerGroup } from "../../../broker/groups/consumer/consumer-group.ts";
import { GroupCoordinator } from "../../../broker/groups/group-coordinator.ts";
import { DEFAULT_GROUP_SETTINGS, type GroupSettings } from "../../../broker/groups/group-settings.ts";
import type { EndOffsetsByPartition } from "../../../broker/groups/share/end-offsets.ts";
import type { StreamsGroup } from "../../../broker/groups/streams/streams-group.ts";
import {
  handleHeartbeat,
  handleJoinGroup,
  handleLeaveGroup,
  handleSyncGroup,
} from "../../../broker/handlers/classic-group.ts";
import { handleConsumerGroupDescribe, handleConsumerGroupHeartbeat } from "../../../broker/handlers/consumer-group.ts";
import { handleOffsetCommit, handleOffsetDelete, handleOffsetFetch } from "../../../broker/handlers/group-offsets.ts";
import { handleDeleteGroups, handleDescribeGroups, handleListGroups } from "../../../broker/handlers/groups-admin.ts";
import { handleStreamsGroupDescribe, handleStreamsGroupHeartbeat } from "../../../broker/handlers/streams-group.ts";
import { AutoTopicCreation } from "../../../broker/metadata/auto-topic-creation.ts";
import type {
  BrokerImage,
  MetadataImage,
  PartitionImage,
  TopicImage,
} from "../../../broker/metadata/metadata-image.ts";
import { ShareCoordinator } from "../../../broker/share-state/share-coordinator.ts";
import { DEFAULT_SHARE_COORDINATOR_SETTINGS } from "../../../broker/share-state/share-coordinator-settings.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from "../../../protocol/messages/classic-group.ts";
import { ConsumerGroupDescribe, ConsumerGroupHeartbeat } from "../../../protocol/messages/consumer-group.ts";
import { OffsetCommit, OffsetDelete, OffsetFetch } from "../../../protocol/messages/group-offsets.ts";
import { DeleteGroups, DescribeGroups, ListGroups } from "../../../protocol/messages/groups-admin.ts";
import { StreamsGroupDescribe, StreamsGroupHeartbeat } from "../../../protocol/messages/streams-group.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import { decode, encodeToBuffer } from "../../../protocol/schema/codec.ts";
import type { Decode, Encode, Message } from "../../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { SILENT_LOGGER } from "../../../storage/logger.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { MemoryCoordinatorLog } from "../state-machine/memory-coordinator-log.ts";
import { TopicController } from "./topic-controller.ts";

export const OFFSETS_TOPIC = "__consumer_offsets";
const SHARE_STATE_TOPIC = "__share_group_state";

export function topicImage(name: string, id: string, partitionCount: number, leader = 1): TopicImage {
  const partitions = Array.from(
    { length: partitionCount },
    (_, partition): PartitionImage => ({
      partition,
      replicas: [leader],
      directories: [ZERO_UUID],
      inSyncReplicas: [leader],
      eligibleLeaderReplicas: [],
      lastKnownEligibleLeaderReplicas: [],
      addingReplicas: [],
      removingReplicas: [],
      leader,
      leaderRecoveryState: 0,
      leaderEpoch: 0,
      partitionEpoch: 0,
    }),
  );
  return { name, id, partitions };
}

export function clusterImage(topics: readonly TopicImage[], brokers: readonly BrokerImage[] = []): MetadataImage {
  return {
    offset: 1,
    leaderEpoch: 1,
    clusterId: ZERO_UUID,
    brokers: new Map(brokers.map((broker) => [broker.id, broker])),
    topics: new Map(topics.map((topic) => [topic.name, topic])),
    topicsById: new Map(topics.map((topic) => [topic.id, topic])),
    configsOf: () => new Map(),
    resourcesWithConfigs: () => [],
    features: new Map([
      ["group.version", 1],
      ["streams.version", 1],
      ["share.version", 1],
    ]),
    nextProducerId: 0,
    clientQuotas: new Map(),
    scramCredentials: new Map(),
  };
}

function withTopic(image: MetadataImage, topic: TopicImage): MetadataImage {
  return { ...image, topics: new Map([...image.topics, [topic.name, topic]]) };
}

/** An answer on its way: undefined until it is there. */
export interface Pending<R> {
  answer: R | undefined;
  /** The connection it would come on is gone. */
  hangUp: () => void;
}

export const T1 = { name: "t1", id: "AAAAAAAAAAAAAAAAAAAA_Q" };
export const T2 = { name: "t2", id: "AAAAAAAAAAAAAAAAAAAA_g" };

export class GroupWorld {
  readonly clock = new ManualClock();
  readonly log = new MemoryCoordinatorLog();
  readonly random = new SeededRandom(42);
  image: MetadataImage = clusterImage([
    topicImage(OFFSETS_TOPIC, "AAAAAAAAAAAAAAAAAAAA_A", 1),
    topicImage(T1.name, T1.id, 4),
    topicImage(T2.name, T2.id, 4),
  ]);
  groups: GroupCoordinator;
  /** Keeps the state of share partitions, on a log of its own. */
  readonly shareLog = new MemoryCoordinatorLog();
  readonly shareState: ShareCoordinator;
  /** Every partition ends here. */
  endOffset = 0;
  readonly settings: GroupSettings;
  /** Topics that the coordinator's members need. */
  readonly controller = new TopicController();
  readonly autoTopics = new AutoTopicCreation(this.controller, {} as never, this.clock, SILENT_LOGGER);
  private readonly endOffsets = { ask: (asked: ReadonlyMap<string, readonly number[]>) => this.allEndThere(asked) };
  private leaderEpoch = 0;

  constructor(settings: Partial<GroupSettings> = {}) {
    this.settings = { ...DEFAULT_GROUP_SETTINGS, ...settings };
    this.shareState = new ShareCoordinator({
      ...{ clock: this.clock, logger: SILENT_LOGGER, settings: DEFAULT_SHARE_COORDINATOR_SETTINGS },
      image: () => withTopic(this.image, topicImage(SHARE_STATE_TOPIC, "AAAAAAAAAAAAAAAAAAAA__", 1)),
    });
    this.groups = this.newCoordinator();
  }

  /** A world that has loaded its one partition. */
  static async start(settings: Partial<GroupSettings> = {}): Promise<GroupWorld> {
    const world = new GroupWorld(settings);
    await world.lead();
    return world;
  }

  private allEndThere(asked: ReadonlyMap<string, readonly number[]>): Later<EndOffsetsByPartition> {
    const later = new Later<EndOffsetsByPartition>();
    const end = { errorCode: ErrorCode.NONE, offset: this.endOffset };
    later.complete(new Map([...asked].map(([name, all]) => [name, new Map(all.map((index) => [index, end]))])));
    return later;
  }

  private newCoordinator(): GroupCoordinator {
    const { clock, random, settings, shareState: sharePersister } = this;
    return new GroupCoordinator({
      ...{ clock, random, logger: SILENT_LOGGER, settings, sharePersister },
      image: () => this.image,
    });
  }

  async lead(): Promise<void> {
    this.groups.lead(0, ++this.leaderEpoch, this.log);
    await this.settle();
  }

  /** The keeper of share partitions' state begins; until then nobody is. */
  async leadShareState(): Promise<void> {
    this.shareState.lead(0, 1, this.shareLog);
    await this.settle();
  }

  /** The coordinator moves: another broker loads the same log. */
  async failOver(): Promise<void> {
    this.groups.close();
    this.groups = this.newCoordinator();
    await this.lead();
  }

  /** The cluster's topics are these from now on, beside the coordinator's own. */
  setTopics(...topics: TopicImage[]): void {
    const previous = this.image;
    const offsets = previous.topics.get(OFFSETS_TOPIC) as TopicImage;
    const image = { ...clusterImage([offsets, ...topics]), offset: previous.offset + 1 };
    this.image = image;
    const changedTopicIds = new Set(topics.map(({ id }) => id));
    const deletedTopicIds = new Set([...previous.topicsById.keys()].filter((id) => !image.topicsById.has(id)));
    this.groups.metadataChanged({ image, previous, changedTopicIds, deletedTopicIds });
  }

  /** Lets loading run. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 100_000; turn++) {
      await Promise.resolve();
      if (turn % 5 === 0) this.clock.poll();
      if (this.groups.shard(0)?.active !== false && turn > 20) return;
    }
  }

  private get broker(): Broker {
    const { groups, image, autoTopics, endOffsets } = this;
    return { groups, image, autoTopics, endOffsets, clock: this.clock, random: this.random } as unknown as Broker;
  }

  /** Sends a request; what comes back has been written and read again at this version. */
  send<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    handler: Handler<Api<Req, Res>>,
    apiVersion: number,
    request: Encode<Req>,
    clientId = "client",
  ): Pending<Decode<Res>> {
    const sent = decode(api.request, apiVersion, encodeToBuffer(api.request, apiVersion, request));
    const pending: Pending<Decode<Res>> = { answer: undefined, hangUp: () => {} };
    const received = (answer: Encode<Res>): void => {
      expect(pending.answer, "one answer").toBeUndefined();
      pending.answer = decode(api.response, apiVersion, encodeToBuffer(api.response, apiVersion, answer));
    };
    const context = { broker: this.broker, connection: CONNECTION, api, apiVersion, correlationId: 1, clientId };
    const answer = handler(sent, { ...context, frame: undefined } as never);
    if (answer instanceof Later) {
      pending.hangUp = () => answer.cancel();
      answer.onComplete((value) => received(value as Encode<Res>));
    } else {
      received(answer as Encode<Res>);
    }
    return pending;
  }

  join(version: number, request: Partial<Encode<typeof JoinGroup.request>>, clientId?: string) {
    const consumer = { name: "range", metadata: subscription("t1") };
    return this.send(
      JoinGroup,
      handleJoinGroup,
      version,
      {
        groupId: "g",
        sessionTimeoutMs: 10_000,
        ...(version >= 1 ? { rebalanceTimeoutMs: 60_000 } : {}),
        memberId: "",
        protocolType: "consumer",
        protocols: [consumer],
        ...request,
      },
      clientId,
    );
  }

  sync(version: number, request: Partial<Encode<typeof SyncGroup.request>>) {
    const named = version >= 5 ? { protocolType: "consumer", protocolName: "range" } : {};
    const whole = { groupId: "g", generationId: 1, memberId: "", assignments: [], ...named, ...request };
    return this.send(SyncGroup, handleSyncGroup, version, whole);
  }

  heartbeat(version: number, request: Partial<Encode<typeof Heartbeat.request>>) {
    return this.send(Heartbeat, handleHeartbeat, version, { groupId: "g", generationId: 1, memberId: "", ...request });
  }

  leave(version: number, request: Partial<Encode<typeof LeaveGroup.request>>) {
    return this.send(LeaveGroup, handleLeaveGroup, version, { groupId: "g", ...request });
  }

  consumerHeartbeat(request: Partial<Encode<typeof ConsumerGroupHeartbeat.request>>, version = 1) {
    return this.send(ConsumerGroupHeartbeat, handleConsumerGroupHeartbeat, version, {
      groupId: "g",
      memberId: "m",
      memberEpoch: 0,
      ...request,
    });
  }

  describeConsumers(groupIds: string[], version = 1) {
    const request = { groupIds, includeAuthorizedOperations: false };
    return this.send(ConsumerGroupDescribe, handleConsumerGroupDescribe, version, request);
  }

  streamsHeartbeat(request: Partial<Encode<typeof StreamsGroupHeartbeat.request>>) {
    return this.send(StreamsGroupHeartbeat, handleStreamsGroupHeartbeat, 0, {
      groupId: "g",
      memberId: "m",
      memberEpoch: 0,
      endpointInformationEpoch: -1,
      ...request,
    });
  }

  describeStreams(groupIds: string[], includeAuthorizedOperations = false) {
    return this.send(StreamsGroupDescribe, handleStreamsGroupDescribe, 0, { groupIds, includeAuthorizedOperations });
  }

  commit(version: number, request: Partial<Encode<typeof OffsetCommit.request>>) {
    return this.send(OffsetCommit, handleOffsetCommit, version, { groupId: "g", topics: [], ...request });
  }

  fetch(version: number, request: Partial<Encode<typeof OffsetFetch.request>>) {
    return this.send(OffsetFetch, handleOffsetFetch, version, request);
  }

  deleteOffsets(request: Encode<typeof OffsetDelete.request>) {
    return this.send(OffsetDelete, handleOffsetDelete, 0, request);
  }

  describe(version: number, groups: string[], includeAuthorizedOperations = false) {
    return this.send(DescribeGroups, handleDescribeGroups, version, {
      groups,
      ...(version >= 3 ? { includeAuthorizedOperations } : {}),
    });
  }

  list(version: number, request: Partial<Encode<typeof ListGroups.request>> = {}) {
    return this.send(ListGroups, handleListGroups, version, request);
  }

  deleteGroups(groupsNames: string[]) {
    return this.send(DeleteGroups, handleDeleteGroups, 2, { groupsNames });
  }

  /** What the coordinator holds of a classic group now. */
  group(groupId = "g"): ClassicGroup | undefined {
    const group = this.groups.shard(this.groups.partitionOf(groupId) ?? 0)?.machine.groups.get(groupId);
    expect([undefined, "classic"]).toContain(group?.type);
    return group as ClassicGroup | undefined;
  }

  /** What the coordinator holds of a consumer group now. */
  consumerGroup(groupId = "g"): ConsumerGroup | undefined {
    const group = this.groups.shard(this.groups.partitionOf(groupId) ?? 0)?.machine.groups.get(groupId);
    expect([undefined, "consumer"]).toContain(group?.type);
    return group as ConsumerGroup | undefined;
  }

  /** What the coordinator holds of a streams group now. */
  streamsGroup(groupId = "g"): StreamsGroup | undefined {
    const group = this.groups.shard(this.groups.partitionOf(groupId) ?? 0)?.machine.groups.get(groupId);
    expect([undefined, "streams"]).toContain(group?.type);
    return group as StreamsGroup | undefined;
  }

  /**
   * Members join, wait out the initial delay, and are assigned their numbers: a stable group. The first to join leads.
   * @param members instance ids, null for dynamic members.
   */
  stableGroup(members: readonly (string | null)[], groupId = "g"): string[] {
    const joins = members.map((groupInstanceId) => this.join(5, { groupId, groupInstanceId }));
    const ids = joins.map((join, i) => join.answer?.memberId ?? String(members[i]));
    const rejoined = ids.map((memberId, i) =>
      members[i] === null ? this.join(5, { groupId, memberId }) : (joins[i] as (typeof joins)[number]),
    );
    for (let i = 0; i < 1000 && rejoined.some(({ answer }) => answer === undefined); i++) this.clock.advance(100);
    const answers = rejoined.map(({ answer }) => answer);
    const memberIds = answers.map((answer) => answer?.memberId as string);
    const generationId = answers[0]?.generationId ?? -1;
    const leader = answers[0]?.leader;
    const assignments = memberIds.map((memberId, i) => ({ memberId, assignment: Buffer.from([i]) }));
    const syncs = memberIds.map((memberId) =>
      this.sync(3, { groupId, memberId, generationId, assignments: memberId === leader ? assignments : [] }),
    );
    expect(syncs.map(({ answer }) => answer?.errorCode)).toEqual(members.map(() => 0));
    expect(this.group(groupId)?.state).toBe("Stable");
    return memberIds;
  }
}

const CONNECTION = {
  id: 1,
  listenerName: "PLAINTEXT",
  remoteHost: "127.0.0.1",
  principal: { type: "User", name: "ANONYMOUS" },
  clientSoftwareName: "",
  clientSoftwareVersion: "",
  closed: false,
  onClosed: () => {},
} as unknown as ClientConnection;

/** A consumer's subscription, version 0. */
export function subscription(...topics: string[]): Buffer {
  const parts = [Buffer.from([0, 0]), int32(topics.length)];
  for (const topic of topics) parts.push(Buffer.from([0, topic.length]), Buffer.from(topic));
  return Buffer.concat([...parts, int32(-1)]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
