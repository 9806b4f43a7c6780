/** Asking for the state of share partitions wherever it is kept: which broker is asked, in which order, and when again. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Later } from "../../../broker/dispatch/answer.ts";
import { type MetadataImage, NO_LEADER } from "../../../broker/metadata/metadata-image.ts";
import type { PeerBrokers } from "../../../broker/network/peer-brokers.ts";
import { RpcError } from "../../../broker/network/rpc-error.ts";
import { PeerSharePersister } from "../../../broker/share-state/peer-share-persister.ts";
import type { ShareStateChange } from "../../../broker/share-state/share-persister.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { WriteShareGroupState } from "../../../protocol/messages/share-state.ts";
import { brokerImage } from "../../support/fixed-broker.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { clusterImage, topicImage } from "../groups/group-world.ts";
import { batch, ShareStateWorld, STATE_TOPIC, T1 } from "./share-state-world.ts";

const SELF = 1;
const OTHER = 2;
const KEY = { groupId: "g", topicId: T1.id, partition: 0 };

interface Sent {
  readonly api: string;
  readonly brokerId: number;
  readonly request: { topics: { topicId: string; partitions: Record<string, unknown>[] }[] };
  answer(errorCode?: number): void;
  fail(): void;
}

let clock: ManualClock;
let world: ShareStateWorld;
let image: MetadataImage;
let sent: Sent[];
let asked: string[];
let persister: PeerSharePersister;

beforeEach(async () => {
  clock = new ManualClock();
  world = await ShareStateWorld.start();
  sent = [];
  asked = [];
  ledBy(OTHER);
  const call = (brokerId: number, api: { request: { name: string } }, request: Sent["request"]) =>
    new Promise((resolve, reject) => {
      const answer = (errorCode = 0): void => {
        const results = request.topics.map(({ topicId, partitions }) => ({
          topicId,
          partitions: partitions.map(({ partition }) => ({ partition, errorCode, errorMessage: null })),
        }));
        resolve({ results });
      };
      const fail = (): void => reject(new RpcError("disconnected", "gone"));
      sent.push({ api: api.request.name, brokerId, request, answer, fail });
    });
  persister = new PeerSharePersister({
    ...{ nodeId: SELF, clock, image: () => image, coordinator: world.coordinator },
    autoTopics: { request: (names) => asked.push(...names) },
    peers: { call, close: () => {} } as unknown as Pick<PeerBrokers, "call" | "close">,
  });
});

function ledBy(leader: number): void {
  const brokers = [SELF, OTHER].map((id) => brokerImage(id, { host: "127.0.0.1", port: id }));
  image = clusterImage(
    [topicImage(STATE_TOPIC, "AAAAAAAAAAAAAAAAAAAA_A", 1, leader), topicImage(T1.name, T1.id, 4)],
    brokers,
  );
}

function change(startOffset: number, more: Partial<ShareStateChange> = {}): ShareStateChange {
  return { stateEpoch: 0, leaderEpoch: 0, startOffset, deliveryCompleteCount: 0, stateBatches: [], ...more };
}

function codesOf(...laters: Later<{ errorCode: number }>[]): (number | undefined)[] {
  const codes: (number | undefined)[] = laters.map(() => undefined);
  for (const [index, later] of laters.entries()) {
    later.onComplete((answer) => {
      if (typeof answer !== "symbol") codes[index] = answer.errorCode;
    });
  }
  return codes;
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe("R177: asking the keeper of share state", () => {
  test("this broker's own coordinator is asked without a request", () => {
    ledBy(SELF);
    expect(codesOf(persister.initialize(KEY, { stateEpoch: 0, startOffset: 3 }))).toEqual([0]);
    expect(sent).toEqual([]);
    expect(world.summary()?.startOffset).toBe(3);
    expect(persister.size).toBe(0);
  });

  test("another broker is asked, for all partitions of a group at once", async () => {
    const keys = [0, 1, 2, 3].map((partition) => ({ ...KEY, partition }));
    const codes = codesOf(...keys.map((key) => persister.read(key, 0)), persister.read({ ...KEY, groupId: "h" }, 0));
    // The first leaves at once, and so many as may be under way; the rest go together.
    for (let round = 0; round < 3; round++) {
      for (const each of sent.splice(0)) each.answer();
      await turns();
    }
    expect(codes).toEqual([0, 0, 0, 0, 0]);
  });

  test("one that is moving, or out of reach, is asked again until it answers", async () => {
    const codes = codesOf(persister.write(KEY, change(1)));
    for (const how of [
      (each: Sent) => each.fail(),
      (each: Sent) => each.answer(ErrorCode.NOT_COORDINATOR),
      (each: Sent) => each.answer(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS),
    ]) {
      expect(sent).toHaveLength(1);
      how(sent.pop() as Sent);
      await turns();
      expect(codes).toEqual([undefined]);
      clock.advance(2000);
      await turns();
    }
    ledBy(NO_LEADER);
    sent.pop()?.answer(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    await turns();
    clock.advance(2000);
    expect(sent).toEqual([]);
    ledBy(OTHER);
    clock.advance(2000);
    sent.pop()?.answer();
    await turns();
    expect(codes).toEqual([0]);
  });

  test("R192: what waits behind requests to a broker that is lost goes to the next one, without its turn there", async () => {
    const waiting = ["a", "b", "c", "d", "e"].map((groupId) => persister.readSummary({ ...KEY, groupId }, -1));
    const codes = codesOf(...waiting);
    expect(sent).toHaveLength(4);
    sent[0]?.fail();
    await turns();
    ledBy(SELF);
    clock.advance(100);
    await turns();
    expect(codes).toEqual([0, undefined, undefined, undefined, 0]);
  });

  test("what no other try would change is told at once", async () => {
    const codes = codesOf(persister.write(KEY, change(1)));
    sent.pop()?.answer(ErrorCode.FENCED_STATE_EPOCH);
    await turns();
    expect(codes).toEqual([ErrorCode.FENCED_STATE_EPOCH]);
  });

  test("after half a minute it is given up, with the reason", () => {
    ledBy(NO_LEADER);
    const codes = codesOf(persister.read(KEY, 0));
    clock.advance(28_000);
    expect(codes).toEqual([undefined]);
    clock.advance(2000);
    expect(codes).toEqual([ErrorCode.COORDINATOR_NOT_AVAILABLE]);
    expect([clock.pending, persister.size]).toEqual([0, 0]);
  });

  test("without its topic the topic is asked for", () => {
    image = clusterImage([]);
    codesOf(persister.read(KEY, 0));
    expect(asked).toContain(STATE_TOPIC);
  });

  test("writes of one share partition go one after the other, those that wait as one", async () => {
    const writes = [1, 2, 3].map((offset) => {
      return persister.write(
        KEY,
        change(offset, { stateBatches: [batch(offset, offset, 2, 1)], deliveryCompleteCount: offset }),
      );
    });
    const other = persister.write(KEY, change(9, { leaderEpoch: 1 }));
    const codes = codesOf(...writes, other);
    expect(sent.map(({ api }) => api)).toEqual([WriteShareGroupState.request.name]);
    sent.pop()?.fail();
    await turns();
    clock.advance(100);
    sent.pop()?.answer();
    await turns();
    expect(codes).toEqual([0, undefined, undefined, undefined]);
    expect(sent.map(({ request }) => request.topics[0]?.partitions)).toEqual([
      [
        {
          ...change(3, { stateBatches: [batch(2, 2, 2, 1), batch(3, 3, 2, 1)], deliveryCompleteCount: 3 }),
          partition: 0,
        },
      ],
    ]);
    sent.pop()?.answer();
    await turns();
    expect(codes).toEqual([0, 0, 0, undefined]);
    sent.pop()?.answer(ErrorCode.FENCED_LEADER_EPOCH);
    await turns();
    expect(codes).toEqual([0, 0, 0, ErrorCode.FENCED_LEADER_EPOCH]);
  });

  test("a write does not overtake a deletion that waits", async () => {
    const codes = codesOf(persister.write(KEY, change(1)), persister.delete(KEY), persister.write(KEY, change(2)));
    sent.pop()?.answer();
    await turns();
    expect(sent.map(({ api }) => api)).toEqual(["DeleteShareGroupStateRequest"]);
    sent.pop()?.answer();
    await turns();
    sent.pop()?.answer(ErrorCode.INVALID_REQUEST);
    await turns();
    expect(codes).toEqual([0, 0, ErrorCode.INVALID_REQUEST]);
  });

  test("once closed nobody is asked, and nothing is left", () => {
    ledBy(NO_LEADER);
    codesOf(persister.read(KEY, 0));
    persister.close();
    expect(clock.pending).toBe(0);
    expect(codesOf(persister.read(KEY, 0))).toEqual([ErrorCode.COORDINATOR_NOT_AVAILABLE]);
  });
});
