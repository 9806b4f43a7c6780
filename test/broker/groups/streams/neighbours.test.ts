/**
 * Streams groups among groups of other kinds, and as they are told, listed and deleted.
 */
import { expect, it } from "vitest";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { Consumer } from "../consumer/consumer.ts";
import { subscription, topicImage } from "../group-world.ts";
import { internalTopic, StreamsClient, settle, subtopology, topology } from "./streams-client.ts";
import { startStreams } from "./streams-world.ts";

it("R212: a group is described with its topology, its members, what they have and are to have", async () => {
  const world = await startStreams();
  const own = topology(
    subtopology("0", ["t1"], { repartitionSinkTopics: ["r"] }),
    subtopology("1", [], {
      repartitionSourceTopics: [internalTopic("r", 2)],
      stateChangelogTopics: [internalTopic("c")],
    }),
  );
  const a = new StreamsClient(world, "a", { topology: own, processId: "p", userEndpoint: { host: "h", port: 65_535 } });
  const tags = [
    { key: "zone", value: "z" },
    { key: "cluster", value: "k" },
  ];
  a.join({ rackId: "rack", clientTags: tags });
  const described = () => world.describeStreams(["g"], true).answer?.groups[0];
  expect(described()).toMatchObject({
    ...{ errorCode: 0, errorMessage: null, groupId: "g", groupState: "NotReady", groupEpoch: 2, assignmentEpoch: 2 },
    topology: {
      epoch: 0,
      subtopologies: [
        {
          subtopologyId: "0",
          sourceTopics: ["t1"],
          repartitionSinkTopics: ["r"],
          stateChangelogTopics: [],
          repartitionSourceTopics: [],
        },
        {
          subtopologyId: "1",
          stateChangelogTopics: [{ name: "c", partitions: 0, replicationFactor: 0, topicConfigs: [] }],
          repartitionSourceTopics: [{ name: "r", partitions: 2 }],
        },
      ],
    },
    authorizedOperations: 3400,
  });
  const topics = [...world.image.topics.values()].filter(({ name }) => name.startsWith("t"));
  const made = [topicImage("r", "AAAAAAAAAAAAAAAAAAAB_A", 2), topicImage("c", "AAAAAAAAAAAAAAAAAAAB_Q", 2)];
  world.setTopics(...topics, ...made);
  world.clock.advance(1000);
  a.heartbeat();
  const assignment = {
    activeTasks: [
      { subtopologyId: "0", partitions: [0, 1, 2, 3] },
      { subtopologyId: "1", partitions: [0, 1] },
    ],
    standbyTasks: [],
    warmupTasks: [],
  };
  expect(described()).toMatchObject({
    ...{ groupState: "Stable", groupEpoch: 3, assignmentEpoch: 3 },
    topology: { subtopologies: [{}, { stateChangelogTopics: [{ name: "c", partitions: 2 }] }] },
    members: [
      {
        ...{ memberId: "a", memberEpoch: 3, instanceId: null, rackId: "rack", clientId: "client" },
        ...{ clientHost: "/127.0.0.1", topologyEpoch: 0, processId: "p", userEndpoint: { host: "h", port: 65_535 } },
        clientTags: [tags[1], tags[0]],
        ...{ taskOffsets: [], taskEndOffsets: [], assignment, targetAssignment: assignment, isClassic: false },
      },
    ],
  });
});

it("R212: groups of other kinds and unknown ones are not described", async () => {
  const world = await startStreams();
  world.stableGroup([null], "classic");
  const groups = world.describeStreams(["classic", "none", ""]).answer?.groups;
  expect(groups).toMatchObject([
    { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage: "Group classic is not a streams group.", topology: null },
    { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage: "Group none not found." },
    { errorCode: ErrorCode.INVALID_GROUP_ID },
  ]);
  new StreamsClient(world, "a").join();
  expect(world.describe(6, ["g"]).answer?.groups[0]).toMatchObject({
    errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
    errorMessage: "Group g is not a classic group.",
  });
  expect(world.describeConsumers(["g"]).answer?.groups[0]?.errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
});

it("R212: groups are listed by their type and their states", async () => {
  const world = await startStreams();
  world.stableGroup([null], "classic");
  new Consumer(world, "c", { groupId: "consumer" }).join();
  new StreamsClient(world, "a").join();
  new StreamsClient(world, "b", { groupId: "h", topology: topology(subtopology("0", ["none"])) }).join();
  const ids = (request: Parameters<typeof world.list>[1]) =>
    world.list(5, request).answer?.groups.map(({ groupId }) => groupId);
  expect(world.list(5, { typesFilter: ["Streams"] }).answer?.groups).toEqual([
    { groupId: "g", protocolType: "streams", groupState: "Stable", groupType: "streams" },
    { groupId: "h", protocolType: "streams", groupState: "NotReady", groupType: "streams" },
  ]);
  expect(ids({ statesFilter: ["not_ready"] })).toEqual(["h"]);
  expect(ids({ statesFilter: ["NotReady"] })).toEqual([]);
  expect(ids({})).toHaveLength(4);
});

it("R212: a group is deleted when nobody is in it", async () => {
  const world = await startStreams();
  const a = new StreamsClient(world, "a");
  a.join();
  const deleted = () => world.deleteGroups(["g"]).answer?.results[0]?.errorCode;
  expect(deleted()).toBe(ErrorCode.NON_EMPTY_GROUP);
  a.leave();
  expect(deleted()).toBe(0);
  expect(world.streamsGroup()).toBeUndefined();
  await world.failOver();
  expect(world.streamsGroup()).toBeUndefined();
  // Whoever comes begins anew, with any topology.
  const b = new StreamsClient(world, "b", { topology: topology(subtopology("7", ["t2"])) });
  expect(b.join()).toMatchObject({ errorCode: 0, memberEpoch: 2, activeTasks: [{ subtopologyId: "7" }] });
});

it("R212: members of other protocols cannot join a streams group, nor its members theirs", async () => {
  const world = await startStreams();
  const a = new StreamsClient(world, "a");
  a.join();
  expect(world.join(5, {}).answer).toMatchObject({ errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId: "" });
  expect(world.sync(5, { memberId: "a" }).answer?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  expect(world.heartbeat(4, { memberId: "a" }).answer?.errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
  const consumer = new Consumer(world, "c");
  const refusal = { errorCode: ErrorCode.GROUP_ID_NOT_FOUND, errorMessage: "Group g is not a consumer group." };
  expect(consumer.join()).toMatchObject(refusal);
  expect(consumer.leave()).toMatchObject(refusal);
  const other = new Consumer(world, "c", { groupId: "h" });
  other.join();
  const stranger = new StreamsClient(world, "a", { groupId: "h" });
  expect(stranger.join()).toMatchObject({
    errorCode: ErrorCode.GROUP_ID_NOT_FOUND,
    errorMessage: "Group h is not a streams group.",
  });
  expect(stranger.leave().errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  // Only an empty group of the classic protocol makes way; Kafka leaves an empty consumer group as it is.
  other.leave();
  expect(stranger.join().errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  a.leave();
  expect(consumer.join()).toMatchObject(refusal);
});

it("R212: an empty group changes its kind with whoever joins: classic to streams and back", async () => {
  const world = await startStreams();
  const [memberId] = world.stableGroup([null]);
  const a = new StreamsClient(world, "a");
  expect(a.join().errorCode).toBe(ErrorCode.GROUP_ID_NOT_FOUND);
  world.leave(5, { members: [{ memberId: memberId as string }] });
  expect(a.join()).toMatchObject({ errorCode: 0, memberEpoch: 2 });
  await world.failOver();
  expect(world.streamsGroup()?.members.size).toBe(1);
  settle([a]);
  a.leave();
  const joined = world.join(5, { protocols: [{ name: "range", metadata: subscription("t1") }] });
  expect(joined.answer?.errorCode).toBe(ErrorCode.MEMBER_ID_REQUIRED);
  expect(world.group()?.type).toBe("classic");
  await world.failOver();
  expect(world.group()?.type).toBe("classic");
});
