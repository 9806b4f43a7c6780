/** SCRAM credentials as administrators set them on one broker and see them on another. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import {
  AlterUserScramCredentials,
  DescribeUserScramCredentials,
} from "../../protocol/messages/user-scram-credentials.ts";
import { RawClient } from "../support/raw-client.ts";

const SHA_256 = 1;
const SHA_512 = 2;
const PATIENCE = { timeout: 10_000 };
const SALT = Buffer.from("salt");

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 2 });
});
afterAll(() => cluster.stop());

async function alter(name: string, mechanism: number, iterations: number | undefined): Promise<void> {
  using client = await RawClient.open(cluster.node(1).address);
  const saltedPassword = Buffer.from("salted password");
  const upsertion = { name, mechanism, iterations: iterations ?? 0, salt: SALT, saltedPassword };
  const answer = await client.asker.ask(AlterUserScramCredentials, 0, {
    deletions: iterations === undefined ? [{ name, mechanism }] : [],
    upsertions: iterations === undefined ? [] : [upsertion],
  });
  expect(answer.results).toEqual([{ user: name, errorCode: ErrorCode.NONE, errorMessage: null }]);
}

async function told(users: readonly string[] | null) {
  using client = await RawClient.open(cluster.node(2).address);
  const names = users === null ? null : users.map((name) => ({ name }));
  const answer = await client.asker.ask(DescribeUserScramCredentials, 0, { users: names });
  expect(answer).toMatchObject({ errorCode: ErrorCode.NONE, errorMessage: "" });
  return [...answer.results].sort((a, b) => (a.user < b.user ? -1 : 1));
}

test("all, some, and those that are not there", async () => {
  await alter("a", SHA_512, 8192);
  await alter("a", SHA_256, 4096);
  await alter("b", SHA_256, 16384);
  const known = { errorCode: ErrorCode.NONE, errorMessage: "" };
  const ofA = {
    ...{ ...known, user: "a" },
    credentialInfos: [
      { mechanism: SHA_256, iterations: 4096 },
      { mechanism: SHA_512, iterations: 8192 },
    ],
  };
  const ofB = { ...known, user: "b", credentialInfos: [{ mechanism: SHA_256, iterations: 16384 }] };
  // The other broker learns of it a moment later.
  await expect.poll(() => told(null), PATIENCE).toEqual([ofA, ofB]);
  expect(await told([])).toEqual([ofA, ofB]);
  expect(await told(["a", "b", "c", "b"])).toEqual([
    ofA,
    {
      ...{ user: "b", errorCode: ErrorCode.DUPLICATE_RESOURCE, credentialInfos: [] },
      errorMessage: "Cannot describe SCRAM credentials for the same user twice in a single request: b",
    },
    {
      ...{ user: "c", errorCode: ErrorCode.RESOURCE_NOT_FOUND, credentialInfos: [] },
      errorMessage: "Attempt to describe a user credential that does not exist: c",
    },
  ]);
  await alter("b", SHA_256, undefined);
  await expect.poll(() => told(null), PATIENCE).toEqual([ofA]);
});
