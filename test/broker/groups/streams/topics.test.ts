/**
 * Topics of a streams group: those it reads, and those it needs.
 */
import { describe, expect, it } from "vitest";
import { T1, T2, topicImage } from "../group-world.ts";
import { type Answer, internalTopic, StreamsClient, settle, subtopology, topology } from "./streams-client.ts";
import { startStreams } from "./streams-world.ts";

const statuses = ({ status }: Answer) =>
  (status ?? []).map(({ statusCode, statusDetail }) => [statusCode, statusDetail]);

describe("topics", () => {
  it("R204: missing source topics are told, and tasks run when they come", async () => {
    const world = await startStreams();
    const client = new StreamsClient(world, "m", { topology: topology(subtopology("0", ["t1", "z", "y", "x", "w"])) });
    const answer = client.join();
    expect(answer).toMatchObject({ errorCode: 0, memberEpoch: 2, activeTasks: [], standbyTasks: [] });
    expect(statuses(answer)).toEqual([[1, "Source topics w, x, y and 1 additional topics are missing."]]);
    expect(world.list(5).answer?.groups[0]?.groupState).toBe("NotReady");
    expect(world.controller.asked).toEqual([]);
    const come = ["w", "x", "y", "z"].map((name, i) => topicImage(name, `AAAAAAAAAAAAAAAAAAAB_${"AQgw"[i]}`, i + 1));
    world.setTopics(topicImage(T1.name, T1.id, 2), ...come);
    world.clock.advance(1000);
    expect(client.heartbeat()).toMatchObject({ memberEpoch: 3, status: [] });
    expect(client.tasks).toBe("0_0 0_1 0_2 0_3");
    world.setTopics(topicImage(T1.name, T1.id, 2));
    expect(statuses(client.heartbeat())).toContainEqual([
      1,
      "Source topics w, x, y and 1 additional topics are missing.",
    ]);
    settle([client]);
    expect(client.tasks).toBe("");
  });

  it("R204: topics that are joined and have different numbers of partitions are told", async () => {
    const world = await startStreams();
    world.setTopics(topicImage(T1.name, T1.id, 4), topicImage(T2.name, T2.id, 3));
    const joined = { sourceTopics: [0, 1], sourceTopicRegex: [], repartitionSourceTopics: [] };
    const client = new StreamsClient(world, "m", {
      topology: topology(subtopology("0", ["t1", "t2"], { copartitionGroups: [joined] })),
    });
    expect(statuses(client.join())).toEqual([
      [2, "Following topics do not have the same number of partitions: [{t1=4, t2=3}]"],
    ]);
    world.setTopics(topicImage(T1.name, T1.id, 4), topicImage(T2.name, T2.id, 4));
    settle([client]);
    expect(client.tasks).toBe("0_0 0_1 0_2 0_3");
  });

  const counting = topology(
    subtopology("0", ["t1"], { repartitionSinkTopics: ["g-repartition"] }),
    subtopology("1", [], {
      repartitionSourceTopics: [
        { ...internalTopic("g-repartition"), topicConfigs: [{ key: "retention.ms", value: "-1" }] },
      ],
      stateChangelogTopics: [{ ...internalTopic("g-changelog"), replicationFactor: 2 }],
    }),
  );
  const made = [
    topicImage(T1.name, T1.id, 4),
    topicImage("g-repartition", "AAAAAAAAAAAAAAAAAAAB_A", 4),
    topicImage("g-changelog", "AAAAAAAAAAAAAAAAAAAB_Q", 4),
  ];

  it("R205: internal topics are asked for as the topology calls for, once at a time, on the member's behalf", async () => {
    const world = await startStreams();
    const client = new StreamsClient(world, "m", { topology: counting });
    const answer = client.join();
    expect(statuses(answer)).toEqual([[3, "Internal topics are missing: g-changelog, g-repartition"]]);
    expect(answer.activeTasks).toEqual([]);
    const configs = [{ name: "retention.ms", value: "-1" }];
    expect(world.controller.asked).toMatchObject([
      [
        { name: "g-changelog", numPartitions: 4, replicationFactor: 2, configs: [] },
        { name: "g-repartition", numPartitions: 4, replicationFactor: -1, configs },
      ],
    ]);
    expect(world.controller.onBehalfOf[0]).toMatchObject({ principalName: "ANONYMOUS", clientId: "client" });
    client.heartbeat();
    expect(world.controller.asked).toHaveLength(1);
    world.setTopics(...made);
    settle([client]);
    expect(client.tasks).toBe("0_0 0_1 0_2 0_3 1_0 1_1 1_2 1_3");
    const [described] = world.describeStreams(["g"]).answer?.groups ?? [];
    expect(described?.topology?.subtopologies?.[1]).toMatchObject({
      repartitionSourceTopics: [{ name: "g-repartition", partitions: 4, replicationFactor: 0 }],
      stateChangelogTopics: [{ name: "g-changelog", partitions: 4, replicationFactor: 2 }],
    });
  });

  it("R205: why a topic was refused is told for two heartbeats, and it is not asked for meanwhile", async () => {
    const world = await startStreams();
    world.controller.refusals.set("g-changelog", { errorCode: 38, errorMessage: "too many replicas" });
    world.controller.refusals.set("g-repartition", { errorCode: 44, errorMessage: null });
    const client = new StreamsClient(world, "m", { topology: counting });
    client.join();
    await world.settle();
    const missing = "Internal topics are missing: g-changelog, g-repartition";
    const detail = `${missing}; Creation failed: g-changelog (too many replicas), g-repartition (POLICY_VIOLATION).`;
    expect(statuses(client.heartbeat())).toEqual([[3, detail]]);
    expect(world.controller.asked).toHaveLength(1);
    world.clock.advance(10_000);
    expect(statuses(client.heartbeat())).toEqual([[3, missing]]);
    expect(world.controller.asked).toHaveLength(2);
  });

  it("R205: an internal topic with other partitions than it should have is told", async () => {
    const world = await startStreams();
    world.setTopics(...made.slice(0, 2), topicImage("g-changelog", "AAAAAAAAAAAAAAAAAAAB_Q", 3));
    const client = new StreamsClient(world, "m", { topology: counting });
    expect(statuses(client.join())).toEqual([
      [2, "Existing topic g-changelog has different number of partitions: expected 4, found 3"],
    ]);
    expect(world.controller.asked).toEqual([]);
  });
});
