/**
 * Recorded frames, damaged: whatever comes of them, the node lives, answers others, and does not grow. Seeds are fixed. Runs
 * against any broker in plain text.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Address } from "../../../broker/network/network.ts";
import { type GoldenFrame, goldenFrames } from "../../support/golden-frames.ts";
import { framed, ping, probe, type Target, WireClient } from "../network/wire-client.ts";

export interface FuzzTarget extends Target {
  residentBytes(): Promise<number>;
  /** How much more it may hold afterwards. */
  readonly maxGrowthBytes: number;
}

const MAX_PROBE_MS = 250;
/** Produce, Fetch, ListOffsets, Metadata, OffsetCommit, FindCoordinator, JoinGroup, ApiVersions, CreateTopics. */
const BUSIEST_KEYS = new Set([0, 1, 2, 3, 8, 10, 11, 18, 19]);
const PING_ID = 0x7e57;
const CONNECTIONS = 16;
/** How long a request that waits for something is waited for. */
const PATIENCE_MS = 100;

/** One damage to a frame; places are shares of its length, so that they fit any frame. */
type Damage = (bytes: Buffer) => Buffer;

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const at = (bytes: Buffer, share: number): number => Math.floor(share * bytes.length);

const damages: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(place, fc.nat(7)).map(
    ([share, bit]): Damage =>
      (bytes) => {
        const copy = Buffer.from(bytes);
        if (copy.length > 0) copy[at(copy, share)] = (copy[at(copy, share)] as number) ^ (1 << bit);
        return copy;
      },
  ),
  fc.tuple(place, fc.constantFrom(0, 1, 0x7f, 0x80, 0xfe, 0xff)).map(
    ([share, value]): Damage =>
      (bytes) => {
        const copy = Buffer.from(bytes);
        if (copy.length > 0) copy[at(copy, share)] = value;
        return copy;
      },
  ),
  fc
    .tuple(
      place,
      fc.constantFrom("7fffffff", "80000000", "ffffffff", "fffffffe", "ffffffff0f", "ffffffffffffffff", "7fff", "8000"),
    )
    .map(
      ([share, hex]): Damage =>
        (bytes) => {
          const value = Buffer.from(hex, "hex");
          const copy = Buffer.from(bytes);
          value.copy(copy, at(copy, share));
          return copy;
        },
    ),
  place.map(
    (share): Damage =>
      (bytes) =>
        bytes.subarray(0, at(bytes, share)),
  ),
  fc.tuple(place, place).map(
    ([from, to]): Damage =>
      (bytes) => {
        const [start, end] = [at(bytes, Math.min(from, to)), at(bytes, Math.max(from, to))];
        return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
      },
  ),
  fc.tuple(place, place).map(
    ([from, to]): Damage =>
      (bytes) => {
        const [start, end] = [at(bytes, Math.min(from, to)), at(bytes, Math.max(from, to))];
        return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start, end), bytes.subarray(end)]);
      },
  ),
  fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 40 })).map(
    ([share, inserted]): Damage =>
      (bytes) => {
        return Buffer.concat([bytes.subarray(0, at(bytes, share)), inserted, bytes.subarray(at(bytes, share))]);
      },
  ),
);

/** A well-behaved client is answered soon; on a busy machine, at least one of a few. */
async function expectPromptAnswers(address: Address): Promise<void> {
  const probes: number[] = [];
  while (probes.length < 5 && !probes.some((ms) => ms < MAX_PROBE_MS)) probes.push(await probe(address));
  expect(Math.min(...probes)).toBeLessThan(MAX_PROBE_MS);
}

/** For each API and version that was recorded, its frames. */
function framesByVersion(): GoldenFrame[][] {
  const groups = new Map<string, GoldenFrame[]>();
  for (const frame of goldenFrames()) {
    const key = `${frame.apiKey} ${frame.apiVersion}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [frame]);
    else group.push(frame);
  }
  return [...groups.values()];
}

/** Damage of many kinds. */
export function damageCases(start: () => Promise<FuzzTarget>): void {
  test("damaged frames of every API and version", async () => {
    await using target = await start();
    const before = await target.residentBytes();
    const groups = framesByVersion();
    const oneOfEach = fc.tuple(
      fc.array(fc.tuple(fc.nat(), fc.array(damages, { minLength: 1, maxLength: 4 })), {
        minLength: groups.length,
        maxLength: groups.length,
      }),
    );
    await fc.assert(
      fc.asyncProperty(oneOfEach, async ([choices]) => {
        const frames = choices.map(([choice, inflicted], i) => {
          const group = groups[i] as GoldenFrame[];
          const { request } = group[choice % group.length] as GoldenFrame;
          return inflicted.reduce((bytes, damage) => damage(bytes), request);
        });
        await sendAll(target.address, frames);
        await expectPromptAnswers(target.address);
      }),
      { seed: 20261121, numRuns: 8, endOnFailure: true },
    );
    expect((await target.residentBytes()) - before).toBeLessThan(target.maxGrowthBytes);
  });
}

export function bitFlipCases(start: () => Promise<FuzzTarget>): void {
  test("B26: bits flipped in the shortest frame of each API: every one of the busiest, some of the others", async () => {
    await using target = await start();
    const before = await target.residentBytes();
    const shortest = new Map<number, Buffer>();
    for (const { apiKey, request } of goldenFrames()) {
      const known = shortest.get(apiKey);
      if (known === undefined || request.length < known.length) shortest.set(apiKey, request);
    }
    const flipped = [...shortest].flatMap(([apiKey, request]) => {
      const bits = Array.from({ length: request.length * 8 }, (_, bit) => bit);
      const chosen = BUSIEST_KEYS.has(apiKey) ? bits : bits.filter((bit) => bit % 5 === apiKey % 5);
      return chosen.map((bit) => {
        const copy = Buffer.from(request);
        copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
        return copy;
      });
    });
    await sendAll(target.address, flipped);
    await expectPromptAnswers(target.address);
    expect((await target.residentBytes()) - before).toBeLessThan(target.maxGrowthBytes);
  });
}

/** Sends each frame and a ping behind it; a connection that is closed, or waits, is replaced by a new one. */
async function sendAll(address: Address, frames: readonly Buffer[]): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    let client: WireClient | undefined;
    while (next < frames.length) {
      const frame = frames[next++] as Buffer;
      client ??= await WireClient.open(address);
      client.send(framed(frame), ping(PING_ID));
      if (await answers(client)) continue;
      client[Symbol.dispose]();
      client = undefined;
    }
    client?.[Symbol.dispose]();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
}

/** Whether the ping is answered; false when the connection was closed, or something before the ping waits. */
async function answers(client: WireClient): Promise<boolean> {
  for (;;) {
    const answer = await client.frame(PATIENCE_MS).catch(() => undefined);
    if (answer === undefined) return false;
    // The damaged frame may have the ping's id, or be a ping.
    if (answer.readInt32BE(0) === PING_ID) return true;
  }
}
