/**
 * What every Network must do, whatever it is made of.
 */
import { describe, expect, test } from "vitest";
import {
  type Address,
  type Connection,
  type Listener,
  type Network,
  NetworkError,
  type Receiver,
} from "../../../broker/network/network.ts";

/** Takes all that comes, in targets of a few bytes, until it is told to stop. */
class Collector implements Receiver {
  readonly connection: Connection;
  readonly chunks: Buffer[] = [];
  sizeBytes = 0;
  /** Returns false when so many bytes are there. */
  stopAtBytes = Number.POSITIVE_INFINITY;
  hasEnded = false;
  closings = 0;
  error: Error | undefined;
  private readonly memory: Buffer;
  private wake: (() => void) | undefined;

  constructor(connection: Connection, targetBytes = 1000) {
    this.connection = connection;
    this.memory = Buffer.alloc(targetBytes);
    connection.receive(this);
  }

  target(): Buffer {
    return this.memory;
  }

  received(sizeBytes: number): boolean {
    this.chunks.push(Buffer.from(this.memory.subarray(0, sizeBytes)));
    this.sizeBytes += sizeBytes;
    this.wake?.();
    return this.sizeBytes < this.stopAtBytes;
  }

  ended(): void {
    this.hasEnded = true;
    this.wake?.();
  }

  closed(error: Error | undefined): void {
    this.closings++;
    this.error = error;
    this.wake?.();
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString("latin1");
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

interface Pair {
  readonly here: Collector;
  readonly there: Collector;
  readonly listener: Listener;
}

export function networkContract(makeNetwork: () => Network, host: string): void {
  const network = makeNetwork();

  async function connected(targetBytes?: number): Promise<Pair> {
    let accepted: ((there: Collector) => void) | undefined;
    const arrival = new Promise<Collector>((resolve) => {
      accepted = resolve;
    });
    const listener = await network.listen({ host, port: 0 }, (connection) =>
      accepted?.(new Collector(connection, targetBytes)),
    );
    const here = new Collector(await network.connect(listener.address), targetBytes);
    return { here, there: await arrival, listener };
  }

  async function finish({ here, there, listener }: Pair): Promise<void> {
    here.connection.destroy();
    there.connection.destroy();
    await Promise.all([here.until(() => here.closings > 0), there.until(() => there.closings > 0)]);
    await listener.close();
  }

  test("bytes come in order, both ways, and each side knows the other's address", async () => {
    const pair = await connected();
    pair.here.connection.write([Buffer.from("a"), Buffer.from("bc")]);
    pair.here.connection.write([Buffer.from("d")]);
    pair.there.connection.write([Buffer.from("xyz")]);
    await pair.there.until(() => pair.there.text === "abcd");
    await pair.here.until(() => pair.here.text === "xyz");
    expect(pair.here.connection.remoteAddress).toEqual(pair.listener.address);
    expect(pair.there.connection.remoteAddress).toEqual(pair.here.connection.localAddress);
    await finish(pair);
  });

  test("reading stops when the receiver says so, and goes on when it is resumed", async () => {
    const pair = await connected();
    const { here, there } = pair;
    there.stopAtBytes = 1;
    here.connection.write([Buffer.alloc(20_000_000, 1)]);
    await there.until(() => there.sizeBytes > 0);
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    expect(there.sizeBytes).toBeLessThanOrEqual(1000);
    expect(here.connection.unsentBytes).toBeGreaterThan(0);
    there.stopAtBytes = 5000;
    there.connection.resume();
    await there.until(() => there.sizeBytes >= 5000);
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    expect(there.sizeBytes).toBeLessThanOrEqual(6000);
    there.stopAtBytes = Number.POSITIVE_INFINITY;
    there.connection.resume();
    await there.until(() => there.sizeBytes === 20_000_000);
    expect(here.connection.unsentBytes).toBe(0);
    await finish(pair);
  });

  test("a write is flushed once, in a later turn, when the kernel has it", async () => {
    const pair = await connected();
    const flushed: string[] = [];
    pair.here.connection.write([Buffer.from("a")], () => flushed.push("first"));
    pair.here.connection.write([Buffer.from("b"), Buffer.from("c")], () => flushed.push("second"));
    expect(flushed).toEqual([]);
    await pair.there.until(() => pair.there.text === "abc");
    while (flushed.length < 2) await new Promise(setImmediate);
    expect(flushed).toEqual(["first", "second"]);
    await finish(pair);
  });

  test("a write is flushed too when the connection is gone, before or after", async () => {
    const pair = await connected();
    let flushed = 0;
    pair.there.stopAtBytes = 1;
    pair.here.connection.write([Buffer.alloc(20_000_000)], () => flushed++);
    pair.here.connection.write([Buffer.from("more")], () => flushed++);
    await pair.there.until(() => pair.there.sizeBytes > 0);
    pair.there.connection.destroy({ reset: true });
    await pair.here.until(() => pair.here.closings > 0);
    pair.here.connection.write([Buffer.from("too late")], () => flushed++);
    while (flushed < 3) await new Promise(setImmediate);
    expect([flushed, pair.here.closings]).toEqual([3, 1]);
    await finish(pair);
  });

  test("an end comes after all bytes, and the other side may go on writing", async () => {
    const pair = await connected();
    const { here, there } = pair;
    here.connection.write([Buffer.from("last words")]);
    here.connection.end();
    await there.until(() => there.hasEnded);
    expect(there.text).toBe("last words");
    there.connection.write([Buffer.from("heard")]);
    await here.until(() => here.text === "heard");
    there.connection.end();
    await Promise.all([here.until(() => here.closings > 0), there.until(() => there.closings > 0)]);
    expect([here.error, there.error, here.hasEnded]).toEqual([undefined, undefined, true]);
    await pair.listener.close();
  });

  test("destroying closes both sides, each told once; a reset is an error to the other", async () => {
    for (const reset of [false, true]) {
      const pair = await connected();
      pair.here.connection.destroy({ reset });
      const { here, there } = pair;
      await here.until(() => here.closings > 0);
      await there.until(() => there.hasEnded || there.closings > 0);
      if (reset) await there.until(() => there.closings > 0);
      expect(here.error).toBeUndefined();
      expect(there.error !== undefined).toBe(reset);
      await finish(pair);
      expect([here.closings, there.closings]).toEqual([1, 1]);
    }
  });

  test("a closed listener accepts nobody, and leaves what is open", async () => {
    const pair = await connected();
    await pair.listener.close();
    await expect(network.connect(pair.listener.address)).rejects.toThrow(NetworkError);
    pair.here.connection.write([Buffer.from("still here")]);
    await pair.there.until(() => pair.there.text === "still here");
    const again = await network.listen(pair.listener.address, () => {});
    await again.close();
    await finish(pair);
  });

  describe("errors have their kind", () => {
    const kindOf = async (promise: Promise<unknown>): Promise<string> =>
      promise.then(
        () => "none",
        (error: unknown) => (error instanceof NetworkError ? error.kind : String(error)),
      );

    test("in-use, refused", async () => {
      const listener = await network.listen({ host, port: 0 }, () => {});
      expect(await kindOf(network.listen(listener.address, () => {}))).toBe("in-use");
      await listener.close();
      const nobody: Address = listener.address;
      expect(await kindOf(network.connect(nobody))).toBe("refused");
    });
  });
}
