/**
 * ApiVersions as Apache Kafka 4.3.1 answers it, over a real socket.
 */
import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ApiVersions, ApiVersionsResponse } from "../../../protocol/messages/api-versions.ts";
import type { ListenerKind } from "../../../protocol/schema/api.ts";
import { decode } from "../../../protocol/schema/codec.ts";
import type { Decode } from "../../../protocol/schema/message.ts";
import { startMinimalNode } from "../network/minimal-node.ts";
import { framed, headerOf, outcomeOf, request } from "../network/wire-client.ts";

/** What a broker with default settings lists, and what a controller does. */
const BROKER_KEYS =
  "0:0-13 1:4-18 2:1-11 3:0-13 8:2-10 9:1-10 10:0-6 11:0-9 12:0-4 13:0-5 14:0-5 15:0-6 16:0-5 17:0-1 18:0-4 19:2-7 20:1-6 " +
  "21:0-2 22:0-5 23:2-4 24:0-5 25:0-4 26:0-5 27:1-2 28:0-5 29:1-3 30:1-3 31:1-3 32:1-4 33:0-2 34:1-2 35:1-5 36:0-2 37:0-3 " +
  "38:1-3 39:1-2 40:1-2 41:1-3 42:0-2 43:0-2 44:0-1 45:0-1 46:0-0 47:0-0 48:0-1 49:0-1 50:0-0 51:0-0 55:0-2 57:0-2 60:0-2 " +
  "61:0-0 64:0-0 65:0-0 66:0-2 68:0-1 69:0-1 74:0-1 75:0-0 76:1-1 77:1-1 78:1-2 79:1-2 80:0-1 81:0-0 83:0-0 84:0-0 85:0-1 " +
  "86:0-0 87:0-1 88:0-0 89:0-0 90:0-1 91:0-0 92:0-0";
const CONTROLLER_KEYS =
  "1 17 18 19 20 29 30 31 32 33 36 37 38 39 40 41 43 44 45 46 49 50 51 52 53 54 55 56 57 58 59 60 62 63 64 67 70 73 80 81 82";

const SOFTWARE = { clientSoftwareName: "test-client", clientSoftwareVersion: "1.2.3" };

async function ask(
  version: number,
  software = SOFTWARE,
  kind: ListenerKind = "broker",
): Promise<Decode<typeof ApiVersionsResponse>> {
  await using node = await startMinimalNode({ kind });
  const answer = await outcomeOf(node.address, request(ApiVersions, version, software));
  if (answer === "closed") throw new Error("closed");
  return decode(ApiVersionsResponse, version, answer.subarray(4));
}

describe("ApiVersions", () => {
  test.each([0, 1, 2, 3, 4])("v%i lists what a broker serves, in order, Produce from 0", async (version) => {
    const { errorCode, apiKeys } = await ask(version);
    expect(errorCode).toBe(ErrorCode.NONE);
    expect(apiKeys.map((api) => `${api.apiKey}:${api.minVersion}-${api.maxVersion}`).join(" ")).toBe(BROKER_KEYS);
  });

  test("a controller lists its own APIs", async () => {
    const { apiKeys } = await ask(4, SOFTWARE, "controller");
    expect(apiKeys.map(({ apiKey }) => apiKey).join(" ")).toBe(CONTROLLER_KEYS);
  });

  test("features: those with a minimum of 0 from v4 on only, level 0 never", async () => {
    const v3 = await ask(3);
    expect(v3.supportedFeatures.map(({ name }) => name)).toEqual(["metadata.version"]);
    const v4 = await ask(4);
    expect(
      v4.supportedFeatures.map(({ name, minVersion, maxVersion }) => `${name} ${minVersion}-${maxVersion}`),
    ).toEqual(["metadata.version 7-30", "transaction.version 0-2", "kraft.version 0-1"]);
    for (const { finalizedFeatures, finalizedFeaturesEpoch, zkMigrationReady } of [v3, v4]) {
      expect(finalizedFeatures.map((f) => `${f.name} ${f.minVersionLevel}-${f.maxVersionLevel}`)).toEqual([
        "metadata.version 30-30",
        "transaction.version 2-2",
      ]);
      expect([finalizedFeaturesEpoch, zkMigrationReady]).toEqual([190, false]);
    }
    expect((await ask(2)).supportedFeatures).toEqual([]);
  });

  test.each([
    ["", "1"],
    ["a", ""],
    ["a b", "1"],
    ["a_b", "1"],
    ["-a", "1"],
    ["a-", "1"],
    ["a", ".1"],
    ["a\n", "1"],
  ])("the software %j %j is refused", async (clientSoftwareName, clientSoftwareVersion) => {
    const { errorCode, apiKeys } = await ask(3, { clientSoftwareName, clientSoftwareVersion });
    expect([errorCode, apiKeys]).toEqual([ErrorCode.INVALID_REQUEST, []]);
  });

  test("a software name of 300 characters passes, a body of nothing does not", async () => {
    expect((await ask(3, { clientSoftwareName: "x".repeat(300), clientSoftwareVersion: "1.0-b" })).errorCode).toBe(0);
    await using node = await startMinimalNode();
    expect(await outcomeOf(node.address, framed(headerOf(ApiVersions, 3)))).toBe("closed");
  });
});
