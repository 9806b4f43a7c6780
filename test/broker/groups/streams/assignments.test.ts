/**
 * Assignments of a streams group: when they come, and how members get from one to the next.
 */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { T1, topicImage } from "../group-world.ts";
import { type Answer, internalTopic, StreamsClient, settle, subtopology, topology } from "./streams-client.ts";
import { startStreams } from "./streams-world.ts";

const statuses = ({ status }: Answer) =>
  (status ?? []).map(({ statusCode, statusDetail }) => [statusCode, statusDetail]);

describe("time", () => {
  it("R206: the first assignment waits for more members, who then get theirs together", async () => {
    const world = await startStreams({ initialRebalanceDelayMs: 3000 });
    const [a, b] = [new StreamsClient(world, "a"), new StreamsClient(world, "b")];
    const delayed = [5, "Assignment delayed due to the configured initial rebalance delay."];
    const joined = a.join();
    expect(joined).toMatchObject({ memberEpoch: 1, activeTasks: [] });
    expect(statuses(joined)).toEqual([delayed]);
    world.clock.advance(2000);
    expect(statuses(b.join())).toEqual([delayed]);
    expect(world.list(5).answer?.groups[0]?.groupState).toBe("Assigning");
    world.clock.advance(1000);
    expect(world.streamsGroup()?.assignmentEpoch).toBe(world.streamsGroup()?.groupEpoch);
    settle([a, b]);
    expect([a.tasks, b.tasks].map((tasks) => tasks.split(" ").length)).toEqual([2, 2]);
    expect(a.heartbeat().status).toEqual([]);
  });

  it("R206: later assignments come at most once in the interval", async () => {
    const world = await startStreams();
    const [a, b] = [new StreamsClient(world, "a"), new StreamsClient(world, "b")];
    a.join();
    world.clock.advance(500);
    const answer = b.join();
    expect(answer).toMatchObject({ memberEpoch: 2, activeTasks: [] });
    expect(statuses(answer)).toEqual([[5, "Assignment delayed due to the configured assignment interval."]]);
    settle([a, b]);
    expect([a.tasks, b.tasks].map((tasks) => tasks.split(" ").length)).toEqual([2, 2]);
  });

  it("R206: a group that was left waits again", async () => {
    const world = await startStreams({ initialRebalanceDelayMs: 3000 });
    const a = new StreamsClient(world, "a");
    a.join();
    settle([a]);
    a.leave();
    expect(world.list(5).answer?.groups[0]?.groupState).toBe("Empty");
    expect(statuses(a.join())).toEqual([[5, "Assignment delayed due to the configured initial rebalance delay."]]);
    settle([a]);
    expect(a.tasks).toBe("0_0 0_1 0_2 0_3");
  });

  it("R208: a member that is silent is out when its session is over", async () => {
    const world = await startStreams();
    const [a, b] = [new StreamsClient(world, "a"), new StreamsClient(world, "b")];
    a.join();
    b.join();
    settle([a, b]);
    for (let i = 0; i < 46; i++) {
      world.clock.advance(1000);
      a.heartbeat();
    }
    expect(b.heartbeat().errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(a.tasks).toBe("0_0 0_1 0_2 0_3");
  });

  it("R158: a coordinator that stood still puts nobody out; its successor gives everybody a whole session", async () => {
    const world = await startStreams();
    const [a, b] = [new StreamsClient(world, "a"), new StreamsClient(world, "b", { rebalanceTimeoutMs: 10_000 })];
    b.join();
    world.clock.advance(1000);
    a.join();
    // One that has to give something up has its whole time for that too.
    b.heartbeat(b.taskIds);
    world.clock.stall(100_000);
    expect(world.streamsGroup()?.members.size).toBe(2);
    await world.failOver();
    world.clock.advance(9999);
    expect(world.streamsGroup()?.members.size).toBe(2);
    world.clock.advance(2);
    expect([...(world.streamsGroup()?.members.keys() ?? [])]).toEqual(["a"]);
    world.clock.advance(34_998);
    expect(world.streamsGroup()?.members.size).toBe(1);
    world.clock.advance(2);
    expect(world.streamsGroup()?.members.size).toBe(0);
  });

  it("R208: a member that does not give up its tasks in time is out, and others get them", async () => {
    const world = await startStreams();
    const a = new StreamsClient(world, "a", { rebalanceTimeoutMs: 10_000 });
    const b = new StreamsClient(world, "b");
    a.join();
    world.clock.advance(1000);
    b.join();
    expect(a.heartbeat({ ...a.taskIds }).activeTasks?.[0]?.partitions).toHaveLength(2);
    for (let i = 0; i < 12; i++) {
      world.clock.advance(1000);
      // It keeps what it had.
      if (a.request({ memberEpoch: a.epoch }).errorCode === ErrorCode.NONE) expect(b.heartbeat().errorCode).toBe(0);
      expect(b.active.length === 0 || world.streamsGroup()?.members.get("a") === undefined).toBe(true);
    }
    expect(a.request({ memberEpoch: a.epoch }).errorCode).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    settle([b]);
    expect(b.tasks).toBe("0_0 0_1 0_2 0_3");
  });
});

describe("giving up and getting tasks", () => {
  it("R208: a task is given up before another has it", async () => {
    const world = await startStreams();
    const [a, b] = [new StreamsClient(world, "a"), new StreamsClient(world, "b")];
    a.join();
    world.clock.advance(1000);
    expect(b.join()).toMatchObject({ memberEpoch: 3, activeTasks: [] });
    const had = a.taskIds;
    // It is told to have less, in the epoch it was in, and the other has to wait.
    expect(a.heartbeat(had)).toMatchObject({ memberEpoch: 2, activeTasks: [{ partitions: [0, 1] }] });
    expect(world.list(5).answer?.groups[0]?.groupState).toBe("Reconciling");
    expect(b.heartbeat()).toMatchObject({ memberEpoch: 3, activeTasks: null });
    expect(a.request({ memberEpoch: 2 })).toMatchObject({ memberEpoch: 2, activeTasks: null });
    expect(a.heartbeat(a.taskIds)).toMatchObject({ memberEpoch: 3, activeTasks: null });
    expect(b.heartbeat()).toMatchObject({ memberEpoch: 3, activeTasks: [{ subtopologyId: "0", partitions: [2, 3] }] });
    expect(world.list(5).answer?.groups[0]?.groupState).toBe("Stable");
  });

  it("R208: a member that says it has other tasks than it was told is told again", async () => {
    const world = await startStreams();
    const [a, b] = [new StreamsClient(world, "a"), new StreamsClient(world, "b")];
    a.join();
    world.clock.advance(1000);
    b.join();
    const had = a.taskIds;
    // The answer that tells it to give up two is lost.
    a.request({ memberEpoch: a.epoch, ...had });
    expect(a.heartbeat(had)).toMatchObject({ memberEpoch: 2, activeTasks: [{ partitions: [0, 1] }] });
    // The answer that tells it the two that are free is lost.
    a.heartbeat(a.taskIds);
    b.request({ memberEpoch: b.epoch });
    expect(b.request({ memberEpoch: 3 })).toMatchObject({ memberEpoch: 3, activeTasks: null });
    expect(b.heartbeat(b.taskIds)).toMatchObject({ memberEpoch: 3, activeTasks: [{ partitions: [2, 3] }] });
    expect(b.heartbeat(b.taskIds)).toMatchObject({ memberEpoch: 3, activeTasks: null });
  });

  it("R208: an answer that was lost is given again to who is in the epoch before", async () => {
    const world = await startStreams();
    const [a, b] = [new StreamsClient(world, "a"), new StreamsClient(world, "b")];
    a.join();
    world.clock.advance(1000);
    b.join();
    a.heartbeat(a.taskIds);
    const before = a.epoch;
    a.heartbeat(a.taskIds);
    expect(a.epoch).toBe(before + 1);
    expect(a.request({ memberEpoch: before, ...a.taskIds })).toMatchObject({ errorCode: 0, memberEpoch: before + 1 });
    const others = { ...a.taskIds, activeTasks: [{ subtopologyId: "0", partitions: [3] }] };
    expect(a.request({ memberEpoch: before, ...others }).errorCode).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
    expect(a.request({ memberEpoch: before }).errorCode).toBe(ErrorCode.FENCED_MEMBER_EPOCH);
  });

  it("R207: a standby takes over where its process kept a copy, after it has let go of it", async () => {
    const world = await startStreams({ standbyReplicaCount: 1 });
    world.setTopics(topicImage(T1.name, T1.id, 2), topicImage("c", "AAAAAAAAAAAAAAAAAAAB_A", 2));
    const options = { topology: topology(subtopology("0", ["t1"], { stateChangelogTopics: [internalTopic("c")] })) };
    const [a, b] = [new StreamsClient(world, "a", options), new StreamsClient(world, "b", options)];
    a.join();
    b.join();
    settle([a, b]);
    expect([a.tasks, b.tasks]).toEqual(["0_0 | 0_1", "0_1 | 0_0"]);
    a.leave();
    world.clock.advance(1000);
    const had = b.taskIds;
    b.heartbeat(had);
    expect(b.tasks).toBe("0_1");
    settle([b]);
    expect(b.tasks).toBe("0_0 0_1");
  });

  it("R207: the number of standby tasks is the group's, and a change of it assigns anew", async () => {
    const world = await startStreams();
    world.setTopics(topicImage(T1.name, T1.id, 2), topicImage("c", "AAAAAAAAAAAAAAAAAAAB_A", 2));
    const options = { topology: topology(subtopology("0", ["t1"], { stateChangelogTopics: [internalTopic("c")] })) };
    const clients = ["a", "b", "c"].map((id) => new StreamsClient(world, id, options));
    for (const client of clients) client.join();
    settle(clients);
    const copies = () => clients.flatMap(({ standby }) => standby.flatMap(({ partitions }) => partitions)).sort();
    expect(copies()).toEqual([]);
    // As many as the broker allows at most.
    const configs = new Map([["streams.num.standby.replicas", "5"]]);
    world.image = { ...world.image, configsOf: () => configs };
    settle(clients);
    expect(copies()).toEqual([0, 0, 1, 1]);
  });
});
