/** Quotas of clients as administrators set them on one broker and see them on another. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { AlterClientQuotas, DescribeClientQuotas } from "../../protocol/messages/client-quotas.ts";
import { RawClient } from "../support/raw-client.ts";

const EXACT = 0;
const DEFAULT = 1;
const SPECIFIED = 2;
const PATIENCE = { timeout: 10_000 };

type Entity = Readonly<Record<string, string | null>>;
/** By type of entity. */
type Filter = Readonly<Record<string, { readonly matchType: number; readonly match?: string }>>;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 2 });
});
afterAll(() => cluster.stop());

async function alter(entity: Entity, value: number | null, key = "producer_byte_rate"): Promise<void> {
  using client = await RawClient.open(cluster.node(1).address);
  const parts = Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName }));
  const ops = [{ key, value: value ?? 0, remove: value === null }];
  const answer = await client.asker.ask(AlterClientQuotas, 1, {
    entries: [{ entity: parts, ops }],
    validateOnly: false,
  });
  expect(answer.entries).toMatchObject([{ errorCode: ErrorCode.NONE }]);
}

async function describeQuotas(filter: Filter, strict = false, version = 1) {
  using client = await RawClient.open(cluster.node(2).address);
  const components = Object.entries(filter).map(([entityType, { matchType, match = null }]) => ({
    ...{ entityType, matchType, match },
  }));
  return await client.asker.ask(DescribeClientQuotas, version, { components, strict });
}

/** "user=a client-id=default: producer_byte_rate 10", in order. */
async function quotas(filter: Filter, strict = false, version = 1): Promise<string[]> {
  const { errorCode, errorMessage, entries } = await describeQuotas(filter, strict, version);
  expect({ errorCode, errorMessage }).toEqual({ errorCode: ErrorCode.NONE, errorMessage: "" });
  const lines = (entries ?? []).map(({ entity, values }) => {
    const parts = entity.map(({ entityType, entityName }) => `${entityType}=${entityName ?? "<default>"}`).sort();
    return `${parts.join(" ")}: ${values.map(({ key, value }) => `${key} ${value}`).join(", ")}`;
  });
  return lines.sort();
}

test("what a filter matches, strictly and not", async () => {
  await alter({ user: "a" }, 10);
  await alter({ user: "a", "client-id": "c" }, 20);
  await alter({ user: null }, 30);
  await alter({ "client-id": "c" }, 40);
  await alter({ ip: "127.0.0.9" }, 7, "connection_creation_rate");
  const all = [
    ...["client-id=c user=a: producer_byte_rate 20", "client-id=c: producer_byte_rate 40"],
    ...["ip=127.0.0.9: connection_creation_rate 7", "user=<default>: producer_byte_rate 30"],
    "user=a: producer_byte_rate 10",
  ];
  // The other broker learns of it a moment later.
  await expect.poll(() => quotas({}), PATIENCE).toEqual(all);
  const [ofBoth, ofClient, ofAddress, ofDefaultUser, ofUser] = all;
  expect(await quotas({}, true)).toEqual([]);
  const user = (matchType: number, match?: string) => ({
    user: { matchType, ...(match === undefined ? {} : { match }) },
  });
  for (const version of [0, 1]) {
    expect(await quotas(user(EXACT, "a"), false, version)).toEqual([ofBoth, ofUser]);
    expect(await quotas(user(EXACT, "a"), true, version)).toEqual([ofUser]);
  }
  expect(await quotas(user(EXACT, "b"))).toEqual([]);
  expect(await quotas(user(DEFAULT))).toEqual([ofDefaultUser]);
  expect(await quotas(user(SPECIFIED))).toEqual([ofBoth, ofDefaultUser, ofUser]);
  expect(await quotas({ ...user(SPECIFIED), "client-id": { matchType: EXACT, match: "c" } })).toEqual([ofBoth]);
  expect(await quotas({ "client-id": { matchType: SPECIFIED } }, true)).toEqual([ofClient]);
  expect(await quotas({ ip: { matchType: SPECIFIED } })).toEqual([ofAddress]);
  await alter({ user: "a" }, null);
  await expect.poll(() => quotas(user(EXACT, "a"), true), PATIENCE).toEqual([]);
});

test("parts and values are told in the order of Kafka's hash maps", async () => {
  using client = await RawClient.open(cluster.node(1).address);
  const entity = [
    { entityType: "user", entityName: "ordered" },
    { entityType: "client-id", entityName: "c" },
  ];
  const keys = ["producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate"];
  const alterOf = (some: readonly string[]) => {
    const ops = some.map((key) => ({ key, value: 5, remove: false }));
    return client.asker.ask(AlterClientQuotas, 1, { entries: [{ entity, ops }], validateOnly: false });
  };
  const told = async () => {
    const filter = { user: { matchType: EXACT, match: "ordered" } };
    const { entries } = await describeQuotas(filter);
    return entries?.map((entry) => [
      ...entry.entity.map(({ entityType }) => entityType),
      ...entry.values.map(({ key }) => key),
    ]);
  };
  const answer = await alterOf(keys.slice(0, 3));
  expect(answer.entries).toMatchObject([{ entity: [{ entityType: "client-id" }, { entityType: "user" }] }]);
  const few = ["client-id", "user", "consumer_byte_rate", "request_percentage", "producer_byte_rate"];
  await expect.poll(told, PATIENCE).toEqual([few]);
  await alterOf(keys.slice(3));
  const all = ["producer_byte_rate", "consumer_byte_rate", "controller_mutation_rate", "request_percentage"];
  await expect.poll(told, PATIENCE).toEqual([["client-id", "user", ...all]]);
});

test("a filter that makes no sense is refused in Kafka's words", async () => {
  const { INVALID_REQUEST, UNSUPPORTED_VERSION } = ErrorCode;
  const specified = { matchType: SPECIFIED };
  const cases: readonly [Filter, number, string][] = [
    [{ "": specified }, INVALID_REQUEST, "Invalid empty entity type."],
    [{ group: specified }, UNSUPPORTED_VERSION, "Unsupported entity type group"],
    [
      { user: { matchType: EXACT } },
      INVALID_REQUEST,
      "Request specified MATCH_TYPE_EXACT, but set match string to null.",
    ],
    [
      { user: { matchType: DEFAULT, match: "a" } },
      ...([INVALID_REQUEST, "Request specified MATCH_TYPE_DEFAULT, but also specified a match string."] as const),
    ],
    [
      { user: { matchType: SPECIFIED, match: "a" } },
      ...([INVALID_REQUEST, "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string."] as const),
    ],
    [{ user: { matchType: 3 } }, INVALID_REQUEST, "Unknown match type 3"],
    [
      { ip: specified, user: specified },
      INVALID_REQUEST,
      "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component.",
    ],
  ];
  for (const [filter, errorCode, errorMessage] of cases) {
    expect(await describeQuotas(filter)).toMatchObject({ errorCode, errorMessage, entries: null });
  }
  using client = await RawClient.open(cluster.node(1).address);
  const twice = { entityType: "user", matchType: SPECIFIED, match: null };
  expect(await client.asker.ask(DescribeClientQuotas, 1, { components: [twice, twice], strict: false })).toMatchObject({
    errorCode: INVALID_REQUEST,
    errorMessage: "Entity type user cannot appear more than once in the filter.",
  });
});
