/** Few bytes that ask for much: what is named over and over is worked out once, and no answer grows without limit. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Address } from "../../../broker/network/network.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { DescribeConfigs } from "../../../protocol/messages/configs.ts";
import { OffsetFetch } from "../../../protocol/messages/group-offsets.ts";
import { DescribeGroups } from "../../../protocol/messages/groups-admin.ts";
import { FixedBroker } from "../../support/fixed-broker.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import { probe } from "../network/wire-client.ts";

const MIB = 1024 * 1024;
const TIMES = 20_000;
const BROKER = 4;
const GROUP = 32;

let broker: FixedBroker;
let address: Address;
beforeEach(async () => {
  broker = new FixedBroker();
  address = await broker.start();
});
afterEach(() => broker.close());

function describeConfigs(resourceType: number, names: readonly string[]) {
  const resources = names.map((resourceName) => ({ resourceType, resourceName, configurationKeys: null }));
  return { resources, includeSynonyms: true, includeDocumentation: true };
}

test("B30: every config of the broker, twenty thousand times: refused before it takes the node's memory", async () => {
  using asker = await WireAsker.open(address);
  const before = process.memoryUsage().rss;
  const { results } = await asker.ask(DescribeConfigs, 4, describeConfigs(BROKER, new Array(TIMES).fill("1")), {
    patienceMs: 30_000,
  });
  expect(results).toHaveLength(TIMES);
  expect(results[TIMES - 1]).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST, resourceName: "1", configs: [] });
  expect(process.memoryUsage().rss - before).toBeLessThan(700 * MIB);
  await probe(address);
});

test("B30: one resource named some times is answered as often, and as well as others", async () => {
  using asker = await WireAsker.open(address);
  const names = ["1", "", "1", "2", "1"];
  const { results } = await asker.ask(DescribeConfigs, 4, describeConfigs(BROKER, names));
  expect(results.map(({ resourceName, errorCode }) => [resourceName, errorCode])).toEqual(
    names.map((name) => [name, name === "2" ? ErrorCode.INVALID_REQUEST : ErrorCode.NONE]),
  );
  expect(results[0]?.configs.length).toBeGreaterThan(200);
  expect(results[2]?.configs).toEqual(results[0]?.configs);
  expect(results[4]?.configs).toEqual(results[0]?.configs);
});

test("the configs of thousands of groups for which nothing is set are worked out once", async () => {
  using asker = await WireAsker.open(address);
  const names = Array.from({ length: 5000 }, (_, i) => `group-${i}`);
  const startMs = performance.now();
  const { results } = await asker.ask(DescribeConfigs, 4, describeConfigs(GROUP, names), { patienceMs: 30_000 });
  expect(results.map(({ resourceName }) => resourceName)).toEqual(names);
  expect(results.every(({ configs }) => configs.length === results[0]?.configs.length)).toBe(true);
  expect(performance.now() - startMs).toBeLessThan(5000);
});

test("B30, B89: groups named again are answered again", async () => {
  using asker = await WireAsker.open(address);
  const groups = ["a", "b", "a"];
  const described = await asker.ask(DescribeGroups, 6, { groups, includeAuthorizedOperations: false });
  expect(described.groups.map(({ groupId }) => groupId)).toEqual(groups);
  for (const requireStable of [false, true]) {
    const asked = [...groups.map((groupId) => ({ groupId, topics: null })), { groupId: "a", topics: [] }];
    const fetched = await asker.ask(OffsetFetch, 9, { groups: asked, requireStable });
    expect(fetched.groups.map(({ groupId }) => groupId)).toEqual([...groups, "a"]);
  }
});
