/** What Apache Kafka answers members and administrators of streams groups (KIP-1071). */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { JoinGroup } from "../../../protocol/messages/classic-group.ts";
import { ConsumerGroupHeartbeat } from "../../../protocol/messages/consumer-group.ts";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import { OffsetCommit, OffsetDelete, OffsetFetch } from "../../../protocol/messages/group-offsets.ts";
import { DeleteGroups, DescribeGroups, ListGroups } from "../../../protocol/messages/groups-admin.ts";
import { StreamsGroupDescribe, StreamsGroupHeartbeat } from "../../../protocol/messages/streams-group.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { type DataPlane, differs, newTopic } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import {
  internalTopic,
  NO_TASK_IDS,
  type Subtopology,
  subtopology,
  type Topology,
  topology,
} from "../groups/streams/streams-client.ts";

type Request = Partial<Encode<typeof StreamsGroupHeartbeat.request>>;
type Answer = Decode<typeof StreamsGroupHeartbeat.response>;
type TaskIds = { subtopologyId: string; partitions: number[] }[];

/** Both sides compute an assignment as soon as there is something to assign. */
export const STREAMS_GROUP_SETTINGS = {
  "group.streams.assignment.interval.ms": "0",
  "group.streams.initial.rebalance.delay.ms": "0",
};

/** The controller's words, for a topic of seven replicas. */
const TOO_FEW_BROKERS =
  "Unable to replicate the partition 7 time(s): The target replication factor of 7 cannot be reached because only 1 broker(s) are registered.";
const LOADING: ReadonlySet<number> = new Set([14, 15, 16]);
const PATIENCE = { timeout: 20_000, interval: 50 };
let made = 0;

class Member {
  readonly asker: WireAsker;
  readonly groupId: string;
  readonly memberId = `member-${++made}`;
  readonly processId: string;
  epoch = 0;
  active: TaskIds = [];
  standby: TaskIds = [];
  private readonly own: Topology;

  constructor(asker: WireAsker, groupId: string, own: Topology, processId = `process-${made}`) {
    this.asker = asker;
    this.groupId = groupId;
    this.own = own;
    this.processId = processId;
  }

  async beat(request: Request = {}): Promise<Answer> {
    const { groupId, memberId, epoch: memberEpoch } = this;
    const body = { groupId, memberId, memberEpoch, endpointInformationEpoch: 0, ...request };
    const answer = await this.asker.ask(StreamsGroupHeartbeat, 0, body);
    if (answer.errorCode !== 0 || request.memberEpoch !== undefined) return answer;
    return this.heard(answer);
  }

  /** Waits for a coordinator that is loading. */
  async join(request: Request = {}): Promise<Answer> {
    const { own, processId } = this;
    const first = { rebalanceTimeoutMs: 60_000, topology: own, processId, clientTags: [], ...NO_TASK_IDS };
    let answer: Answer | undefined;
    await expect
      .poll(async () => {
        answer = await this.beat({ memberEpoch: 0, ...first, ...request });
        return LOADING.has(answer.errorCode);
      }, PATIENCE)
      .toBe(false);
    const { errorCode } = answer as Answer;
    return errorCode === 0 ? this.heard(answer as Answer) : (answer as Answer);
  }

  get taskIds() {
    return { activeTasks: this.active, standbyTasks: this.standby, warmupTasks: [] };
  }

  private heard(answer: Answer): Answer {
    this.epoch = answer.memberEpoch;
    if (answer.activeTasks !== null) this.active = answer.activeTasks;
    if (answer.standbyTasks !== null) this.standby = answer.standbyTasks;
    return answer;
  }
}

const statuses = ({ status }: Answer) =>
  (status ?? []).map(({ statusCode, statusDetail }) => [statusCode, statusDetail]);

export function streamsGroupCases(planeOf: () => DataPlane): void {
  const group = () => `streams-${++made}`;

  /** Someone to ask, once the coordinator of the group is there. */
  async function ready(groupId: string): Promise<WireAsker> {
    const asker = await WireAsker.open(planeOf().address);
    const request = { keyType: 0, coordinatorKeys: [groupId] };
    await expect
      .poll(async () => (await asker.ask(FindCoordinator, 4, request)).coordinators[0]?.errorCode, PATIENCE)
      .toBe(0);
    return asker;
  }

  async function sourceTopic(partitionCount: number): Promise<string> {
    return (await newTopic(planeOf(), { partitionCount })).name;
  }

  async function describe(asker: WireAsker, groupId: string) {
    const request = { groupIds: [groupId], includeAuthorizedOperations: false };
    return (await asker.ask(StreamsGroupDescribe, 0, request)).groups[0];
  }

  test("R201: a member joins, is told its tasks once, and leaves", async () => {
    const groupId = group();
    using asker = await ready(groupId);
    const topic = await sourceTopic(3);
    const member = new Member(asker, groupId, topology(subtopology("0", [topic])));
    expect(await member.join()).toEqual({
      ...{ throttleTimeMs: 0, errorCode: 0, errorMessage: null, memberId: member.memberId, memberEpoch: 2 },
      ...{ heartbeatIntervalMs: 5000, acceptableRecoveryLag: 0, taskOffsetIntervalMs: 0, status: [] },
      ...{ activeTasks: [{ subtopologyId: "0", partitions: [0, 1, 2] }], standbyTasks: [], warmupTasks: [] },
      ...{ endpointInformationEpoch: 0, partitionsByUserEndpoint: null },
    });
    const quiet = { memberEpoch: 2, activeTasks: null, standbyTasks: null, warmupTasks: null, status: [] };
    expect(await member.beat()).toMatchObject(quiet);
    expect(await member.join()).toMatchObject({ memberEpoch: 2, activeTasks: [{ partitions: [0, 1, 2] }] });
    expect(await member.beat({ memberEpoch: -1 })).toEqual({
      ...{ throttleTimeMs: 0, errorCode: 0, errorMessage: null, memberId: member.memberId, memberEpoch: -1 },
      ...{ heartbeatIntervalMs: 0, acceptableRecoveryLag: 0, taskOffsetIntervalMs: 0, status: [] },
      ...{ activeTasks: null, standbyTasks: null, warmupTasks: null },
      ...{ endpointInformationEpoch: 0, partitionsByUserEndpoint: null },
    });
    expect(await member.beat({ memberEpoch: 2 })).toMatchObject({
      errorCode: ErrorCode.UNKNOWN_MEMBER_ID,
      errorMessage: `Member ${member.memberId} is not a member of group ${groupId}.`,
    });
  });

  test("R201: strangers, other epochs and other topologies are refused", async () => {
    const groupId = group();
    using asker = await ready(groupId);
    const topic = await sourceTopic(2);
    const own = { ...topology(subtopology("0", [topic])), epoch: 3 };
    const member = new Member(asker, groupId, own);
    expect(await member.beat({ memberEpoch: 1 })).toMatchObject({
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage: `Streams group ${groupId} not found.`,
    });
    expect(await member.beat({ memberEpoch: -1 })).toMatchObject({
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage: `Group ${groupId} not found.`,
    });
    await member.join();
    for (const memberEpoch of [1, 9]) {
      const size = memberEpoch > 2 ? "greater" : "smaller";
      expect(await member.beat({ memberEpoch })).toMatchObject({
        errorCode: ErrorCode.FENCED_MEMBER_EPOCH,
        errorMessage: `The streams group member has a ${size} member epoch (${memberEpoch}) than the one known by the group coordinator (2). The member must abandon all its partitions and rejoin.`,
      });
    }
    for (const epoch of [3, 4]) {
      const other = new Member(asker, groupId, { ...topology(subtopology("1", [topic])), epoch });
      expect(await other.join()).toMatchObject({
        errorCode: ErrorCode.INVALID_REQUEST,
        errorMessage: "Topology updates are not supported yet.",
      });
    }
    const behind = new Member(asker, groupId, { ...topology(subtopology("1", [topic])), epoch: 1 });
    expect(statuses(await behind.join())).toEqual([
      [0, "The member's topology epoch 1 is behind the group's topology epoch 3."],
    ]);
    for (const [task, errorMessage] of [
      [{ subtopologyId: "9", partitions: [0] }, "Subtopology 9 does not exist in the topology."],
      [
        { subtopologyId: "0", partitions: [2] },
        "Task 2 for subtopology 0 is invalid. Number of tasks for this subtopology: 2",
      ],
    ] as const) {
      const says = { activeTasks: [{ ...task, partitions: [...task.partitions] }], standbyTasks: [], warmupTasks: [] };
      expect(await member.beat(says)).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST, errorMessage });
    }
  });

  test("R202: what cannot be is refused before the group is asked", async () => {
    const groupId = group();
    using asker = await ready(groupId);
    const topic = await sourceTopic(2);
    const own = subtopology("0", [topic]);
    const task = [{ subtopologyId: "0", partitions: [0] }];
    const cases: [Request, number, string][] = [
      [{ instanceId: "i" }, 42, "Static membership is not yet supported."],
      [{ memberEpoch: -2, topology: null }, 42, "InstanceId can't be null."],
      [{ taskOffsets: [] }, 42, "TaskOffsets are not supported yet."],
      [{ taskEndOffsets: [] }, 42, "TaskEndOffsets are not supported yet."],
      [{ warmupTasks: task }, 42, "WarmupTasks are not supported yet."],
      [
        { topology: topology({ ...own, sourceTopicRegex: ["t.*"] }) },
        42,
        "Regular expressions for source topics are not supported yet.",
      ],
      [{ memberId: "" }, 42, "MemberId can't be empty."],
      [{ groupId: "" }, 42, "GroupId can't be empty."],
      [{ rackId: "" }, 42, "RackId can't be empty."],
      [{ rebalanceTimeoutMs: -1 }, 42, "RebalanceTimeoutMs must be provided in first request."],
      [{ activeTasks: null }, 42, "ActiveTasks must be empty when (re-)joining."],
      [{ standbyTasks: task }, 42, "StandbyTasks must be empty when (re-)joining."],
      [{ topology: null }, 42, "Topology must be non-null when (re-)joining."],
      [{ memberEpoch: -3 }, 42, "MemberEpoch is -3, but must be greater than or equal to -2."],
      [{ memberEpoch: 1 }, 42, "Topology can only be provided when (re-)joining."],
      [
        { memberEpoch: 1, topology: null, standbyTasks: null },
        42,
        "If one task-type is non-null, all must be non-null.",
      ],
      [
        { topology: topology({ ...own, stateChangelogTopics: [internalTopic("c", 3)] }) },
        130,
        "Changelog topic c must have an undefined partition count, but it is set to 3.",
      ],
      [
        { topology: topology({ ...own, sourceTopics: ["__consumer_offsets"] }) },
        130,
        "Use of Kafka internal topics __consumer_offsets in a Kafka Streams topology is prohibited.",
      ],
      [
        { topology: topology({ ...own, repartitionSinkTopics: ["a b"] }) },
        130,
        "Topic names a b are not valid topic names.",
      ],
      [
        { topology: topology({ ...own, repartitionSourceTopics: [internalTopic(`${topic}-r`)] }) },
        130,
        "Failed to compute number of partitions for all repartition topics, because a repartition source topic is never used as a sink topic.",
      ],
      [{ topology: topology(subtopology("0", [])) }, 130, "No source topics found for subtopology 0"],
    ];
    for (const [request, errorCode, errorMessage] of cases) {
      const member = new Member(asker, groupId, topology(own));
      expect(await member.join(request)).toMatchObject({ errorCode, errorMessage, memberId: "", status: [] });
    }
    for (const request of [
      { topology: { ...topology(own), epoch: -1 } },
      { topology: topology(own, own) },
      {
        topology: topology({
          ...own,
          copartitionGroups: [{ sourceTopics: [1], sourceTopicRegex: [], repartitionSourceTopics: [] }],
        }),
      },
    ]) {
      const { errorCode } = await new Member(asker, groupId, topology(own)).join(request);
      expect(errorCode).toBe(differs(planeOf(), ErrorCode.UNKNOWN_SERVER_ERROR, ErrorCode.STREAMS_INVALID_TOPOLOGY));
    }
    expect((await describe(asker, groupId))?.errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  });

  test("R204: missing source topics and topics that do not fit are told, and mended when they come", async () => {
    const groupId = group();
    using asker = await ready(groupId);
    const topic = await sourceTopic(2);
    const later = `later-${groupId}`;
    const member = new Member(asker, groupId, topology(subtopology("0", [topic, later])));
    const joined = await member.join();
    expect(joined).toMatchObject({ errorCode: 0, memberEpoch: 2, activeTasks: [], standbyTasks: [], warmupTasks: [] });
    expect(statuses(joined)).toEqual([[1, `Source topics ${later} are missing.`]]);
    expect(await describe(asker, groupId)).toMatchObject({ groupState: "NotReady", groupEpoch: 2, assignmentEpoch: 2 });
    await planeOf().createTopic(later, 3);
    await expect.poll(async () => (await member.beat(member.taskIds)).status, PATIENCE).toEqual([]);
    expect(member.active).toEqual([{ subtopologyId: "0", partitions: [0, 1, 2] }]);
    const joining = {
      copartitionGroups: [{ sourceTopics: [0, 1], sourceTopicRegex: [], repartitionSourceTopics: [] }],
    };
    const other = new Member(asker, group(), topology(subtopology("0", [topic, later], joining)));
    const names = [topic, later].sort().map((name) => `${name}=${name === topic ? 2 : 3}`);
    expect(statuses(await other.join())).toEqual([
      [2, `Following topics do not have the same number of partitions: [{${names.join(", ")}}]`],
    ]);
  });

  test("R205: internal topics are made, and tasks run on them", async () => {
    const groupId = group();
    using asker = await ready(groupId);
    const topic = await sourceTopic(3);
    const parts: Subtopology[] = [
      subtopology("0", [topic], { repartitionSinkTopics: [`${groupId}-repartition`] }),
      subtopology("1", [], {
        repartitionSourceTopics: [internalTopic(`${groupId}-repartition`)],
        stateChangelogTopics: [
          { ...internalTopic(`${groupId}-changelog`), topicConfigs: [{ key: "cleanup.policy", value: "compact" }] },
        ],
      }),
    ];
    const member = new Member(asker, groupId, topology(...parts));
    const [status] = statuses(await member.join());
    expect(status?.[0]).toBe(3);
    expect(status?.[1]).toMatch(
      /^Internal topics are missing: \S+-(repartition, \S+-changelog|changelog, \S+-repartition)$/,
    );
    await expect.poll(async () => (await member.beat(member.taskIds)).status, PATIENCE).toEqual([]);
    expect([...member.active].sort((a, b) => (a.subtopologyId < b.subtopologyId ? -1 : 1))).toEqual([
      { subtopologyId: "0", partitions: [0, 1, 2] },
      { subtopologyId: "1", partitions: [0, 1, 2] },
    ]);
    expect(await describe(asker, groupId)).toMatchObject({
      ...{ groupState: "Stable", groupEpoch: 3, assignmentEpoch: 3 },
      topology: {
        epoch: 0,
        subtopologies: [
          {
            ...{ subtopologyId: "0", sourceTopics: [topic], repartitionSinkTopics: [`${groupId}-repartition`] },
            ...{ stateChangelogTopics: [], repartitionSourceTopics: [] },
          },
          {
            ...{ subtopologyId: "1", sourceTopics: [], repartitionSinkTopics: [] },
            stateChangelogTopics: [
              {
                ...{ name: `${groupId}-changelog`, partitions: 3, replicationFactor: 0 },
                topicConfigs: [{ key: "cleanup.policy", value: "compact" }],
              },
            ],
            repartitionSourceTopics: [
              { name: `${groupId}-repartition`, partitions: 3, replicationFactor: 0, topicConfigs: [] },
            ],
          },
        ],
      },
    });
  });

  test("R205: why an internal topic is not made is told", async () => {
    const groupId = group();
    using asker = await ready(groupId);
    const changelog = { ...internalTopic(`${groupId}-changelog`), replicationFactor: 7 };
    const own = subtopology("0", [await sourceTopic(1)], { stateChangelogTopics: [changelog] });
    const member = new Member(asker, groupId, topology(own));
    await member.join();
    const missing = `Internal topics are missing: ${groupId}-changelog`;
    await expect
      .poll(async () => statuses(await member.beat())[0]?.[1], PATIENCE)
      // Apache Kafka is meant to say it too; 4.3.1 was never seen to.
      .toBe(differs(planeOf(), missing, `${missing}; Creation failed: ${groupId}-changelog (${TOO_FEW_BROKERS}).`));
  });

  test("R208: a task is given up before another has it, and a lost answer is given again", async () => {
    const groupId = group();
    using asker = await ready(groupId);
    const own = topology(subtopology("0", [await sourceTopic(4)]));
    const [a, b] = [new Member(asker, groupId, own), new Member(asker, groupId, own)];
    await a.join();
    expect(await b.join()).toMatchObject({ memberEpoch: 3, activeTasks: [], status: [] });
    expect(await a.beat(a.taskIds)).toMatchObject({ memberEpoch: 2, activeTasks: [{ partitions: [0, 1] }] });
    expect((await describe(asker, groupId))?.groupState).toBe("Reconciling");
    expect(await b.beat()).toMatchObject({ memberEpoch: 3, activeTasks: null });
    expect(await a.beat()).toMatchObject({ memberEpoch: 2, activeTasks: null });
    expect(await a.beat(a.taskIds)).toMatchObject({ memberEpoch: 3, activeTasks: null });
    expect(await b.beat()).toMatchObject({ memberEpoch: 3, activeTasks: [{ partitions: [2, 3] }] });
    expect(await a.beat({ memberEpoch: 2, ...a.taskIds })).toMatchObject({ errorCode: 0, memberEpoch: 3 });
    const others = { ...a.taskIds, activeTasks: [{ subtopologyId: "0", partitions: [3] }] };
    expect((await a.beat({ memberEpoch: 2, ...others })).errorCode).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    expect((await a.beat({ memberEpoch: 2 })).errorCode).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    const described = await describe(asker, groupId);
    expect(described).toMatchObject({ groupState: "Stable", groupEpoch: 3, assignmentEpoch: 3 });
    expect(described?.members.find(({ memberId }) => memberId === a.memberId)).toMatchObject({
      ...{ memberEpoch: 3, instanceId: null, rackId: null, topologyEpoch: 0, processId: a.processId },
      ...{ userEndpoint: null, clientTags: [], taskOffsets: [], taskEndOffsets: [], isClassic: false },
      assignment: { activeTasks: [{ subtopologyId: "0", partitions: [0, 1] }], standbyTasks: [], warmupTasks: [] },
      targetAssignment: { activeTasks: [{ subtopologyId: "0", partitions: [0, 1] }] },
    });
  });

  test("R210: offsets are committed and told in the epochs of members and tasks", async () => {
    const groupId = group();
    using asker = await ready(groupId);
    const topic = await sourceTopic(4);
    const own = topology(subtopology("0", [topic]));
    const [a, b] = [new Member(asker, groupId, own), new Member(asker, groupId, own)];
    await a.join();
    await b.join();
    await a.beat(a.taskIds);
    await a.beat(a.taskIds);
    await b.beat();
    const commit = async (member: Member | undefined, epoch: number, partitionIndex: number, version = 9) => {
      const partitions = [{ partitionIndex, committedOffset: 1, committedMetadata: "" }];
      const request = { groupId, memberId: member?.memberId ?? "", generationIdOrMemberEpoch: epoch };
      const answer = await asker.ask(OffsetCommit, version, { ...request, topics: [{ name: topic, partitions }] });
      return answer.topics[0]?.partitions[0]?.errorCode;
    };
    const { STALE_MEMBER_EPOCH, UNKNOWN_MEMBER_ID, UNSUPPORTED_VERSION } = ErrorCode;
    expect([await commit(a, 3, 0), await commit(a, 2, 0), await commit(a, 4, 0)]).toEqual([0, 0, STALE_MEMBER_EPOCH]);
    expect([await commit(a, 2, 3), await commit(b, 2, 3), await commit(b, 3, 3)]).toEqual([
      STALE_MEMBER_EPOCH,
      STALE_MEMBER_EPOCH,
      0,
    ]);
    expect([await commit(undefined, -1, 0), await commit(a, 3, 0, 8)]).toEqual([
      UNKNOWN_MEMBER_ID,
      UNSUPPORTED_VERSION,
    ]);
    const fetch = async (memberId: string | null, memberEpoch: number) => {
      const groups = [{ groupId, memberId, memberEpoch, topics: null }];
      return (await asker.ask(OffsetFetch, 9, { groups })).groups[0]?.errorCode;
    };
    expect([
      await fetch(a.memberId, 3),
      await fetch(a.memberId, 2),
      await fetch("x", 3),
      await fetch(null, -1),
    ]).toEqual([0, STALE_MEMBER_EPOCH, UNKNOWN_MEMBER_ID, 0]);
    const remove = async () => {
      const topics = [{ name: topic, partitions: [{ partitionIndex: 0 }] }];
      const { errorCode, topics: answers } = await asker.ask(OffsetDelete, 0, { groupId, topics });
      return [errorCode, answers[0]?.partitions[0]?.errorCode];
    };
    expect(await remove()).toEqual([0, ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC]);
    const deleted = async () => (await asker.ask(DeleteGroups, 2, { groupsNames: [groupId] })).results[0]?.errorCode;
    expect(await deleted()).toBe(ErrorCode.NON_EMPTY_GROUP);
    for (const member of [a, b]) await member.beat({ memberEpoch: -1 });
    expect(await remove()).toEqual([0, 0]);
    expect([await commit(undefined, -1, 0), await deleted()]).toEqual([0, 0]);
    expect((await describe(asker, groupId))?.errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  });

  test("R211: a shutdown and where partitions are is told to all", async () => {
    const groupId = group();
    using asker = await ready(groupId);
    const topic = await sourceTopic(2);
    const own = topology(subtopology("0", [topic]));
    const [a, b] = [new Member(asker, groupId, own), new Member(asker, groupId, own)];
    const userEndpoint = { host: "host-a", port: 65_535 };
    expect(await a.join({ userEndpoint })).toMatchObject({
      endpointInformationEpoch: 0,
      partitionsByUserEndpoint: [
        { userEndpoint, activePartitions: [{ topic, partitions: [0, 1] }], standbyPartitions: [] },
      ],
    });
    expect(await a.beat()).toMatchObject({ endpointInformationEpoch: 0, partitionsByUserEndpoint: null });
    await b.join();
    expect(await a.beat(a.taskIds)).toMatchObject({
      endpointInformationEpoch: 1,
      partitionsByUserEndpoint: [{ userEndpoint, activePartitions: [{ topic, partitions: [0] }] }],
    });
    const asked = `Streams group member ${b.memberId} encountered a fatal error and requested a shutdown for the entire application.`;
    expect(statuses(await b.beat({ shutdownApplication: true }))).toEqual([[4, asked]]);
    expect(statuses(await a.beat())).toEqual([[4, asked]]);
    const missing = new Member(asker, group(), topology(subtopology("0", ["none-such"])));
    const { errorCode } = await missing.join({ userEndpoint });
    expect(errorCode).toBe(differs(planeOf(), ErrorCode.UNKNOWN_SERVER_ERROR, 0));
  });

  test("R212: a streams group is not of any other kind", async () => {
    const groupId = group();
    using asker = await ready(groupId);
    const topic = await sourceTopic(1);
    const member = new Member(asker, groupId, topology(subtopology("0", [topic])));
    await member.join();
    const join = {
      groupId,
      memberId: "",
      protocolType: "consumer",
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
    };
    const protocols = [{ name: "range", metadata: Buffer.from([0, 0, 0, 0, 0, 0, 255, 255, 255, 255]) }];
    expect(await asker.ask(JoinGroup, 5, { ...join, protocols })).toMatchObject({
      errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
      memberId: "",
    });
    const consumer = { memberId: "c", memberEpoch: 0, rebalanceTimeoutMs: 10_000, subscribedTopicNames: [topic] };
    const asConsumer = () => asker.ask(ConsumerGroupHeartbeat, 1, { groupId, ...consumer, topicPartitions: [] });
    const notConsumer = {
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage: `Group ${groupId} is not a consumer group.`,
    };
    expect(await asConsumer()).toMatchObject(notConsumer);
    expect((await asker.ask(DescribeGroups, 6, { groups: [groupId] })).groups[0]).toMatchObject({
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage: `Group ${groupId} is not a classic group.`,
    });
    const listed = async (request: { statesFilter?: string[]; typesFilter?: string[] }) =>
      (await asker.ask(ListGroups, 5, request)).groups.filter((each) => each.groupId === groupId);
    const told = { groupId, protocolType: "streams", groupState: "Stable", groupType: "streams" };
    expect(await listed({ typesFilter: ["Streams"], statesFilter: ["stable"] })).toEqual([told]);
    expect(await listed({ typesFilter: ["consumer"] })).toEqual([]);
    await member.beat({ memberEpoch: -1 });
    expect(await listed({ statesFilter: ["Empty"] })).toEqual([{ ...told, groupState: "Empty" }]);
    expect(await asConsumer()).toMatchObject(notConsumer);
    const nowhere = new Member(asker, group(), topology(subtopology("0", ["none-such"])));
    await nowhere.join();
    const notReady = async (name: string) =>
      (await asker.ask(ListGroups, 5, { statesFilter: [name] })).groups.map((each) => each.groupId);
    expect(await notReady("not_ready")).toContain(nowhere.groupId);
    expect(await notReady("NotReady")).toEqual([]);
  });

  test("R212: groups that there are not, or of another kind, are not described", async () => {
    const groupId = group();
    using asker = await ready(groupId);
    const groupIds = [groupId, ""];
    const { groups } = await asker.ask(StreamsGroupDescribe, 0, { groupIds, includeAuthorizedOperations: true });
    const inOrder = [...groups].sort((a, b) => (a.groupId > b.groupId ? -1 : 1));
    const nothing = { groupState: "", groupEpoch: 0, assignmentEpoch: 0, topology: null, members: [] };
    const unasked = { ...nothing, authorizedOperations: -0x80000000 };
    expect(inOrder).toEqual([
      { errorCode: 69, errorMessage: `Group ${groupId} not found.`, groupId, ...unasked },
      { errorCode: 24, errorMessage: null, groupId: "", ...unasked },
    ]);
  });
}
