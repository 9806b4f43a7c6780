import { describe, expect, test } from "vitest";
import { startMinimalNode } from "../network/minimal-node.ts";
import { framed, header, outcomeOf } from "../network/wire-client.ts";
import { headerCases } from "./header-cases.ts";

describe("request headers", () => {
  headerCases(() => startMinimalNode());

  test("a refused request leaves one line that says why, without what the client wrote", async () => {
    await using node = await startMinimalNode();
    await outcomeOf(node.address, framed(header(93, 0, 1, 1, "evil\r\nclient")));
    await outcomeOf(node.address, framed(header(4, 0, 1)));
    await outcomeOf(node.address, framed(header(52, 0, 2)));
    await outcomeOf(node.address, framed(header(0, 2, 1)));
    expect(node.warnings.map(({ fields }) => fields.reason)).toEqual([
      "no API has the key 93",
      "API 4 no longer exists",
      "Vote is not served on a broker listener",
      "Produce has versions 3 to 13, not 2",
    ]);
    expect(JSON.stringify(node.warnings)).not.toContain("evil");
  });

  test("B17: APIs of brokers close on a controller's listener", async () => {
    await using node = await startMinimalNode({ kind: "controller" });
    for (const key of [0, 2, 3, 8, 11, 68]) {
      expect(await outcomeOf(node.address, framed(header(key, 3, 1), Buffer.alloc(64))), `key ${key}`).toBe("closed");
    }
  });
});
