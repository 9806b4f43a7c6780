/** What Apache Kafka answers to members of share groups (KIP-932): acquiring, acknowledging, sessions (R183-R190). */
import { expect, test, vi } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import { ShareAcknowledge, ShareFetch } from "../../../protocol/messages/share-fetch.ts";
import { InitializeShareGroupState } from "../../../protocol/messages/share-state.ts";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { batchOf } from "../../support/batches.ts";
import { type DataPlane, differs, newTopic } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import { fill } from "./fetch-cases.ts";

type FetchRequest = Encode<(typeof ShareFetch)["request"]>;
type FetchResponse = Decode<(typeof ShareFetch)["response"]>;
type AcknowledgeRequest = Encode<(typeof ShareAcknowledge)["request"]>;

const [GAP, ACCEPT, RELEASE, REJECT, RENEW] = [0, 1, 2, 3, 4];
const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAABAA";
const SHARE_KEY_TYPE = 2;

/** [first offset, last offset, one type or one a record]. */
type Said = readonly [number, number, readonly number[] | number];

let made = 0;

/** What a member got of one partition: [first offset, last offset, delivery count] of each piece. */
function gotten(response: FetchResponse): number[][] {
  return response.responses.flatMap(({ partitions }) =>
    partitions.flatMap(({ acquiredRecords }) =>
      acquiredRecords.map(({ firstOffset, lastOffset, deliveryCount }) => [firstOffset, lastOffset, deliveryCount]),
    ),
  );
}

function batches(
  saids: readonly Said[],
): AcknowledgeRequest["topics"][number]["partitions"][number]["acknowledgementBatches"] {
  return saids.map(([firstOffset, lastOffset, types]) => ({
    firstOffset,
    lastOffset,
    acknowledgeTypes: typeof types === "number" ? [types] : [...types],
  }));
}

/** A member that keeps to the rules of sessions unless it is told not to. */
class Member implements Disposable {
  readonly asker: WireAsker;
  readonly groupId: string;
  readonly memberId: string;
  private readonly topicId: string;
  epoch = 0;

  constructor(asker: WireAsker, groupId: string, topicId: string, memberId = `member-${++made}`) {
    this.asker = asker;
    this.groupId = groupId;
    this.topicId = topicId;
    this.memberId = memberId;
  }

  fetchRequest(request: Partial<FetchRequest> = {}, saids: readonly Said[] = []): FetchRequest {
    const partitions = [{ partitionIndex: 0, acknowledgementBatches: batches(saids) }];
    return {
      ...{ groupId: this.groupId, memberId: this.memberId, shareSessionEpoch: this.epoch },
      ...{ maxWaitMs: 500, minBytes: 1, maxBytes: 1 << 20, maxRecords: 100, batchSize: 100, forgottenTopicsData: [] },
      topics: this.epoch === 0 || saids.length > 0 ? [{ topicId: this.topicId, partitions }] : [],
      ...request,
    };
  }

  async fetch(request: Partial<FetchRequest> = {}, saids: readonly Said[] = [], version = 2): Promise<FetchResponse> {
    const response = await this.asker.ask(ShareFetch, version, this.fetchRequest(request, saids));
    if (response.errorCode === 0 && request.shareSessionEpoch === undefined) this.epoch++;
    return response;
  }

  /** As fetch(), until it gets something: a share partition may still be loading. */
  async got(request: Partial<FetchRequest> = {}, saids: readonly Said[] = []): Promise<number[][]> {
    for (;;) {
      const response = await this.fetch(request, saids);
      const pieces = gotten(response);
      if (pieces.length > 0 || response.errorCode !== 0) return pieces;
    }
  }

  /** The code of the partition, or else of the request. */
  async acknowledge(saids: readonly Said[], request: Partial<AcknowledgeRequest> = {}, version = 2): Promise<number> {
    const partitions = [{ partitionIndex: 0, acknowledgementBatches: batches(saids) }];
    const response = await this.asker.ask(ShareAcknowledge, version, {
      ...{ groupId: this.groupId, memberId: this.memberId, shareSessionEpoch: this.epoch },
      topics: [{ topicId: this.topicId, partitions }],
      ...request,
    });
    if (response.errorCode === 0 && request.shareSessionEpoch === undefined) this.epoch++;
    return response.errorCode || (response.responses[0]?.partitions[0]?.errorCode ?? 0);
  }

  [Symbol.dispose](): void {
    this.asker[Symbol.dispose]();
  }
}

export function shareFetchCases(planeOf: () => DataPlane): void {
  /** A topic with batches of records, and a group that has not read them. */
  const prepared = async (...counts: number[]): Promise<{ groupId: string; topicId: string; name: string }> => {
    const plane = planeOf();
    const { name, topicId } = await newTopic(plane);
    await fill(
      plane,
      name,
      counts.map((count) => batchOf(Array.from({ length: count }, (_, i) => `value-${i}`))),
    );
    const groupId = `share-${name}`;
    await initialize(groupId, topicId);
    return { groupId, topicId, name };
  };
  const initialize = async (groupId: string, topicId: string, partition = 0): Promise<void> => {
    using asker = await WireAsker.open(planeOf().address);
    const key = `${groupId}:${topicId}:${partition}`;
    await vi.waitFor(async () => {
      const found = await asker.ask(FindCoordinator, 6, { keyType: SHARE_KEY_TYPE, coordinatorKeys: [key] });
      expect(found.coordinators[0]?.errorCode).toBe(0);
      const partitions = [{ partition, stateEpoch: 0, startOffset: 0 }];
      const { results } = await asker.ask(InitializeShareGroupState, 0, { groupId, topics: [{ topicId, partitions }] });
      expect(results[0]?.partitions[0]?.errorCode).toBe(0);
    }, 20_000);
  };
  const join = async ({ groupId, topicId }: { groupId: string; topicId: string }, memberId?: string) =>
    new Member(await WireAsker.open(planeOf().address), groupId, topicId, memberId);

  test("R183: records are acquired once, and given again when they are released; the delivery count grows", async () => {
    const share = await prepared(10);
    using one = await join(share);
    using two = await join(share);
    expect(await one.got()).toEqual([[0, 9, 1]]);
    expect(gotten(await two.fetch())).toEqual([]);
    expect(await one.acknowledge([[0, 9, RELEASE]])).toBe(0);
    expect(await two.got()).toEqual([[0, 9, 2]]);
    expect(await one.acknowledge([[0, 9, ACCEPT]])).toBe(ErrorCode.INVALID_RECORD_STATE);
    expect(await two.acknowledge([[0, 9, ACCEPT]])).toBe(0);
    expect(gotten(await one.fetch())).toEqual([]);
  });

  test("R183: who comes first is answered with the first of his partitions whose state is there", async () => {
    const plane = planeOf();
    const { name, topicId } = await newTopic(plane, { partitionCount: 2 });
    const groupId = `share-${name}`;
    for (const partition of [0, 1]) {
      await fill(plane, name, [batchOf(["a", "b", "c"])], partition);
      await initialize(groupId, topicId, partition);
    }
    using member = await join({ groupId, topicId });
    const partitions = [0, 1].map((partitionIndex) => ({ partitionIndex, acknowledgementBatches: [] }));
    expect(await member.got({ topics: [{ topicId, partitions }] })).toEqual([[0, 2, 1]]);
    expect(await member.got()).toEqual([[0, 2, 1]]);
  });

  test("R183: the records of an answer are the batches of what was acquired", async () => {
    const share = await prepared(5, 5, 5);
    using one = await join(share);
    let response = await one.fetch({ maxRecords: 7 });
    while (gotten(response).length === 0) response = await one.fetch({ maxRecords: 7 });
    // Whole batches of the log, also beyond the limit.
    expect(gotten(response)).toEqual([[0, 9, 1]]);
    const records = response.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0);
    expect([...new BatchIterator(records)].map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset])).toEqual([
      [0, 4],
      [5, 9],
    ]);
    expect(response.acquisitionLockTimeoutMs).toBe(30_000);
    expect(await one.got({ maxRecords: 7 })).toEqual([[10, 14, 1]]);
  });

  test("R183: pieces have the batch size, as near as the batches of the log allow", async () => {
    const share = await prepared(4, 4, 4, 4, 4);
    using one = await join(share);
    expect(await one.got({ batchSize: 6 })).toEqual([
      [0, 7, 1],
      [8, 15, 1],
      [16, 19, 1],
    ]);
  });

  test("R183: with acquire mode record_limit no more records are given than asked for", async () => {
    const share = await prepared(10, 10);
    using one = await join(share);
    using two = await join(share);
    const exact = { shareAcquireMode: 1, maxRecords: 6 };
    expect(await one.got(exact)).toEqual([[0, 5, 1]]);
    expect(await two.got(exact)).toEqual([
      [6, 9, 1],
      [10, 11, 1],
    ]);
    expect(await one.acknowledge([[0, 5, ACCEPT]])).toBe(0);
  });

  test("R184: one word for all, or one for each: accepted, released, rejected, not there", async () => {
    const share = await prepared(8);
    using one = await join(share);
    using two = await join(share);
    expect(await one.got()).toEqual([[0, 7, 1]]);
    const types = [ACCEPT, ACCEPT, RELEASE, REJECT, GAP, RELEASE, ACCEPT, ACCEPT] as number[];
    expect(await one.acknowledge([[0, 7, types]])).toBe(0);
    expect(await two.got()).toEqual([
      [2, 2, 2],
      [5, 5, 2],
    ]);
    expect(
      await two.acknowledge([
        [2, 2, ACCEPT],
        [5, 5, ACCEPT],
      ]),
    ).toBe(0); // prettier-ignore
    expect(gotten(await one.fetch())).toEqual([]);
  });

  test("R184: an acknowledgement of which one word is wrong changes nothing", async () => {
    const share = await prepared(10);
    using one = await join(share);
    using two = await join(share);
    expect(await one.got({ shareAcquireMode: 1, maxRecords: 5 })).toEqual([[0, 4, 1]]);
    expect(await two.got()).toEqual([[5, 9, 1]]);
    expect(
      await one.acknowledge([
        [0, 4, ACCEPT],
        [5, 9, ACCEPT],
      ]),
    ).toBe(ErrorCode.INVALID_RECORD_STATE); // prettier-ignore
    expect(await one.acknowledge([[0, 4, ACCEPT]])).toBe(0);
    expect(await one.acknowledge([[0, 4, ACCEPT]])).toBe(0); // below the start offset: done with
    expect(await two.acknowledge([[5, 9, ACCEPT]])).toBe(0);
  });

  test("R184: what is no acknowledgement of acquired records is refused", async () => {
    const share = await prepared(10);
    using one = await join(share);
    expect(await one.got()).toEqual([[0, 9, 1]]);
    const { INVALID_REQUEST } = ErrorCode;
    expect(await one.acknowledge([[5, 4, ACCEPT]])).toBe(INVALID_REQUEST);
    expect(await one.acknowledge([[0, 9, []]])).toBe(INVALID_REQUEST);
    expect(await one.acknowledge([[0, 9, [ACCEPT, ACCEPT] as number[]]])).toBe(INVALID_REQUEST);
    expect(await one.acknowledge([[0, 9, 5]])).toBe(INVALID_REQUEST);
    expect(await one.acknowledge([[0, 9, -1]])).toBe(INVALID_REQUEST);
    expect(
      await one.acknowledge([
        [5, 9, ACCEPT],
        [0, 4, ACCEPT],
      ]),
    ).toBe(INVALID_REQUEST); // prettier-ignore
    expect(await one.acknowledge([[0, 9, RENEW]])).toBe(INVALID_REQUEST); // not said that it renews
    expect(await one.acknowledge([[0, 9, RENEW]], {}, 1)).toBe(INVALID_REQUEST);
    expect(await one.acknowledge([[5, 15, ACCEPT]])).toBe(INVALID_REQUEST);
    expect(await one.acknowledge([[20, 29, ACCEPT]])).toBe(INVALID_REQUEST);
    expect(await one.acknowledge([[0, 9, ACCEPT]])).toBe(0);
    expect(await one.acknowledge([[10, 12, ACCEPT]])).toBe(ErrorCode.INVALID_RECORD_STATE);
  });

  test("R184: partitions that are not there", async () => {
    const share = await prepared(1);
    using one = await join(share);
    expect(await one.got()).toEqual([[0, 0, 1]]);
    const said = { acknowledgementBatches: batches([[0, 0, ACCEPT]]) };
    const topics = [
      { topicId: UNKNOWN_ID, partitions: [{ partitionIndex: 0, ...said }] },
      { topicId: share.topicId, partitions: [{ partitionIndex: 7, ...said }] },
    ];
    const response = await one.asker.ask(ShareAcknowledge, 2, {
      ...{ groupId: share.groupId, memberId: one.memberId, shareSessionEpoch: one.epoch },
      topics,
    });
    const codes = new Map(response.responses.map(({ topicId, partitions }) => [topicId, partitions[0]?.errorCode]));
    expect(codes.get(UNKNOWN_ID)).toBe(ErrorCode.UNKNOWN_TOPIC_ID);
    expect(codes.get(share.topicId)).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test("R184: acknowledgements travel with the next fetch, and are answered beside it", async () => {
    const share = await prepared(3, 3);
    using one = await join(share);
    expect(await one.got({ maxRecords: 3 })).toEqual([[0, 2, 1]]);
    const response = await one.fetch({ maxRecords: 3 }, [[0, 2, ACCEPT]]);
    expect(gotten(response)).toEqual([[3, 5, 1]]);
    expect(response.responses[0]?.partitions[0]).toMatchObject({ errorCode: 0, acknowledgeErrorCode: 0 });
    const again = await one.fetch({ maxWaitMs: 50 }, [[20, 22, ACCEPT]]);
    expect(again.responses[0]?.partitions[0]).toMatchObject({
      errorCode: 0,
      acknowledgeErrorCode: ErrorCode.INVALID_REQUEST,
    });
  });

  test("R185: a record that was delivered as often as it may be is dead", async () => {
    const share = await prepared(2);
    using one = await join(share);
    expect(await one.got()).toEqual([[0, 1, 1]]);
    expect(await one.acknowledge([[0, 1, [ACCEPT, RELEASE] as number[]]])).toBe(0);
    for (let count = 2; count <= 5; count++) {
      expect(await one.got()).toEqual([[1, 1, count]]);
      expect(await one.acknowledge([[1, 1, RELEASE]])).toBe(0);
    }
    expect(gotten(await one.fetch())).toEqual([]);
  });

  test("R185: what fails again and again is given in smaller and smaller pieces, and alone in the end", async () => {
    const share = await prepared(8);
    using one = await join(share);
    const gave: number[] = [];
    for (let i = 0; i < 4; i++) {
      const pieces = await one.got();
      gave.push(pieces.reduce((sum, [first = 0, last = 0]) => sum + last - first + 1, 0));
      const [from, to] = [pieces[0]?.[0] ?? -1, pieces.at(-1)?.[1] ?? -1];
      expect(await one.acknowledge([[from, to, RELEASE]])).toBe(0);
    }
    expect(gave).toEqual([8, 8, 8, 4]);
    expect(await one.got()).toEqual([[0, 0, 5]]);
  });

  test("R186: who leaves gives back what it holds", async () => {
    const share = await prepared(4);
    using one = await join(share);
    using two = await join(share);
    expect(await one.got()).toEqual([[0, 3, 1]]);
    expect(await one.acknowledge([[0, 0, ACCEPT]], { shareSessionEpoch: -1 })).toBe(0);
    expect(await two.got()).toEqual([[1, 3, 2]]);
    const { errorCode } = await two.fetch({ shareSessionEpoch: -1, topics: [] });
    expect(errorCode).toBe(0);
    expect(await two.acknowledge([[1, 1, ACCEPT]])).toBe(ErrorCode.SHARE_SESSION_NOT_FOUND);
    using three = await join(share);
    expect(await three.got()).toEqual([[1, 3, 3]]);
  });

  test("R186: what is given back by leaving counts as delivered", async () => {
    const share = await prepared(1);
    using one = await join(share);
    for (let count = 1; count < 5; count++) {
      expect(await one.got()).toEqual([[0, 0, count]]);
      expect(await one.acknowledge([[0, 0, RELEASE]])).toBe(0);
    }
    expect(await one.got()).toEqual([[0, 0, 5]]);
    expect(await one.acknowledge([], { shareSessionEpoch: -1, topics: [] })).toBe(0);
    using two = await join(share);
    expect(gotten(await two.fetch())).toEqual([]);
    expect(gotten(await two.fetch())).toEqual([]);
  });

  test("R186: a connection that ends ends its session", async () => {
    const share = await prepared(4);
    using two = await join(share);
    {
      using one = await join(share);
      expect(await one.got()).toEqual([[0, 3, 1]]);
    }
    expect(await two.got()).toEqual([[0, 3, 2]]);
  });

  test("R187: sessions count their requests", async () => {
    const share = await prepared(1);
    using one = await join(share);
    const { SHARE_SESSION_NOT_FOUND, INVALID_SHARE_SESSION_EPOCH, INVALID_REQUEST } = ErrorCode;
    expect((await one.fetch({ shareSessionEpoch: 1 })).errorCode).toBe(SHARE_SESSION_NOT_FOUND);
    expect((await one.fetch({ shareSessionEpoch: -1 })).errorCode).toBe(SHARE_SESSION_NOT_FOUND);
    expect(await one.acknowledge([[0, 0, ACCEPT]], { shareSessionEpoch: 0 })).toBe(INVALID_SHARE_SESSION_EPOCH);
    expect(await one.acknowledge([[0, 0, ACCEPT]], { shareSessionEpoch: -1 })).toBe(SHARE_SESSION_NOT_FOUND);
    expect(await one.got()).toEqual([[0, 0, 1]]);
    expect((await one.fetch({ shareSessionEpoch: one.epoch + 1 })).errorCode).toBe(INVALID_SHARE_SESSION_EPOCH);
    expect(await one.acknowledge([[0, 0, ACCEPT]], { shareSessionEpoch: one.epoch - 1 })).toBe(
      INVALID_SHARE_SESSION_EPOCH,
    );
    expect((await one.fetch({ shareSessionEpoch: 0 }, [[0, 0, ACCEPT]])).errorCode).toBe(INVALID_REQUEST);
    expect(await one.acknowledge([[0, 0, ACCEPT]])).toBe(0);
    // Opened anew, it keeps what it holds.
    expect((await one.fetch({ shareSessionEpoch: 0, topics: [] })).errorCode).toBe(0);
  });

  test("R187: who asks is named, and not at length", async () => {
    const share = await prepared(1);
    const codes = [];
    for (const memberId of ["", null, "m".repeat(37), "m".repeat(36)]) {
      using one = await join(share);
      codes.push((await one.fetch({ memberId, maxWaitMs: 0 })).errorCode);
    }
    expect(codes).toEqual([42, 42, 42, 0]);
    using one = await join(share);
    expect((await one.fetch({ groupId: "", maxWaitMs: 0 })).errorCode).toBe(0);
    expect((await one.fetch({ groupId: null, maxWaitMs: 0 })).errorCode).toBe(42);
  });

  test("R187: an incremental answer tells of partitions with news only", async () => {
    const share = await prepared(1);
    using one = await join(share);
    expect(await one.got()).toEqual([[0, 0, 1]]);
    expect((await one.fetch({ maxWaitMs: 50 })).responses).toEqual([]);
    const missing = { topicId: share.topicId, partitions: [{ partitionIndex: 7, acknowledgementBatches: [] }] };
    const told = async (request: Partial<FetchRequest>) =>
      (await one.fetch({ maxWaitMs: 50, ...request })).responses.flatMap(({ partitions }) =>
        partitions.map(({ partitionIndex, errorCode, errorMessage }) => [partitionIndex, errorCode, errorMessage]),
      );
    const unknown = [[7, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, null]];
    expect(await told({ topics: [missing] })).toEqual(unknown);
    expect(await told({})).toEqual(unknown);
    const forgottenTopicsData = [{ topicId: share.topicId, partitions: [7] }];
    expect(await told({ forgottenTopicsData })).toEqual([]);
  });

  test("R187: what is no topic, no mode, no size", async () => {
    const plane = planeOf();
    const share = await prepared(1);
    const strange = { topicId: UNKNOWN_ID, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] };
    const { UNKNOWN_SERVER_ERROR, UNKNOWN_TOPIC_ID, INVALID_REQUEST } = ErrorCode;
    using one = await join(share);
    const { errorCode, responses } = await one.fetch({ topics: [strange] });
    const code = errorCode || responses[0]?.partitions[0]?.errorCode;
    expect(code).toBe(differs(plane, UNKNOWN_SERVER_ERROR, UNKNOWN_TOPIC_ID));
    using two = await join(share);
    const mode = await two.fetch({ shareAcquireMode: 5, maxWaitMs: 0 });
    expect(mode.errorCode).toBe(differs(plane, UNKNOWN_SERVER_ERROR, INVALID_REQUEST));
  });

  test("R188: who renews has its records for longer, and fetches nothing meanwhile", async () => {
    const share = await prepared(4);
    using one = await join(share);
    expect(await one.got()).toEqual([[0, 3, 1]]);
    expect(await one.acknowledge([[0, 3, RENEW]], { isRenewAck: true })).toBe(0);
    expect(await one.acknowledge([[0, 3, [RENEW, ACCEPT, RENEW, RENEW] as number[]]], { isRenewAck: true })).toBe(0);
    const nothing = { isRenewAck: true, maxBytes: 0, minBytes: 0, maxRecords: 0, maxWaitMs: 0 };
    const renewed = await one.fetch(nothing, [[2, 3, RENEW]]);
    expect(renewed).toMatchObject({ errorCode: 0, responses: [{ partitions: [{ acknowledgeErrorCode: 0 }] }] });
    const greedy = await one.fetch({ ...nothing, maxRecords: 10 }, [[2, 3, RENEW]]);
    expect(greedy.errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });

  test("R189: a group of which nothing was initialized", async () => {
    const { topicId } = await prepared(1);
    using one = await join({ groupId: `unknown-${topicId}`, topicId });
    const { errorCode, responses } = await one.fetch();
    expect([errorCode, responses[0]?.partitions[0]?.errorCode]).toEqual([0, ErrorCode.UNKNOWN_SERVER_ERROR]);
  });

  test("R190: a fetch without records waits for them", async () => {
    const share = await prepared(1);
    using one = await join(share);
    expect(await one.got()).toEqual([[0, 0, 1]]);
    const waiting = one.fetch({ maxWaitMs: 8000 });
    await fill(planeOf(), share.name, [batchOf(["late"])]);
    expect(gotten(await waiting)).toEqual([[1, 1, 1]]);
    using two = await join(share);
    expect(gotten(await two.fetch({ maxWaitMs: 0 }))).toEqual([]);
    // Apache Kafka looks again when the time is up.
    const released = two.fetch({ maxWaitMs: 2000 });
    expect(await one.acknowledge([[0, 1, RELEASE]])).toBe(0);
    expect(gotten(await released).length).toBeGreaterThan(0);
  });

  test("R190: nothing asked for is answered at once", async () => {
    const share = await prepared(1);
    using one = await join(share);
    expect(await one.got()).toEqual([[0, 0, 1]]);
    expect(gotten(await one.fetch({ maxWaitMs: 20_000, maxRecords: 0 }))).toEqual([]);
    expect(gotten(await one.fetch({ maxWaitMs: 20_000, maxBytes: 0 }))).toEqual([]);
  });
}
