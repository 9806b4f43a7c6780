/**
 * Frames from bytes that come in any pieces, while others use the same scratch buffer, memory is short and the sink refuses.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameAssembler, type FrameSink } from "../../../broker/network/frame-assembler.ts";
import { RequestMemory } from "../../../broker/network/request-memory.ts";
import { BufferPool, type SharedBuffer } from "../../../storage/shared-buffer.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** A frame whose bytes tell its number and place. */
function frame(number: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(4 + sizeBytes, number & 0xff);
  bytes.writeInt32BE(sizeBytes);
  if (sizeBytes >= 8) bytes.writeInt32BE(number, sizeBytes); // at its end
  return bytes;
}

/** One connection's bytes on their way in, and the frames that came of them. */
class Feed implements FrameSink {
  readonly maxFrameBytes = 100 * MIB;
  readonly frames: Buffer[] = [];
  readonly owned: boolean[] = [];
  readonly assembler: FrameAssembler;
  badSizes: number[] = [];
  /** How many offers are refused before one is taken. */
  refusals = 0;
  private refused = 0;
  private paused = false;
  private target: Buffer;
  private sent = 0;
  readonly bytes: Buffer;

  constructor(bytes: Buffer, pool: BufferPool, memory: RequestMemory) {
    this.bytes = bytes;
    this.assembler = new FrameAssembler(this, pool, memory);
    this.target = this.assembler.target();
  }

  frame(buffer: Buffer, start: number, end: number, owner: SharedBuffer | undefined): boolean {
    if (this.refused < this.refusals) {
      this.refused++;
      return false;
    }
    this.refused = 0;
    this.frames.push(Buffer.from(buffer.subarray(start, end)));
    this.owned.push(owner !== undefined);
    return true;
  }

  badSize(size: number): void {
    this.badSizes.push(size);
    this.assembler.stop();
  }

  roomFreed(): void {}

  get done(): boolean {
    return this.sent === this.bytes.length && !this.paused && !this.assembler.frameIsWaiting;
  }

  /** Gives the next bytes, at most so many, or asks to proceed when it is paused. */
  step(atMostBytes: number): void {
    if (this.paused) {
      if (this.assembler.proceed()) this.paused = false;
      return;
    }
    if (this.sent === this.bytes.length) {
      if (this.assembler.frameIsWaiting) this.assembler.proceed();
      return;
    }
    const sizeBytes = Math.min(atMostBytes, this.target.length, this.bytes.length - this.sent);
    if (sizeBytes === 0) throw new Error("no room for the next bytes");
    this.bytes.copy(this.target, 0, this.sent, this.sent + sizeBytes);
    this.sent += sizeBytes;
    this.paused = !this.assembler.received(sizeBytes);
    this.target = this.assembler.target();
  }
}

function run(feeds: readonly Feed[], pieces: readonly number[]): void {
  for (let i = 0; feeds.some((feed) => !feed.done); i++) {
    if (i === 200_000) throw new Error("it does not come to an end");
    feeds[i % feeds.length]?.step(pieces[i % pieces.length] as number);
  }
}

describe("frames", () => {
  test("whatever the pieces, the refusals and the neighbours: the frames that were sent, in order, and no memory kept", () => {
    const sizes = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 1, max: 300 }) },
      { weight: 3, arbitrary: fc.integer({ min: 300, max: 70 * KIB }) },
      { weight: 2, arbitrary: fc.integer({ min: 60 * KIB, max: 400 * KIB }) },
    );
    const connection = fc.record({ sizes: fc.array(sizes, { minLength: 1, maxLength: 12 }), refusals: fc.nat(2) });
    const pieces = fc.array(fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 80 * KIB })), {
      minLength: 1,
      maxLength: 7,
    });
    const limits = fc.constantFrom(64 * KIB, 300 * KIB, 64 * MIB);
    fc.assert(
      fc.property(fc.array(connection, { minLength: 1, maxLength: 4 }), pieces, limits, (connections, cuts, limit) => {
        const pool = new BufferPool({ maxIdleBytes: MIB, poison: true });
        const memory = new RequestMemory(limit);
        const feeds = connections.map(({ sizes, refusals }, c) => {
          const frames = sizes.map((size, i) => frame(c * 100 + i, size));
          const feed = new Feed(Buffer.concat(frames), pool, memory);
          feed.refusals = refusals;
          return { feed, frames };
        });
        // Small pieces only where there is little to send.
        const floor = Math.max(...feeds.map(({ feed }) => feed.bytes.length)) / 1_000;
        run(
          feeds.map(({ feed }) => feed),
          cuts.map((cut) => Math.ceil(Math.max(cut, floor))),
        );
        for (const { feed, frames } of feeds) {
          expect(feed.frames.length).toBe(frames.length);
          for (const [i, sent] of frames.entries())
            expect(sent.subarray(4).equals(feed.frames[i] as Buffer)).toBe(true);
          feed.assembler.trim();
        }
        expect([memory.usedBytes, pool.usedBytes, memory.waiting]).toEqual([0, 0, 0]);
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  test("frames of more than 64 KiB come with an owner, smaller ones in shared memory", () => {
    const pool = new BufferPool({ maxIdleBytes: MIB });
    const sizes = [10, 64 * KIB - 4, 200 * KIB, 10];
    const feed = new Feed(Buffer.concat(sizes.map((size, i) => frame(i, size))), pool, new RequestMemory(MIB));
    run([feed], [64 * KIB]);
    expect(feed.owned).toEqual([false, false, true, false]);
  });

  test("a frame whose owner is retained stays as it is when others come", () => {
    const pool = new BufferPool({ maxIdleBytes: MIB, poison: true });
    const kept: SharedBuffer[] = [];
    const feed = new Feed(Buffer.concat([frame(1, 200 * KIB), frame(2, 200 * KIB)]), pool, new RequestMemory(MIB));
    const take = feed.frame.bind(feed);
    feed.frame = (buffer, start, end, owner) => {
      owner?.retain();
      if (owner !== undefined) kept.push(owner);
      return take(buffer, start, end, owner);
    };
    run([feed], [50 * KIB]);
    expect(kept[0]?.buffer[100]).toBe(1);
    expect(kept[1]?.buffer[100]).toBe(2);
    for (const owner of kept) owner.release();
    expect(pool.usedBytes).toBe(0);
  });

  test.each([0, -1, -2147483648, 100 * MIB + 1])("a size of %i is told at once, and nothing after it", (size) => {
    const head = Buffer.alloc(4);
    head.writeInt32BE(size);
    const feed = new Feed(
      Buffer.concat([frame(1, 10), head, frame(2, 10)]),
      new BufferPool({ maxIdleBytes: 0 }),
      new RequestMemory(1),
    );
    for (let i = 0; i < 40; i++) feed.step(1);
    expect(feed.frames.length).toBe(1);
    expect(feed.badSizes).toEqual([size]);
  });
});

describe("memory follows what has arrived", () => {
  test.each([1, 1000, 20 * KIB, 33 * KIB, 100 * KIB, MIB, 9 * MIB])("%i bytes of a promised 90 MB", (arrived) => {
    const pool = new BufferPool({ maxIdleBytes: 0 });
    const promised = Buffer.alloc(4 + arrived);
    promised.writeInt32BE(90_000_000);
    const feed = new Feed(promised, pool, new RequestMemory(64 * MIB));
    while (!feed.done) feed.step(64 * KIB);
    expect(pool.usedBytes).toBeLessThanOrEqual(Math.max(4 * arrived, arrived < 16 * KIB ? 0 : 64 * KIB));
    feed.assembler.stop();
    expect(pool.usedBytes).toBe(0);
  });

  test("a connection that has sent large frames gets memory for the next at once, as long as there is plenty", () => {
    const pool = new BufferPool({ maxIdleBytes: 0 });
    const memory = new RequestMemory(8 * MIB);
    const next = frame(2, MIB).subarray(0, 100);
    const feed = new Feed(Buffer.concat([frame(1, MIB), next]), pool, memory);
    while (!feed.done) feed.step(64 * KIB);
    expect(pool.usedBytes).toBe(MIB);
    memory.add(6 * MIB);
    const other = new Feed(Buffer.concat([frame(1, MIB), next]), pool, memory);
    while (!other.done) other.step(64 * KIB);
    expect(pool.usedBytes).toBe(MIB);
    feed.assembler.stop();
    other.assembler.stop();
    expect(memory.usedBytes).toBe(6 * MIB);
  });
});
