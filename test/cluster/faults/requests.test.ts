/** Fault rules as clients meet them: errors, delays, lost answers; for the requests they mean and no others. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../../cluster/start-cluster.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ApiVersions } from "../../../protocol/messages/api-versions.ts";
import { Metadata } from "../../../protocol/messages/metadata.ts";
import { RawClient } from "../../support/raw-client.ts";

let cluster: Cluster;
let client: RawClient;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());
beforeEach(async () => {
  await cluster.reset();
  await cluster.createTopic("t", { partitions: 3 });
  await cluster.createTopic("other");
  client?.[Symbol.dispose]();
  client = await RawClient.open(cluster.bootstrapServers);
});
afterAll(() => client[Symbol.dispose]());

const codes = async (topic: string, partitions: readonly number[]): Promise<number[]> =>
  (await client.produce(topic, partitions)).map(({ errorCode }) => errorCode);

describe("errors", () => {
  test("strike the partitions that are meant; the others are served", async () => {
    const fault = cluster.faults.add({ api: "Produce", topic: "t", partition: 1, errorCode: "NOT_LEADER_OR_FOLLOWER" });
    expect(await codes("t", [0, 1, 2])).toEqual([0, ErrorCode.NOT_LEADER_OR_FOLLOWER, 0]);
    expect(await codes("other", [0])).toEqual([0]);
    expect(await codes("t", [0])).toEqual([0]);
    expect([await client.latest("t", 0), await client.latest("t", 1)]).toEqual([2, 0]);
    expect([fault.fired, fault.occasions]).toEqual([1, 1]);
    fault.remove();
    expect(await codes("t", [1])).toEqual([0]);
  });

  test("after the work: it was done, and the client does not know", async () => {
    cluster.faults.add({ api: "Produce", topic: "t", errorCode: "REQUEST_TIMED_OUT", when: "after", once: true });
    expect(await codes("t", [0, 1])).toEqual([ErrorCode.REQUEST_TIMED_OUT, ErrorCode.REQUEST_TIMED_OUT]);
    expect(await codes("t", [0])).toEqual([0]);
    expect([await client.latest("t", 0), await client.latest("t", 1)]).toEqual([2, 1]);
  });

  test("of a whole request, by number too", async () => {
    cluster.faults.add({ api: "Metadata", errorCode: 13, times: 1 });
    const request = { topics: [{ name: "t" }], allowAutoTopicCreation: false };
    const first = await client.asker.ask(Metadata, 9, request);
    const second = await client.asker.ask(Metadata, 9, request);
    expect([first.topics[0]?.errorCode, second.topics[0]?.errorCode]).toEqual([13, 0]);
  });

  test("of a Fetch leave its other partitions alone, in a session too", async () => {
    await client.produce("t", [0, 1]);
    const opened = await client.fetch("t", [0, 1, 2], 0, { sessionEpoch: 0 });
    expect([...opened.partitions.values()].map(({ errorCode }) => errorCode)).toEqual([0, 0, 0]);
    cluster.faults.add({ api: "Fetch", topic: "t", partition: 1, errorCode: "KAFKA_STORAGE_ERROR", once: true });
    const struck = await client.fetch("t", [], 0, { sessionId: opened.sessionId, sessionEpoch: 1 });
    expect(struck.partitions.get(1)).toMatchObject({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, sizeBytes: 0 });
    expect(struck.partitions.get(0)).toMatchObject({ errorCode: 0 });
    const after = await client.fetch("t", [], 0, { sessionId: opened.sessionId, sessionEpoch: 2 });
    expect(after.errorCode).toBe(0);
    expect(after.partitions.get(1)).toMatchObject({ errorCode: 0, highWatermark: 1 });
    expect(after.partitions.get(1)?.sizeBytes).toBeGreaterThan(0);
  });
});

describe("which requests", () => {
  test("by client and by node", async () => {
    using named = await RawClient.open(cluster.bootstrapServers, "shop");
    cluster.faults.add({ api: "Produce", client: "shop", errorCode: "INVALID_REQUIRED_ACKS" });
    cluster.faults.add({ api: "Produce", node: 2, errorCode: "INVALID_REQUIRED_ACKS" });
    expect(await codes("t", [0])).toEqual([0]);
    expect((await named.produce("t", [0]))[0]?.errorCode).toBe(ErrorCode.INVALID_REQUIRED_ACKS);
  });

  test("the nth, and so many times", async () => {
    cluster.faults.add({ api: "Produce", nth: 3, errorCode: "CORRUPT_MESSAGE" });
    const seen: number[] = [];
    for (let i = 0; i < 5; i++) seen.push(...(await codes("t", [0])));
    expect(seen).toEqual([0, 0, 2, 0, 0]);
    cluster.faults.clear();
    const fault = cluster.faults.add({ api: "Produce", times: 2, errorCode: "CORRUPT_MESSAGE" });
    seen.length = 0;
    for (let i = 0; i < 4; i++) seen.push(...(await codes("t", [0])));
    expect(seen).toEqual([2, 2, 0, 0]);
    expect([fault.fired, fault.occasions]).toEqual([2, 4]);
  });

  test("by chance: the same seed strikes the same ones, another seed others", async () => {
    const draw = async (seed: number): Promise<string> => {
      const fault = cluster.faults.add({ api: "Produce", probability: 0.5, seed, errorCode: "CORRUPT_MESSAGE" });
      let seen = "";
      for (let i = 0; i < 40; i++) seen += (await codes("t", [0]))[0] === 0 ? "." : "x";
      fault.remove();
      return seen;
    };
    const first = await draw(7);
    expect(await draw(7)).toBe(first);
    expect(await draw(8)).not.toBe(first);
    expect([...first].filter((one) => one === "x").length).toBeGreaterThan(8);
    expect([...first].filter((one) => one === "x").length).toBeLessThan(32);
  });

  test("a rule that makes no sense is refused with what is wrong", () => {
    expect(() => cluster.faults.add({ api: "Produze", errorCode: 1 })).toThrow(/api is the name of an API/);
    expect(() => cluster.faults.add({ api: "Produce" })).toThrow(/does something/);
    expect(() => cluster.faults.add({ partition: 1, errorCode: 1 })).toThrow(/needs its topic/);
    expect(() => cluster.faults.add({ errorCode: "NONE" })).toThrow(/error code/);
    expect(() => cluster.faults.add({ errorCode: 1, probability: 2 })).toThrow(/between 0 and 1/);
    expect(() => cluster.faults.add({ errorCode: 1, nodes: 1 } as never)).toThrow(/no "nodes"/);
    expect(() => cluster.faults.add({ disk: "slow", node: 1 })).toThrow(/how slow/);
    expect(cluster.faults.list).toEqual([]);
  });
});

describe("delays", () => {
  test("before the work: nothing is appended until then, and what follows on the connection comes behind", async () => {
    cluster.faults.add({ api: "Produce", delayMs: 150, once: true });
    const started = performance.now();
    const slow = client.produce("t", [0], "first");
    using other = await RawClient.open(cluster.bootstrapServers);
    expect((await other.produce("t", [0], "second"))[0]?.baseOffset).toBe(0);
    expect(performance.now() - started).toBeLessThan(150);
    expect(await slow).toEqual([{ errorCode: 0, baseOffset: 1 }]);
    expect(performance.now() - started).toBeGreaterThanOrEqual(149);
  });

  test("after the work: it is done at once and told late", async () => {
    cluster.faults.add({ api: "Produce", delayMs: 150, when: "after", once: true });
    const started = performance.now();
    const slow = client.produce("t", [0]);
    await cluster.waitUntil.highWatermark("t", 0, 1);
    expect(performance.now() - started).toBeLessThan(150);
    expect(await slow).toEqual([{ errorCode: 0, baseOffset: 0 }]);
    expect(performance.now() - started).toBeGreaterThanOrEqual(149);
  });
});

describe("dropped connections", () => {
  test("before the work nothing is done, after it everything", async () => {
    cluster.faults.add({ api: "Produce", drop: "before", once: true });
    await expect(client.produce("t", [0])).rejects.toThrow(/connection ended/);
    using second = await RawClient.open(cluster.bootstrapServers);
    expect(await second.latest("t", 0)).toBe(0);
    const fault = cluster.faults.add({ api: "Produce", drop: "after", once: true });
    await expect(second.produce("t", [0])).rejects.toThrow(/connection ended/);
    await fault.whenFired();
    using third = await RawClient.open(cluster.bootstrapServers);
    expect(await third.latest("t", 0)).toBe(1);
  });

  test("another API goes on", async () => {
    cluster.faults.add({ api: "Produce", drop: "before" });
    const answer = await client.asker.ask(ApiVersions, 3, { clientSoftwareName: "x", clientSoftwareVersion: "1" });
    expect(answer.errorCode).toBe(0);
  });
});
