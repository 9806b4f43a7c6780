import { describe, expect, test } from "vitest";
import { framingCases } from "./framing-cases.ts";
import { startMinimalNode } from "./minimal-node.ts";
import { outcomeOf, probe } from "./wire-client.ts";

describe("framing", () => {
  framingCases(() => startMinimalNode());

  test("B4: one log line says what the peer speaks", async () => {
    await using node = await startMinimalNode();
    await outcomeOf(node.address, Buffer.from("1603010200010001fc0303", "hex"));
    await outcomeOf(node.address, Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    const reasons = node.warnings.map(({ fields }) => fields.reason);
    expect(reasons).toEqual([expect.stringContaining("TLS"), expect.stringContaining("HTTP")]);
  });

  test("what peers cause writes few lines, however often", async () => {
    await using node = await startMinimalNode();
    for (let i = 0; i < 100; i++) await outcomeOf(node.address, Buffer.from("SSH-2.0-x\r\n"));
    expect(node.warnings.length).toBe(10);
    await probe(node.address);
  });

  test("listens on several addresses with one port", async () => {
    await using node = await startMinimalNode({ hosts: ["127.0.0.1", "::1"] });
    const ports = new Set(node.listener.addresses.map(({ port }) => port));
    expect(ports.size).toBe(1);
    for (const address of node.listener.addresses) await probe(address);
  });
});
