/**
 * Request headers, good and bad, as Apache Kafka 4.3.1 takes them. Runs against any broker that listens in plain text.
 */
import { describe, expect, test } from "vitest";
import type { Address } from "../../../broker/network/network.ts";
import { ApiVersions, ApiVersionsResponse } from "../../../protocol/messages/api-versions.ts";
import { Metadata, MetadataResponse } from "../../../protocol/messages/metadata.ts";
import { decode, encodeToBuffer } from "../../../protocol/schema/codec.ts";
import { framed, header, outcomeOf, ping, probe, request, type Target, WireClient } from "../network/wire-client.ts";

/** Metadata v9 for no topics, without its header. */
const NO_TOPICS_V9 = encodeToBuffer(Metadata.request, 9, { topics: [] });

/** A header with its client id and tags as they stand. */
function rawHeader(apiKey: number, apiVersion: number, clientId: Buffer, tags = Buffer.alloc(0)): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeInt16BE(apiKey, 0);
  fixed.writeInt16BE(apiVersion, 2);
  fixed.writeInt32BE(7, 4);
  return Buffer.concat([fixed, clientId, tags]);
}

const NULL_CLIENT = Buffer.from([0xff, 0xff]);

export function headerCases(start: () => Promise<Target>): void {
  test.each([1, 2, 3, 4, 8, 9])("B14: a header of %i bytes closes", async (length) => {
    await using target = await start();
    expect(await outcomeOf(target.address, framed(ping().subarray(4, 4 + length)))).toBe("closed");
    await probe(target.address);
  });

  test("B15: keys that never were, are to come, or are retired close", async () => {
    await using target = await start();
    for (const key of [-32768, -1, 4, 5, 6, 7, 93, 94, 1000, 32767]) {
      expect(await outcomeOf(target.address, framed(header(key, 0, 1), Buffer.alloc(64))), `key ${key}`).toBe("closed");
    }
    await probe(target.address);
  });

  test("B16: versions that do not exist close", async () => {
    await using target = await start();
    const versions = [
      [3, -1],
      [3, -32768],
      [3, 32767],
      [3, 14],
      [0, 0],
      [0, 1],
      [0, 2],
      [0, 14],
      [1, 3],
      [1, 19],
      [2, 0],
      [8, 1],
      [9, 0],
      [22, 6],
    ] as const;
    for (const [key, version] of versions) {
      const bytes = framed(header(key, version, 1), Buffer.alloc(64));
      expect(await outcomeOf(target.address, bytes), `key ${key} version ${version}`).toBe("closed");
    }
    await probe(target.address);
  });

  test.each([5, 6, 100, 32767, -1, -32768])(
    "B16: ApiVersions v%i is answered UNSUPPORTED_VERSION in version 0, with its own range",
    async (version) => {
      await using target = await start();
      const bytes = framed(header(ApiVersions.key, version, version >= 3 ? 2 : 1, 9), Buffer.from("not looked at"));
      const answer = await outcomeOf(target.address, bytes);
      expect(answer.toString("hex")).toBe(`00000009${"0023"}${"00000001"}${"0012"}${"0000"}${"0004"}`);
    },
  );

  test("B16: an unknown ApiVersions version from 3 on must come with the flexible header", async () => {
    await using target = await start();
    expect(await outcomeOf(target.address, framed(header(ApiVersions.key, 5, 1)))).toBe("closed");
  });

  test("B17: APIs of controllers close", async () => {
    await using target = await start();
    for (const key of [52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 82]) {
      expect(await outcomeOf(target.address, framed(header(key, 0, 2), Buffer.alloc(64))), `key ${key}`).toBe("closed");
    }
    await probe(target.address);
  });

  describe("B18: client ids", () => {
    const long = Buffer.alloc(32_767, "x");
    const accepted: readonly [what: string, clientId: Buffer][] = [
      ["null", NULL_CLIENT],
      ["a length of -2", Buffer.from([0xff, 0xfe])],
      ["a length of -32768", Buffer.from([0x80, 0x00])],
      ["empty", Buffer.from([0, 0])],
      ["32767 bytes", Buffer.concat([Buffer.from([0x7f, 0xff]), long])],
      ["invalid UTF-8", Buffer.from([0, 4, 0xc0, 0x80, 0xff, 0xfe])],
      ["control characters", Buffer.concat([Buffer.from([0, 16]), Buffer.from("\r\nERROR \x1b[31mx\0\0")])],
    ];
    test.each(accepted)("%s: answered", async (_, clientId) => {
      await using target = await start();
      const answer = await outcomeOf(target.address, framed(rawHeader(ApiVersions.key, 0, clientId)));
      expect(answer).not.toBe("closed");
    });

    test("a length beyond the frame: closed", async () => {
      await using target = await start();
      const beyond = Buffer.from([0, 5, 1, 2, 3, 4]);
      expect(await outcomeOf(target.address, framed(rawHeader(ApiVersions.key, 0, beyond)))).toBe("closed");
    });
  });

  describe("B19: tagged fields of the header", () => {
    const sendTags = (address: Address, tags: string): Promise<"closed" | Buffer> =>
      outcomeOf(address, framed(rawHeader(Metadata.key, 9, NULL_CLIENT, Buffer.from(tags, "hex")), NO_TOPICS_V9));
    const accepted: readonly [what: string, tags: string][] = [
      ["none", "00"],
      ["an unknown one", "0105021234"],
      ["a count of 2^31, read as none", "8080808008"],
      ["a count of 2^32-1, read as none", "ffffffff0f"],
      ["the number 2^32-1", "01ffffffff0f0112"],
      ["one number twice", "02050112050113"],
      ["numbers out of order", "02050112030113"],
      ["a size of zero", "010500"],
    ];
    test.each(accepted)("%s: answered", async (_, tags) => {
      await using target = await start();
      expect(await sendTags(target.address, tags)).not.toBe("closed");
    });

    const refused: readonly [what: string, tags: string][] = [
      ["ten, and nothing behind", "0a"],
      ["a size beyond the frame", "01057f"],
      ["a negative size", "0105ffffffff0f"],
      ["a varint of six bytes", "ffffffffff01"],
      ["a varint without end", "ff"],
    ];
    test.each(refused)("%s: closed", async (_, tags) => {
      await using target = await start();
      expect(await sendTags(target.address, tags)).toBe("closed");
      await probe(target.address);
    });
  });

  test("B20: correlation ids are echoed, negative ones and one that is used twice too", async () => {
    await using target = await start();
    using client = await WireClient.open(target.address);
    const ids = [-1, -2147483648, 2147483647, 5, 5, 0];
    client.send(...ids.map((id) => ping(id)));
    expect(await client.correlationIds(ids.length)).toEqual(ids);
  });

  test("B21: a flexible header before an inflexible version, whose zeros shift, and the other way round", async () => {
    await using target = await start();
    const shifted = framed(header(Metadata.key, 8, 2), encodeToBuffer(Metadata.request, 8, { topics: [] }));
    expect(await outcomeOf(target.address, shifted)).not.toBe("closed");
    const short = framed(header(Metadata.key, 9, 1), Buffer.from([2]));
    expect(await outcomeOf(target.address, short)).toBe("closed");
    await probe(target.address);
  });

  test("Metadata is answered with the header its version has", async () => {
    await using target = await start();
    for (const version of [1, 8, 9, 13]) {
      using client = await WireClient.open(target.address);
      client.send(request(Metadata, version, { topics: [] }, 3));
      const answer = (await client.frame()) as Buffer;
      const body = answer.subarray(version >= 9 ? 5 : 4);
      expect(decode(MetadataResponse, version, body).topics, `v${version}`).toEqual([]);
    }
  });

  test("ApiVersions is answered with header version 0 in each version", async () => {
    await using target = await start();
    for (const version of [0, 1, 2, 3, 4]) {
      using client = await WireClient.open(target.address);
      client.send(request(ApiVersions, version, { clientSoftwareName: "test", clientSoftwareVersion: "1.0" }, 3));
      const answer = (await client.frame()) as Buffer;
      const { errorCode, apiKeys } = decode(ApiVersionsResponse, version, answer.subarray(4));
      expect([errorCode, apiKeys[0]?.apiKey], `v${version}`).toEqual([0, 0]);
    }
  });
}
