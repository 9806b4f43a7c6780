/**
 * Bytes around requests: sizes, pieces, endings. Runs against any node that listens in plain text.
 */
import { describe, expect, test } from "vitest";
import { Metadata } from "../../../protocol/messages/metadata.ts";
import { framed, headerOf, outcomeOf, ping, probe, request, type Target, WireClient } from "./wire-client.ts";

const MAX_REQUEST_BYTES = 104_857_600;

function size(bytes: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(bytes);
  return buffer;
}

export function framingCases(start: () => Promise<Target>): void {
  test("B1, B2, B3: a size of nothing, below nothing or above the limit closes at once, without its body", async () => {
    await using target = await start();
    for (const bytes of [0, -1, -2147483648, MAX_REQUEST_BYTES + 1, 2147483647]) {
      expect(await outcomeOf(target.address, size(bytes)), `size ${bytes}`).toBe("closed");
    }
    await probe(target.address);
  });

  test("B3: the largest size is waited for", async () => {
    await using target = await start();
    using client = await WireClient.open(target.address);
    client.send(size(MAX_REQUEST_BYTES));
    await probe(target.address);
    expect(client.isClosed).toBe(false);
  });

  describe("B4: other protocols are closed at once", () => {
    const openings: readonly [what: string, bytes: Buffer][] = [
      ["a TLS alert", Buffer.from("15030300020228", "hex")],
      ["a TLS ClientHello", Buffer.from("1603010200010001fc0303", "hex")],
      ["HTTP GET", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
      ["HTTP POST", Buffer.from("POST / HTTP/1.1\r\n\r\n")],
      ["HTTP/2", Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
      ["SSH", Buffer.from("SSH-2.0-OpenSSH_9.2\r\n")],
    ];
    test.each(openings)("%s", async (_, bytes) => {
      await using target = await start();
      expect(await outcomeOf(target.address, bytes)).toBe("closed");
      await probe(target.address);
    });
  });

  test("B8: frames that are glued together are all answered, in order", async () => {
    await using target = await start();
    using client = await WireClient.open(target.address);
    client.send(...Array.from({ length: 50 }, (_, i) => ping(i)));
    expect(await client.correlationIds(50)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  test("B8: a pair of frames cut at each byte is answered, in order", async () => {
    await using target = await start();
    using client = await WireClient.open(target.address);
    const pair = Buffer.concat([ping(1), request(Metadata, 9, { topics: [] }, 2)]);
    for (let cut = 1; cut < pair.length; cut++) {
      await client.sendAll(pair.subarray(0, cut));
      await new Promise(setImmediate);
      client.send(pair.subarray(cut));
      expect(await client.correlationIds(2), `cut at ${cut}`).toEqual([1, 2]);
    }
  });

  test("B8: one byte per packet", async () => {
    await using target = await start();
    using client = await WireClient.open(target.address);
    for (const byte of Buffer.concat([ping(1), ping(2)])) {
      await client.sendAll(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    expect(await client.correlationIds(2)).toEqual([1, 2]);
  });

  test.each([1, 2, 20])("B9: %i requests and then the end of sending: all responses still come", async (count) => {
    await using target = await start();
    using client = await WireClient.open(target.address);
    client.send(...Array.from({ length: count }, (_, i) => ping(i)));
    client.endSending();
    expect(await client.correlationIds(count)).toEqual(Array.from({ length: count }, (_, i) => i));
    expect(await client.closed()).toEqual({ unreadBytes: 0 });
  });

  test("B9: the end of sending in the middle of a request ends the connection", async () => {
    await using target = await start();
    using client = await WireClient.open(target.address);
    client.send(ping(1), ping(2).subarray(0, 9));
    client.endSending();
    expect(await client.correlationIds(1)).toEqual([1]);
    expect(await client.closed()).toEqual({ unreadBytes: 0 });
  });

  test("B10: a reset, before a request is whole, before its answer and after, hurts nobody else", async () => {
    await using target = await start();
    using other = await WireClient.open(target.address);
    for (let sent = 0; sent <= ping().length; sent += 3) {
      const client = await WireClient.open(target.address);
      await client.sendAll(Buffer.concat([ping(1), ping(2).subarray(0, sent)]));
      client.reset();
      other.send(ping(sent));
      expect(await other.correlationIds(1)).toEqual([sent]);
    }
  });

  test.each([0, 9])("B13: bytes behind a whole body are ignored (Metadata v%i)", async (version) => {
    await using target = await start();
    const body = version === 0 ? Buffer.from([0, 0, 0, 0]) : Buffer.from([1, 1, 0, 0, 0]);
    using client = await WireClient.open(target.address);
    client.send(framed(headerOf(Metadata, version, 5), body, Buffer.from("what is this?")), ping(6));
    expect(await client.correlationIds(2)).toEqual([5, 6]);
  });

  test("what follows a request that cannot be read is not answered, what came before it is", async () => {
    await using target = await start();
    using client = await WireClient.open(target.address);
    client.send(ping(1), framed(headerOf(Metadata, 9, 2)), ping(3));
    expect(await client.correlationIds(2)).toEqual([1, undefined]);
    expect(await client.closed()).toEqual({ unreadBytes: 0 });
    await probe(target.address);
  });
}
