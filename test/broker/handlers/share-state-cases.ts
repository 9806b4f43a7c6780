/** What Apache Kafka answers who asks for the state of share partitions (KIP-932), as brokers do. */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import {
  DeleteShareGroupState,
  InitializeShareGroupState,
  ReadShareGroupState,
  ReadShareGroupStateSummary,
  WriteShareGroupState,
} from "../../../protocol/messages/share-state.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import type { Encode, Message } from "../../../protocol/schema/message.ts";
import { type DataPlane, newTopic } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";

const SHARE_KEY_TYPE = 2;
const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAABAA";
const { NONE, INVALID_REQUEST, FENCED_LEADER_EPOCH, FENCED_STATE_EPOCH, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode;

let made = 0;

/** Whoever speaks for one group and one topic of two partitions. */
class Keeper implements Disposable {
  readonly asker: WireAsker;
  readonly groupId: string;
  readonly topicId: string;

  constructor(asker: WireAsker, groupId: string, topicId: string) {
    this.asker = asker;
    this.groupId = groupId;
    this.topicId = topicId;
  }

  async ask<P>(api: Api, version: number, partition: number, said: object, topicId = this.topicId): Promise<P> {
    const topics = [{ topicId, partitions: [{ partition, ...said }] }];
    const answer = await this.asker.ask(api, version, { groupId: this.groupId, topics } as Encode<Message>);
    const { results } = answer as unknown as { results: { topicId: string; partitions: P[] }[] };
    expect(results.map((result) => result.topicId)).toEqual([topicId]);
    return results[0]?.partitions[0] as P;
  }

  async initialize(stateEpoch: number, startOffset: number, partition = 0, topicId?: string): Promise<number> {
    const said = { stateEpoch, startOffset };
    return (await this.ask<Answer>(InitializeShareGroupState, 0, partition, said, topicId)).errorCode;
  }

  read(leaderEpoch: number, partition = 0, topicId?: string): Promise<Answer & { stateEpoch: number }> {
    return this.ask(ReadShareGroupState, 0, partition, { leaderEpoch }, topicId);
  }

  async write(change: object, partition = 0, topicId?: string): Promise<number> {
    const said = {
      stateEpoch: 0,
      leaderEpoch: 0,
      startOffset: -1,
      deliveryCompleteCount: 0,
      stateBatches: [],
      ...change,
    };
    return (await this.ask<Answer>(WriteShareGroupState, 1, partition, said, topicId)).errorCode;
  }

  summary(partition = 0, topicId?: string): Promise<Answer & { deliveryCompleteCount: number }> {
    return this.ask(ReadShareGroupStateSummary, 1, partition, { leaderEpoch: -1 }, topicId);
  }

  async delete(partition = 0, topicId?: string): Promise<number> {
    return (await this.ask<Answer>(DeleteShareGroupState, 0, partition, {}, topicId)).errorCode;
  }

  [Symbol.dispose](): void {
    this.asker[Symbol.dispose]();
  }
}

interface Answer {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly startOffset: number;
}

function batch(firstOffset: number, lastOffset: number, deliveryState: number, deliveryCount: number) {
  return { firstOffset, lastOffset, deliveryState, deliveryCount };
}

export function shareStateCases(planeOf: () => DataPlane): void {
  async function newKeeper(): Promise<Keeper> {
    const plane = planeOf();
    const { topicId } = await newTopic(plane, { partitionCount: 2 });
    const groupId = `keeper-${++made}`;
    const asker = await WireAsker.open(plane.address);
    const key = `${groupId}:${topicId}:0`;
    for (;;) {
      const found = await asker.ask(FindCoordinator, 6, { keyType: SHARE_KEY_TYPE, coordinatorKeys: [key] });
      if (found.coordinators[0]?.errorCode === 0) break;
    }
    const keeper = new Keeper(asker, groupId, topicId);
    // It may be loading still.
    while (((await keeper.summary(0)).errorCode as number) !== NONE)
      await new Promise((resolve) => setTimeout(resolve, 20));
    while (((await keeper.summary(1)).errorCode as number) !== NONE)
      await new Promise((resolve) => setTimeout(resolve, 20));
    return keeper;
  }

  test("R172: what is not initialized", async () => {
    using keeper = await newKeeper();
    expect(await keeper.read(0)).toMatchObject({ errorCode: INVALID_REQUEST, stateEpoch: 0, startOffset: 0 });
    expect(await keeper.write({})).toBe(INVALID_REQUEST);
    expect(await keeper.summary()).toMatchObject({
      errorCode: NONE,
      startOffset: -1,
      leaderEpoch: 0,
      stateEpoch: 0,
      deliveryCompleteCount: -1,
    });
    expect(await keeper.delete()).toBe(NONE);
  });

  test("R172: state epochs, and partitions that there are not", async () => {
    using keeper = await newKeeper();
    expect(await keeper.initialize(1, -1)).toBe(NONE);
    expect(await keeper.summary()).toMatchObject({ startOffset: -1, stateEpoch: 1, deliveryCompleteCount: -1 });
    expect(await keeper.initialize(0, 5)).toBe(FENCED_STATE_EPOCH);
    expect(await keeper.initialize(1, 5)).toBe(NONE);
    expect(await keeper.summary()).toMatchObject({ startOffset: 5, stateEpoch: 1, deliveryCompleteCount: 0 });
    expect(await keeper.write({ stateEpoch: 0 })).toBe(FENCED_STATE_EPOCH);
    expect(await keeper.write({ stateEpoch: 2 })).toBe(NONE);
    expect(await keeper.write({ stateEpoch: 1 })).toBe(NONE);
    expect(await keeper.initialize(0, 0, 2)).toBe(UNKNOWN_TOPIC_OR_PARTITION);
    expect(await keeper.initialize(0, 0, 0, UNKNOWN_ID)).toBe(UNKNOWN_TOPIC_OR_PARTITION);
    expect(await keeper.initialize(0, 0, -1)).toBe(INVALID_REQUEST);
    expect(await keeper.read(0, 2)).toMatchObject({ errorCode: INVALID_REQUEST });
    expect(await keeper.read(0, -1)).toMatchObject({ errorCode: INVALID_REQUEST });
    expect(await keeper.write({}, -1)).toBe(INVALID_REQUEST);
    expect((await keeper.summary(2)).errorCode).toBe(UNKNOWN_TOPIC_OR_PARTITION);
    expect((await keeper.summary(-1)).errorCode).toBe(INVALID_REQUEST);
    expect(await keeper.delete(2)).toBe(UNKNOWN_TOPIC_OR_PARTITION);
    expect(await keeper.delete(-1)).toBe(INVALID_REQUEST);
  });

  test("R173: leader epochs", async () => {
    using keeper = await newKeeper();
    await keeper.initialize(0, 0);
    expect(await keeper.write({ leaderEpoch: 7 })).toBe(NONE);
    expect((await keeper.read(5)).errorCode).toBe(NONE);
    expect((await keeper.read(4)).errorCode).toBe(FENCED_LEADER_EPOCH);
    expect(await keeper.write({ leaderEpoch: 4 })).toBe(FENCED_LEADER_EPOCH);
    expect(await keeper.write({ leaderEpoch: 6 })).toBe(NONE);
    expect((await keeper.read(-1)).errorCode).toBe(NONE);
    expect(await keeper.summary()).toMatchObject({ leaderEpoch: 5 });
    expect(await keeper.initialize(1, 0)).toBe(NONE);
    expect(await keeper.summary()).toMatchObject({ leaderEpoch: 0 });
    expect((await keeper.read(4)).errorCode).toBe(FENCED_LEADER_EPOCH);
  });

  test("R174: batches", async () => {
    using keeper = await newKeeper();
    await keeper.initialize(0, 0);
    await keeper.write({ stateBatches: [batch(0, 9, 0, 1), batch(10, 19, 2, 1)], deliveryCompleteCount: 10 });
    await keeper.write({
      stateBatches: [batch(2, 3, 2, 1), batch(5, 5, 0, 1), batch(12, 13, 0, 1)],
      deliveryCompleteCount: 12,
    });
    expect(await keeper.read(-1)).toMatchObject({
      ...{ errorCode: NONE, startOffset: 0, stateEpoch: 0 },
      stateBatches: [batch(0, 1, 0, 1), batch(2, 3, 2, 1), batch(4, 9, 0, 1), batch(10, 19, 2, 1)],
    });
    expect(await keeper.summary()).toMatchObject({ startOffset: 0, deliveryCompleteCount: 12 });
    await keeper.write({ startOffset: 3, stateBatches: [batch(8, 11, 0, 2)], deliveryCompleteCount: 7 });
    expect(await keeper.read(-1)).toMatchObject({
      ...{ errorCode: NONE, startOffset: 3 },
      stateBatches: [batch(3, 3, 2, 1), batch(4, 7, 0, 1), batch(8, 11, 0, 2), batch(12, 19, 2, 1)],
    });
    expect(await keeper.delete()).toBe(NONE);
    expect((await keeper.read(-1)).errorCode).toBe(INVALID_REQUEST);
  });

  test("R171: requests that say nothing", async () => {
    using keeper = await newKeeper();
    const { asker, topicId } = keeper;
    const partitions = [{ partition: 0, leaderEpoch: 0 }];
    for (const request of [
      { groupId: "", topics: [{ topicId, partitions }] },
      { groupId: "g", topics: [] },
      { groupId: "g", topics: [{ topicId, partitions: [] }] },
      {
        groupId: "g",
        topics: [
          { topicId, partitions },
          { topicId: UNKNOWN_ID, partitions: [] },
        ],
      },
    ]) {
      expect((await asker.ask(ReadShareGroupState, 0, request)).results).toEqual([]);
    }
  });
}
