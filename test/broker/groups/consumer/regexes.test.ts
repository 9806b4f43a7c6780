/**
 * Subscriptions by regular expression: resolved beside the machine, together, not too often, and anew when topics are made.
 */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { GroupWorld, T1, T2, topicImage } from "../group-world.ts";
import { Consumer, settle } from "./consumer.ts";

const T3 = { name: "t3", id: "AAAAAAAAAAAAAAAAAAAA_w" };
const [t1, t2, t3] = [T1, T2, T3].map(({ name, id }) => topicImage(name, id, 1)) as [
  ReturnType<typeof topicImage>,
  ReturnType<typeof topicImage>,
  ReturnType<typeof topicImage>,
];

async function reader(regex: string, topics?: string[]): Promise<[GroupWorld, Consumer]> {
  const world = await GroupWorld.start();
  world.setTopics(t1, t2);
  return [world, new Consumer(world, "a", { regex, ...(topics === undefined ? {} : { topics }) })];
}

/** What is done beside the machine is done. */
function later(world: GroupWorld, ms = 1000): void {
  world.clock.advance(ms);
}

describe("a member that subscribes by regular expression", () => {
  it("joins without topics, and gets those that match once they are looked up", async () => {
    const [world, a] = await reader("t[12]");
    expect(a.join()).toMatchObject({ errorCode: 0, memberEpoch: 1, assignment: { topicPartitions: [] } });
    later(world);
    expect(world.consumerGroup()?.resolvedRegexes.get("t[12]")?.topics).toEqual(["t1", "t2"]);
    expect(a.heartbeat()).toMatchObject({ memberEpoch: 2 });
    expect(a.partitions).toBe("t1-0 t2-0");
    expect(world.describeConsumers(["g"]).answer?.groups[0]?.members[0]?.subscribedTopicRegex).toBe("t[12]");
  });

  it("the whole name has to match", async () => {
    const [world, a] = await reader("t");
    a.join();
    later(world);
    settle([a]);
    expect(a.partitions).toBe("");
  });

  it("can name topics besides", async () => {
    const [world, a] = await reader("t2", ["t1"]);
    a.join();
    later(world);
    settle([a]);
    expect(a.partitions).toBe("t1-0 t2-0");
  });

  it.each(["(", "[", "a**", "a{2,1}", "\\", "(?=t)", "\\1", "(?<n>x)(?<n>y)", "x{1001}", "((a{100}){100}){100}"])(
    "is refused with %s",
    async (regex) => {
      const [world, a] = await reader(regex);
      expect(a.join().errorCode).toBe(ErrorCode.INVALID_REGULAR_EXPRESSION);
      expect(world.consumerGroup()).toBeUndefined();
    },
  );

  it("gets topics that are made later, when ten seconds have passed since the last look", async () => {
    const [world, a] = await reader("t.*");
    a.join();
    later(world);
    settle([a], 3);
    expect(a.partitions).toBe("t1-0 t2-0");
    world.setTopics(t1, t2, t3);
    a.heartbeat();
    later(world, 100);
    expect(world.consumerGroup()?.resolvedRegexes.get("t.*")?.topics).toEqual(["t1", "t2"]);
    later(world, 10_000);
    a.heartbeat();
    later(world);
    settle([a], 3);
    expect(a.partitions).toBe("t1-0 t2-0 t3-0");
    world.setTopics(t1, t3);
    later(world);
    settle([a], 3);
    expect(a.partitions).toBe("t1-0 t3-0");
  });

  it("looks again now and then, whatever happens", async () => {
    const [world, a] = await reader("t.*");
    a.join();
    later(world);
    const resolvedMs = (): number | undefined => world.consumerGroup()?.resolvedRegexes.get("t.*")?.resolvedMs;
    const first = resolvedMs() as number;
    for (let i = 0; i < 23; i++) {
      world.clock.advance(25_000);
      a.heartbeat();
    }
    world.clock.advance(1);
    expect(resolvedMs()).toBe(first);
    world.clock.advance(25_000);
    a.heartbeat();
    world.clock.advance(1);
    expect(resolvedMs()).toBeGreaterThanOrEqual(first + 600_000);
  });

  it("an expression that another member brought is known already; the last one to go takes it along", async () => {
    const [world, a] = await reader("t.*");
    a.join();
    later(world);
    a.heartbeat();
    const b = new Consumer(world, "b", { regex: "t.*" });
    later(world);
    expect(b.join()).toMatchObject({ memberEpoch: 3 });
    settle([a, b]);
    expect(`${a.partitions} ${b.partitions}`.split(" ").sort()).toEqual(["t1-0", "t2-0"]);
    a.leave();
    expect(world.consumerGroup()?.resolvedRegexes.size).toBe(1);
    b.leave();
    expect(world.consumerGroup()?.resolvedRegexes.size).toBe(0);
    await world.failOver();
    expect(world.consumerGroup()?.resolvedRegexes.size).toBe(0);
  });

  it("changes its expression, and drops it", async () => {
    const [world, a] = await reader("t1");
    a.join();
    later(world);
    settle([a], 3);
    a.heartbeat({ subscribedTopicRegex: "t2" });
    expect(a.partitions).toBe("");
    later(world, 10_001);
    a.heartbeat();
    later(world);
    settle([a], 3);
    expect(a.partitions).toBe("t2-0");
    expect([...(world.consumerGroup()?.resolvedRegexes.keys() ?? [])]).toEqual(["t2"]);
    a.heartbeat({ subscribedTopicRegex: "", subscribedTopicNames: ["t1"] });
    settle([a], 3);
    expect(a.partitions).toBe("t1-0");
    expect(world.consumerGroup()?.resolvedRegexes.size).toBe(0);
  });

  it("leaves its partitions to the others when it turns to an expression that stands for nothing", async () => {
    const [world, a] = await reader("t.*");
    const b = new Consumer(world, "b", { topics: ["t1", "t2"] });
    a.join();
    b.join();
    settle([a, b]);
    expect([a, b].every(({ partitions }) => partitions !== "")).toBe(true);
    later(world, 10_000);
    a.heartbeat({ subscribedTopicRegex: "none" });
    later(world);
    settle([a, b]);
    expect([a.partitions, b.partitions]).toEqual(["", "t1-0 t2-0"]);
  });

  it("is not held up for good when what was found could not be stored", async () => {
    const [world, a] = await reader("t1");
    a.join();
    world.log.refusal = ErrorCode.NOT_ENOUGH_REPLICAS;
    later(world, 5000);
    world.log.refusal = undefined;
    for (let i = 0; i < 7; i++) {
      a.heartbeat();
      later(world, 5000);
    }
    a.heartbeat();
    expect(a.partitions).toBe("t1-0");
  });

  it("thousands of topics are looked through a few at a time", async () => {
    const [world, a] = await reader("topic-.*[05]");
    const topics = Array.from({ length: 5000 }, (_, i) =>
      topicImage(`topic-${i}`, `${String(i).padStart(21, "A")}A`, 1),
    );
    world.setTopics(...topics);
    a.join();
    // Turns of the loop, between which requests are answered.
    let turns = 0;
    const { clock } = world;
    const afterPoll = clock.afterPoll.bind(clock);
    clock.afterPoll = (run) => {
      turns++;
      afterPoll(run);
    };
    later(world);
    expect(turns).toBeGreaterThanOrEqual(2);
    expect(world.consumerGroup()?.resolvedRegexes.get("topic-.*[05]")?.topics).toHaveLength(1000);
  });
});
