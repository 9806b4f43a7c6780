/** What Apache Kafka answers members and administrators of share groups (KIP-932), record by record aside. */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { JoinGroup } from "../../../protocol/messages/classic-group.ts";
import { ConsumerGroupHeartbeat } from "../../../protocol/messages/consumer-group.ts";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import { OffsetCommit, OffsetFetch } from "../../../protocol/messages/group-offsets.ts";
import { DeleteGroups, ListGroups } from "../../../protocol/messages/groups-admin.ts";
import {
  AlterShareGroupOffsets,
  DeleteShareGroupOffsets,
  DescribeShareGroupOffsets,
  ShareGroupDescribe,
  ShareGroupHeartbeat,
} from "../../../protocol/messages/share-group.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { batchOf } from "../../support/batches.ts";
import { type DataPlane, newTopic } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import { fill } from "./fetch-cases.ts";

type HeartbeatRequest = Encode<typeof ShareGroupHeartbeat.request>;
type HeartbeatResponse = Decode<typeof ShareGroupHeartbeat.response>;

const { NONE, INVALID_REQUEST, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, GROUP_ID_NOT_FOUND } = ErrorCode;
const { INVALID_GROUP_ID, NON_EMPTY_GROUP, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode;

/** Both sides compute an assignment as soon as there is something to assign. */
export const SHARE_GROUP_SETTINGS = { "group.share.assignment.interval.ms": "0" };

let made = 0;

class Member {
  readonly asker: WireAsker;
  readonly groupId: string;
  readonly memberId: string;
  epoch = 0;

  constructor(asker: WireAsker, groupId: string, memberId = `member-${++made}`) {
    this.asker = asker;
    this.groupId = groupId;
    this.memberId = memberId;
  }

  async beat(request: Partial<HeartbeatRequest> = {}): Promise<HeartbeatResponse> {
    const { groupId, memberId, epoch: memberEpoch } = this;
    const answer = await this.asker.ask(ShareGroupHeartbeat, 1, {
      ...{ groupId, memberId, memberEpoch, rackId: null, subscribedTopicNames: null, ...request },
    });
    if (answer.errorCode === NONE && request.memberEpoch === undefined) this.epoch = answer.memberEpoch;
    return answer;
  }

  join(...subscribedTopicNames: string[]): Promise<HeartbeatResponse> {
    this.epoch = 0;
    return this.beat({ subscribedTopicNames });
  }

  /** Until its assignment is this. */
  async reads(...partitions: number[]): Promise<void> {
    for (;;) {
      const { assignment } = await this.beat();
      const assigned = assignment?.topicPartitions.flatMap((topic) => topic.partitions).sort();
      if (assigned?.join() === partitions.join()) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async leave(): Promise<HeartbeatResponse> {
    return this.beat({ memberEpoch: -1 });
  }
}

export function shareGroupCases(planeOf: () => DataPlane): void {
  async function newAsker(groupId: string): Promise<WireAsker> {
    const asker = await WireAsker.open(planeOf().address);
    for (;;) {
      const found = await asker.ask(FindCoordinator, 6, { keyType: 0, coordinatorKeys: [groupId] });
      if (found.coordinators[0]?.errorCode === 0) break;
    }
    // It may be loading still.
    const request = { groupIds: [groupId], includeAuthorizedOperations: false };
    const loading = [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.NOT_COORDINATOR] as number[];
    while (loading.includes((await asker.ask(ShareGroupDescribe, 1, request)).groups[0]?.errorCode as number)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return asker;
  }

  async function newGroup(): Promise<{
    asker: WireAsker;
    groupId: string;
    name: string;
    topicId: string;
    member: Member;
  }> {
    const topic = await newTopic(planeOf(), { partitionCount: 2 });
    const groupId = `share-${++made}`;
    const asker = await newAsker(groupId);
    return { asker, groupId, ...topic, member: new Member(asker, groupId) };
  }

  async function describeGroup(asker: WireAsker, groupId: string) {
    const { groups } = await asker.ask(ShareGroupDescribe, 1, {
      groupIds: [groupId],
      includeAuthorizedOperations: false,
    });
    return groups[0];
  }

  async function offsets(
    asker: WireAsker,
    groupId: string,
    topics: { topicName: string; partitions: number[] }[] | null,
  ) {
    const { groups } = await asker.ask(DescribeShareGroupOffsets, 1, { groups: [{ groupId, topics }] });
    return groups[0];
  }

  test("R178: a member joins, is told what to read, and leaves", async () => {
    const { asker, member, groupId, name, topicId } = await newGroup();
    expect(await member.join(name)).toMatchObject({
      ...{ errorCode: NONE, errorMessage: null, memberId: member.memberId, memberEpoch: 2, heartbeatIntervalMs: 5000 },
      assignment: { topicPartitions: [] },
    });
    await member.reads(0, 1);
    expect(await member.beat()).toMatchObject({ errorCode: NONE, memberEpoch: 3, assignment: null });
    expect(await member.beat({ subscribedTopicNames: [name] })).toMatchObject({
      assignment: { topicPartitions: [{ topicId }] },
    });
    expect(await describeGroup(asker, groupId)).toMatchObject({
      ...{ errorCode: NONE, groupState: "Stable", groupEpoch: 3, assignmentEpoch: 3, assignorName: "simple" },
      members: [
        {
          ...{ memberId: member.memberId, rackId: null, memberEpoch: 3, clientId: "test", clientHost: "/127.0.0.1" },
          ...{ subscribedTopicNames: [name], assignment: { topicPartitions: [{ topicId, topicName: name }] } },
        },
      ],
    });
    expect(await member.leave()).toMatchObject({
      errorCode: NONE,
      memberId: member.memberId,
      memberEpoch: -1,
      assignment: null,
    });
    expect(await describeGroup(asker, groupId)).toMatchObject({
      groupState: "Empty",
      groupEpoch: 4,
      assignmentEpoch: 3,
      members: [],
    });
    asker[Symbol.dispose]();
  });

  test("R178: epochs of members", async () => {
    const { asker, member, name } = await newGroup();
    await member.join(name);
    await member.reads(0, 1);
    expect(await member.beat({ memberEpoch: 2 })).toMatchObject({ errorCode: NONE, memberEpoch: 3 });
    expect(await member.beat({ memberEpoch: 1 })).toMatchObject({
      errorCode: FENCED_MEMBER_EPOCH,
      memberId: null,
      memberEpoch: 0,
    });
    expect(await member.beat({ memberEpoch: 4 })).toMatchObject({ errorCode: FENCED_MEMBER_EPOCH });
    expect(await member.beat({ memberId: "other" })).toMatchObject({ errorCode: UNKNOWN_MEMBER_ID });
    expect(await member.beat({ memberId: "other", memberEpoch: -1 })).toMatchObject({ errorCode: UNKNOWN_MEMBER_ID });
    const again = await member.beat({ memberEpoch: 0, subscribedTopicNames: [name] });
    expect(again).toMatchObject({ errorCode: NONE, memberEpoch: 3, assignment: { topicPartitions: [{}] } });
    asker[Symbol.dispose]();
  });

  test("R178: heartbeats that are none", async () => {
    const { asker, member, groupId, name } = await newGroup();
    for (const [request, errorCode] of [
      [{ memberId: "" }, INVALID_REQUEST],
      [{ groupId: "" }, INVALID_REQUEST],
      [{ rackId: "" }, INVALID_REQUEST],
      [{ subscribedTopicNames: [] }, INVALID_REQUEST],
      [{ subscribedTopicNames: null }, INVALID_REQUEST],
      [{ memberEpoch: -2 }, INVALID_REQUEST],
      [{ memberEpoch: 1 }, GROUP_ID_NOT_FOUND],
      [{ memberEpoch: -1 }, GROUP_ID_NOT_FOUND],
    ] as const) {
      expect([
        request,
        (await member.beat({ ...{ memberEpoch: 0, subscribedTopicNames: [name] }, ...request } as never)).errorCode,
      ]).toEqual([request, errorCode]);
    }
    expect(await describeGroup(asker, groupId)).toMatchObject({ errorCode: GROUP_ID_NOT_FOUND, groupState: "" });
    expect(await describeGroup(asker, "")).toMatchObject({ errorCode: INVALID_GROUP_ID });
    asker[Symbol.dispose]();
  });

  test("R179: two members, and then one", async () => {
    const { asker, member, groupId, name } = await newGroup();
    const second = new Member(asker, groupId);
    await member.join(name);
    await member.reads(0, 1);
    await second.join(name);
    const shares = new Set<number>();
    for (const each of [member, second]) {
      for (let tries = 0; tries < 3; tries++) await each.beat();
      const { assignment } = await each.join(name);
      const partitions = assignment?.topicPartitions.flatMap((topic) => topic.partitions) ?? [];
      expect(partitions).toHaveLength(1);
      shares.add(partitions[0] as number);
    }
    expect(shares.size).toBe(2);
    await member.leave();
    await second.reads(0, 1);
    asker[Symbol.dispose]();
  });

  test("R181: offsets are changed and deleted only while nobody reads", async () => {
    const { asker, member, groupId, name, topicId } = await newGroup();
    await member.join(name);
    await member.reads(0, 1);
    const topics = [{ topicName: name, partitions: [{ partitionIndex: 0, startOffset: 1 }] }];
    expect(await asker.ask(AlterShareGroupOffsets, 0, { groupId, topics })).toMatchObject({
      errorCode: NON_EMPTY_GROUP,
      responses: [],
    });
    expect(await asker.ask(DeleteShareGroupOffsets, 0, { groupId, topics: [{ topicName: name }] })).toMatchObject({
      errorCode: NON_EMPTY_GROUP,
      responses: [],
    });
    await member.leave();
    expect(
      await asker.ask(DeleteShareGroupOffsets, 0, { groupId, topics: [{ topicName: "none" }, { topicName: name }] }),
    ).toMatchObject({
      errorCode: NONE,
      responses: expect.arrayContaining([
        expect.objectContaining({ topicName: name, topicId, errorCode: NONE, errorMessage: null }),
        expect.objectContaining({ topicName: "none", topicId: ZERO_UUID, errorCode: UNKNOWN_TOPIC_OR_PARTITION }),
      ]),
    });
    expect(await asker.ask(DeleteShareGroupOffsets, 0, { groupId, topics: [{ topicName: name }] })).toMatchObject({
      errorCode: NONE,
      responses: [{ topicName: name, topicId: ZERO_UUID, errorCode: UNKNOWN_TOPIC_OR_PARTITION }],
    });
    expect(await asker.ask(DeleteShareGroupOffsets, 0, { groupId: "", topics: [] })).toMatchObject({
      errorCode: INVALID_GROUP_ID,
    });
    expect(await asker.ask(AlterShareGroupOffsets, 0, { groupId: "", topics: [] })).toMatchObject({
      errorCode: INVALID_GROUP_ID,
    });
    asker[Symbol.dispose]();
  });

  test("R181: offsets of a group that is not there are set, and it is there", async () => {
    const { asker, groupId, name, topicId } = await newGroup();
    await fill(planeOf(), name, [batchOf(["a", "b", "c"])]);
    expect(await asker.ask(DeleteShareGroupOffsets, 0, { groupId, topics: [{ topicName: name }] })).toMatchObject({
      errorCode: GROUP_ID_NOT_FOUND,
    });
    const partitions = [0, 1, 2].map((partitionIndex) => ({
      partitionIndex,
      startOffset: partitionIndex === 0 ? 1 : 0,
    }));
    const topics = [
      { topicName: name, partitions },
      { topicName: "none", partitions: [{ partitionIndex: 0, startOffset: 0 }] },
    ];
    const altered = await asker.ask(AlterShareGroupOffsets, 0, { groupId, topics });
    expect(altered).toMatchObject({
      errorCode: NONE,
      responses: [
        {
          topicName: "none",
          topicId: ZERO_UUID,
          partitions: [{ partitionIndex: 0, errorCode: UNKNOWN_TOPIC_OR_PARTITION }],
        },
        {
          ...{ topicName: name, topicId },
          partitions: [0, 1, 2].map((partitionIndex) => ({
            partitionIndex,
            errorCode: partitionIndex === 2 ? UNKNOWN_TOPIC_OR_PARTITION : NONE,
          })),
        },
      ],
    });
    const told = await offsets(asker, groupId, null);
    expect(told).toMatchObject({ errorCode: NONE, topics: [{ topicName: name, topicId }] });
    expect(told?.topics[0]?.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex)).toMatchObject([
      { partitionIndex: 0, startOffset: 1, leaderEpoch: 0, lag: 2, errorCode: NONE, errorMessage: null },
      { partitionIndex: 1, startOffset: 0, leaderEpoch: 0, lag: 0, errorCode: NONE, errorMessage: null },
    ]);
    expect(await describeGroup(asker, groupId)).toMatchObject({
      errorCode: NONE,
      groupState: "Empty",
      groupEpoch: 1,
      assignmentEpoch: 1,
    });
    asker[Symbol.dispose]();
  });

  test("R181: offsets of what nobody reads, or nobody has", async () => {
    const { asker, groupId, name, topicId } = await newGroup();
    expect(await offsets(asker, groupId, [{ topicName: name, partitions: [0] }])).toMatchObject({
      errorCode: NONE,
      topics: [
        {
          topicName: name,
          topicId,
          partitions: [{ partitionIndex: 0, startOffset: -1, leaderEpoch: 0, lag: -1, errorCode: NONE }],
        },
      ],
    });
    expect(await offsets(asker, groupId, [{ topicName: "none", partitions: [0] }])).toMatchObject({
      errorCode: NONE,
      topics: [
        {
          topicName: "none",
          topicId: ZERO_UUID,
          partitions: [{ partitionIndex: 0, startOffset: -1, leaderEpoch: 0, lag: -1, errorCode: NONE }],
        },
      ],
    });
    expect(await offsets(asker, groupId, null)).toMatchObject({ errorCode: NONE, topics: [] });
    asker[Symbol.dispose]();
  });

  test("R180: a group that is deleted", async () => {
    const { asker, member, groupId, name } = await newGroup();
    await member.join(name);
    await member.reads(0, 1);
    const drop = async (): Promise<number | undefined> => {
      return (await asker.ask(DeleteGroups, 2, { groupsNames: [groupId] })).results[0]?.errorCode;
    };
    expect(await drop()).toBe(NON_EMPTY_GROUP);
    await member.leave();
    expect(await drop()).toBe(NONE);
    expect(await drop()).toBe(GROUP_ID_NOT_FOUND);
    expect(await offsets(asker, groupId, [{ topicName: name, partitions: [0] }])).toMatchObject({
      topics: [{ partitions: [{ startOffset: -1, errorCode: NONE }] }],
    });
    asker[Symbol.dispose]();
  });

  test("R182: a name has one kind", async () => {
    const { asker, member, groupId, name } = await newGroup();
    await member.join(name);
    const joining = {
      ...{ groupId, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId: "", protocolType: "consumer" },
      protocols: [{ name: "range", metadata: Buffer.alloc(0) }],
    };
    const consumer = {
      groupId,
      memberId: "m",
      memberEpoch: 0,
      rebalanceTimeoutMs: 10_000,
      topicPartitions: [],
      subscribedTopicNames: [name],
    };
    const commit = {
      ...{ groupId, generationIdOrMemberEpoch: -1, memberId: "" },
      topics: [{ name, partitions: [{ partitionIndex: 0, committedOffset: 0, committedMetadata: "" }] }],
    };
    for (let round = 0; round < 2; round++) {
      expect((await asker.ask(JoinGroup, 5, joining)).errorCode).toBe(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
      expect((await asker.ask(ConsumerGroupHeartbeat, 1, consumer)).errorCode).toBe(GROUP_ID_NOT_FOUND);
      expect((await asker.ask(OffsetCommit, 9, commit)).topics[0]?.partitions[0]?.errorCode).toBe(GROUP_ID_NOT_FOUND);
      const fetch = {
        groups: [{ groupId, memberId: null, memberEpoch: -1, topics: [{ name, partitionIndexes: [0] }] }],
        requireStable: false,
      };
      expect((await asker.ask(OffsetFetch, 9, fetch)).groups[0]).toMatchObject({
        errorCode: NONE,
        topics: [{ partitions: [{ committedOffset: -1, errorCode: NONE }] }],
      });
      // Empty or not, it stays what it is.
      await member.leave();
    }
    const other = `consumer-${++made}`;
    const otherAsker = await newAsker(other);
    await otherAsker.ask(ConsumerGroupHeartbeat, 1, { ...consumer, groupId: other });
    expect((await new Member(otherAsker, other).join(name)).errorCode).toBe(GROUP_ID_NOT_FOUND);
    expect(await describeGroup(otherAsker, other)).toMatchObject({ errorCode: GROUP_ID_NOT_FOUND });
    const { groups } = await asker.ask(ListGroups, 5, { statesFilter: [], typesFilter: ["share"] });
    expect(groups.find((group) => group.groupId === groupId)).toMatchObject({
      protocolType: "share",
      groupState: "Empty",
      groupType: "share",
    });
    expect(groups.some((group) => group.groupId === other)).toBe(false);
    for (const each of [asker, otherAsker]) each[Symbol.dispose]();
  });
}
