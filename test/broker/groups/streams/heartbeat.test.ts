/**
 * A streams group through StreamsGroupHeartbeat: joining, topologies, tasks, what members are told.
 */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { GroupWorld, T1, T2, topicImage } from "../group-world.ts";
import {
  type Answer,
  internalTopic,
  type Request,
  StreamsClient,
  settle,
  subtopology,
  topology,
} from "./streams-client.ts";
import { startStreams } from "./streams-world.ts";

const statuses = ({ status }: Answer) =>
  (status ?? []).map(({ statusCode, statusDetail }) => [statusCode, statusDetail]);

describe("joining", () => {
  it("R201: the first member has all tasks with the first answer, in epoch 2", async () => {
    const world = await startStreams();
    const client = new StreamsClient(world, "m");
    const answer = client.join();
    expect(answer).toMatchObject({
      ...{ errorCode: 0, errorMessage: null, memberId: "m", memberEpoch: 2, heartbeatIntervalMs: 5000 },
      ...{ acceptableRecoveryLag: 0, taskOffsetIntervalMs: 0, status: [] },
      ...{ activeTasks: [{ subtopologyId: "0", partitions: [0, 1, 2, 3] }], standbyTasks: [], warmupTasks: [] },
    });
    expect(client.heartbeat()).toMatchObject({ memberEpoch: 2, activeTasks: null, standbyTasks: null, status: [] });
  });

  it("R201: who joins again is told its tasks again, and nothing moves", async () => {
    const world = await startStreams();
    const client = new StreamsClient(world, "m");
    client.join();
    const epoch = world.streamsGroup()?.groupEpoch;
    expect(client.join()).toMatchObject({ memberEpoch: 2, activeTasks: [{ partitions: [0, 1, 2, 3] }] });
    expect(world.streamsGroup()?.groupEpoch).toBe(epoch);
  });

  it("R201: another topology of the same or a later epoch is refused, who is behind is told so", async () => {
    const world = await startStreams();
    const first = topology(subtopology("0", ["t1"]));
    new StreamsClient(world, "a", { topology: { ...first, epoch: 3 } }).join();
    const other = (epoch: number) =>
      new StreamsClient(world, "b", { topology: { ...topology(subtopology("0", ["t2"])), epoch } });
    const refusal = { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: "Topology updates are not supported yet." };
    expect(other(3).join()).toMatchObject(refusal);
    expect(other(4).join()).toMatchObject(refusal);
    const behind = other(2);
    const detail = "The member's topology epoch 2 is behind the group's topology epoch 3.";
    expect(statuses(behind.join())).toContainEqual([0, detail]);
    expect(statuses(behind.heartbeat())).toContainEqual([0, detail]);
    // The order of subtopologies says nothing.
    const two = [subtopology("0", ["t1"]), subtopology("1", ["t2"])];
    new StreamsClient(world, "c", { groupId: "h", topology: topology(...two) }).join();
    const turned = new StreamsClient(world, "d", { groupId: "h", topology: topology(...two.reverse()) });
    expect(turned.join().errorCode).toBe(0);
  });

  it("R201: strangers, epochs of other lives and full groups are refused", async () => {
    const world = await startStreams({ maxGroupSize: 2 });
    const client = new StreamsClient(world, "a");
    expect(client.request({ memberEpoch: 1 })).toMatchObject({
      errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
      errorMessage: "Streams group g not found.",
    });
    expect(client.leave()).toMatchObject({ errorCode: ErrorCode.GROUP_ID_NOT_FOUND });
    client.join();
    expect(new StreamsClient(world, "b").request({ memberEpoch: 2 }).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(client.request({ memberEpoch: 9 })).toMatchObject({
      errorCode: ErrorCode.FENCED_MEMBER_EPOCH,
      errorMessage:
        "The streams group member has a greater member epoch (9) than the one known by the group coordinator (2). The member must abandon all its partitions and rejoin.",
    });
    expect(client.request({ memberEpoch: 1 }).errorCode).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    new StreamsClient(world, "b").join();
    expect(new StreamsClient(world, "c").join()).toMatchObject({
      errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED,
      errorMessage: "The streams group has reached its maximum capacity of 2 members.",
    });
  });

  it("R202: the protocol is served where the feature is finalized and the broker allows it", async () => {
    const world = await startStreams();
    const { features } = world.image;
    world.image = { ...world.image, features: new Map([...features, ["streams.version", 0]]) };
    expect(new StreamsClient(world, "m").join().errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(world.describeStreams(["g"]).answer?.groups[0]?.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    const without = await GroupWorld.start({ protocols: new Set(["classic", "consumer"]) });
    expect(new StreamsClient(without, "m").join().errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
  });

  const topic = subtopology("0", ["t1"]);
  const invalid: [string, Request, number, string][] = [
    ["an instance id", { instanceId: "i" }, 42, "Static membership is not yet supported."],
    ["a while away", { memberEpoch: -2, topology: null }, 42, "InstanceId can't be null."],
    ["offsets of tasks", { taskOffsets: [] }, 42, "TaskOffsets are not supported yet."],
    ["end offsets of tasks", { taskEndOffsets: [] }, 42, "TaskEndOffsets are not supported yet."],
    [
      "warm-up tasks",
      { warmupTasks: [{ subtopologyId: "0", partitions: [0] }] },
      42,
      "WarmupTasks are not supported yet.",
    ],
    [
      "a regular expression",
      { topology: topology({ ...topic, sourceTopicRegex: ["t.*"] }) },
      42,
      "Regular expressions for source topics are not supported yet.",
    ],
    ["no member id", { memberId: "" }, 42, "MemberId can't be empty."],
    ["no group id", { groupId: " " }, 42, "GroupId can't be empty."],
    ["an empty rack", { rackId: "" }, 42, "RackId can't be empty."],
    ["no rebalance timeout", { rebalanceTimeoutMs: -1 }, 42, "RebalanceTimeoutMs must be provided in first request."],
    ["no active tasks", { activeTasks: null }, 42, "ActiveTasks must be empty when (re-)joining."],
    [
      "standby tasks",
      { standbyTasks: [{ subtopologyId: "0", partitions: [0] }] },
      42,
      "StandbyTasks must be empty when (re-)joining.",
    ],
    ["no topology", { topology: null }, 42, "Topology must be non-null when (re-)joining."],
    ["an epoch below", { memberEpoch: -3 }, 42, "MemberEpoch is -3, but must be greater than or equal to -2."],
    ["a topology when it is late", { memberEpoch: 1 }, 42, "Topology can only be provided when (re-)joining."],
    [
      "tasks of one role only",
      { memberEpoch: 1, topology: null, standbyTasks: null },
      42,
      "If one task-type is non-null, all must be non-null.",
    ],
    [
      "a changelog with a count",
      { topology: topology({ ...topic, stateChangelogTopics: [internalTopic("c", 3)] }) },
      130,
      "Changelog topic c must have an undefined partition count, but it is set to 3.",
    ],
    [
      "an internal topic of the brokers",
      { topology: topology({ ...topic, sourceTopics: ["__consumer_offsets"] }) },
      130,
      "Use of Kafka internal topics __consumer_offsets in a Kafka Streams topology is prohibited.",
    ],
    [
      "a name that no topic has",
      { topology: topology({ ...topic, repartitionSinkTopics: ["a b"] }) },
      130,
      "Topic names a b are not valid topic names.",
    ],
    [
      "a negative topology epoch",
      { topology: { ...topology(topic), epoch: -1 } },
      130,
      "Topology epoch must be non-negative.",
    ],
    ["a subtopology twice", { topology: topology(topic, topic) }, 130, "A subtopology id is used twice."],
    [
      "a subtopology that reads nothing",
      { topology: topology(subtopology("0", [])) },
      130,
      "No source topics found for subtopology 0",
    ],
    [
      "topics to join that there are not",
      {
        topology: topology({
          ...topic,
          copartitionGroups: [{ sourceTopics: [1], sourceTopicRegex: [], repartitionSourceTopics: [] }],
        }),
      },
      130,
      "A copartition group of subtopology 0 names no topic.",
    ],
  ];
  it.each(invalid)("R202: %s is refused", async (_, request, errorCode, errorMessage) => {
    const world = await startStreams();
    const answer = new StreamsClient(world, "m").join(request);
    expect(answer).toMatchObject({ errorCode, errorMessage, status: [] });
    expect(world.streamsGroup()).toBeUndefined();
  });

  it("R202: a member that says it has tasks that there are not is refused", async () => {
    const world = await startStreams();
    const client = new StreamsClient(world, "m");
    client.join();
    const says = (subtopologyId: string, ...partitions: number[]) =>
      client.heartbeat({ activeTasks: [{ subtopologyId, partitions }], standbyTasks: [], warmupTasks: [] });
    expect(says("9", 0)).toMatchObject({
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: "Subtopology 9 does not exist in the topology.",
    });
    expect(says("0", 4)).toMatchObject({
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: "Task 4 for subtopology 0 is invalid. Number of tasks for this subtopology: 4",
    });
    expect(says("0", -1).errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });
});

describe("the whole application", () => {
  it("R211: one that asks for it shuts all down, until the group is empty", async () => {
    const world = await startStreams();
    const [a, b] = [new StreamsClient(world, "a"), new StreamsClient(world, "b")];
    a.join();
    b.join();
    settle([a, b]);
    const shutdown = [
      4,
      "Streams group member a encountered a fatal error and requested a shutdown for the entire application.",
    ];
    expect(statuses(a.heartbeat({ shutdownApplication: true }))).toEqual([shutdown]);
    expect(statuses(b.heartbeat({ shutdownApplication: true }))).toContainEqual(shutdown);
    a.leave();
    expect(statuses(b.heartbeat())).toContainEqual(shutdown);
    b.leave();
    world.clock.advance(1000);
    expect(statuses(a.join())).toEqual([]);
  });

  it("R211: one that asks for it with its last heartbeat does too", async () => {
    const world = await startStreams();
    const [a, b] = [new StreamsClient(world, "a"), new StreamsClient(world, "b")];
    a.join();
    b.join();
    a.leave({ shutdownApplication: true });
    expect(statuses(b.heartbeat()).map(([code]) => code)).toContain(4);
  });

  it("R211: members learn at which endpoints which partitions are, when that changes", async () => {
    const world = await startStreams();
    world.setTopics(topicImage(T1.name, T1.id, 2), topicImage(T2.name, T2.id, 1));
    const options = { topology: topology(subtopology("0", ["t1", "t2"])) };
    const a = new StreamsClient(world, "a", { ...options, userEndpoint: { host: "host-a", port: 1 } });
    const b = new StreamsClient(world, "b", options);
    expect(a.join()).toMatchObject({
      endpointInformationEpoch: 0,
      partitionsByUserEndpoint: [
        {
          userEndpoint: { host: "host-a", port: 1 },
          activePartitions: [
            { topic: "t1", partitions: [0, 1] },
            { topic: "t2", partitions: [0] },
          ],
          standbyPartitions: [],
        },
      ],
    });
    expect(a.heartbeat()).toMatchObject({ endpointInformationEpoch: 0, partitionsByUserEndpoint: null });
    b.join();
    settle([a, b]);
    expect([a.tasks, b.tasks]).toEqual(["0_0", "0_1"]);
    expect(a.heartbeat()).toMatchObject({ endpointInformationEpoch: 1, partitionsByUserEndpoint: null });
    // One that knows nothing yet is told.
    const told = b.request({ memberEpoch: b.epoch, endpointInformationEpoch: -1 });
    expect(told.partitionsByUserEndpoint).toMatchObject([{ activePartitions: [{ topic: "t1", partitions: [0] }, {}] }]);
  });

  it("R211: an endpoint whose source topics are missing has no partitions", async () => {
    const world = await startStreams();
    const a = new StreamsClient(world, "a", {
      topology: topology(subtopology("0", ["none"])),
      userEndpoint: { host: "host-a", port: 1 },
    });
    expect(a.join()).toMatchObject({
      errorCode: 0,
      status: [{ statusCode: 1 }],
      partitionsByUserEndpoint: [{ activePartitions: [], standbyPartitions: [] }],
    });
  });
});
