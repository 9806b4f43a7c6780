/** What Apache Kafka answers within fetch sessions (KIP-227): epochs, what is told again, what is forgotten (R168). */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { DeleteRecords } from "../../../protocol/messages/delete-records.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import type { Encode } from "../../../protocol/schema/message.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { batchOf } from "../../support/batches.ts";
import { type DataPlane, newTopic } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import { type Asked, fetchRequest, fill, partitionsOf } from "./fetch-cases.ts";

type FetchRequest = Encode<(typeof Fetch)["request"]>;

const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAABAA";

/** A client that keeps to the rules of sessions unless it is told not to. */
class SessionClient {
  sessionId = 0;
  sessionEpoch = 0;
  private readonly asker: WireAsker;
  private readonly version: number;

  constructor(asker: WireAsker, version: number) {
    this.asker = asker;
    this.version = version;
  }

  /** Asks with what changed, and goes on to the next epoch. */
  async fetch(topics: readonly Asked[] = [], request: Partial<FetchRequest> = {}) {
    const { sessionId, sessionEpoch } = this;
    const response = await this.asker.ask(
      Fetch,
      this.version,
      fetchRequest(this.version, topics, { sessionId, sessionEpoch, ...request }),
    );
    this.sessionId = response.sessionId;
    this.sessionEpoch++;
    return response;
  }

  /** Which partitions are told, with the bytes of each. */
  async told(
    topics: readonly Asked[] = [],
    request: Partial<FetchRequest> = {},
  ): Promise<(readonly [number, number])[]> {
    const response = await this.fetch(topics, request);
    return partitionsOf(response).map(
      ({ partitionIndex, records }) => [partitionIndex, records?.length ?? -1] as const,
    );
  }
}

export function fetchSessionCases(planeOf: () => DataPlane): void {
  const open = async (version = 12): Promise<{ asker: WireAsker; client: SessionClient }> => {
    const asker = await WireAsker.open(planeOf().address);
    return { asker, client: new SessionClient(asker, version) };
  };
  const all = (count: number, fetchOffset = 0) =>
    Array.from({ length: count }, (_, partition) => ({ partition, fetchOffset }));

  test("R168: a session begins with everything and goes on with what is new", async () => {
    const { name } = await newTopic(planeOf(), { partitionCount: 3 });
    const batch = batchOf(["a"]);
    await fill(planeOf(), name, [batch], 1);
    const { asker, client } = await open();
    using _ = asker;
    expect(await client.told([{ name, partitions: all(3) }])).toEqual([
      [0, 0],
      [1, batch.length],
      [2, 0],
    ]);
    expect(client.sessionId).toBeGreaterThan(0);
    // Nothing moved but the client: partition 1 has no news.
    expect(await client.told([{ name, partitions: [{ partition: 1, fetchOffset: 1 }] }])).toEqual([]);
    await fill(planeOf(), name, [batch], 2);
    expect(await client.told()).toEqual([[2, batch.length]]);
    // The client did not move on: the same data is news again.
    expect(await client.told()).toEqual([[2, batch.length]]);
    expect(await client.told([{ name, partitions: [{ partition: 2, fetchOffset: 1 }] }])).toEqual([]);
  });

  test("R168: marks are news", async () => {
    const { name } = await newTopic(planeOf(), { partitionCount: 2 });
    const { asker, client } = await open();
    using _ = asker;
    await fill(planeOf(), name, [batchOf(["a"]), batchOf(["b"])]);
    await client.fetch([{ name, partitions: all(2).map((p) => ({ ...p, fetchOffset: p.partition === 0 ? 2 : 0 })) }]);
    expect(await client.told()).toEqual([]);
    const deletion = { timeoutMs: 5000, topics: [{ name, partitions: [{ partitionIndex: 0, offset: 1 }] }] };
    await asker.ask(DeleteRecords, 2, deletion);
    const moved = partitionsOf(await client.fetch());
    expect(moved).toMatchObject([{ partitionIndex: 0, highWatermark: 2, logStartOffset: 1 }]);
    expect(await client.told()).toEqual([]);
  });

  test("R168: errors are told each time, and their end is told", async () => {
    const { name } = await newTopic(planeOf());
    const { asker, client } = await open();
    using _ = asker;
    await client.fetch([{ name, partitions: [{ partition: 0, fetchOffset: 5 }] }]);
    for (let i = 0; i < 2; i++) {
      expect(partitionsOf(await client.fetch())).toMatchObject([
        { errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, highWatermark: -1 },
      ]);
    }
    const better = partitionsOf(await client.fetch([{ name, partitions: [{ partition: 0, fetchOffset: 0 }] }]));
    expect(better).toMatchObject([{ errorCode: 0, highWatermark: 0 }]);
    expect(await client.told()).toEqual([]);
  });

  test("R168: partitions that gave data are read last the next time", async () => {
    const { name } = await newTopic(planeOf(), { partitionCount: 3 });
    const batch = batchOf(["x".repeat(200)]);
    for (const { partition } of all(3)) await fill(planeOf(), name, [batch], partition);
    const { asker, client } = await open();
    using _ = asker;
    const oneBatch = { maxBytes: batch.length };
    const first = await client.told([{ name, partitions: all(3) }], oneBatch);
    expect(first).toEqual([
      [0, batch.length],
      [1, 0],
      [2, 0],
    ]);
    // The first answer tells everything and turns nothing round; from then on each has its turn.
    const turns = [];
    for (let i = 0; i < 4; i++) turns.push(...(await client.told([], oneBatch)));
    expect(turns).toEqual([
      [0, batch.length],
      [1, batch.length],
      [2, batch.length],
      [0, batch.length],
    ]);
  });

  test("R168: added and forgotten partitions; the last one closes the session", async () => {
    const { name } = await newTopic(planeOf(), { partitionCount: 3 });
    const { asker, client } = await open();
    using _ = asker;
    await client.fetch([{ name, partitions: all(1) }]);
    expect(await client.told([{ name, partitions: [{ partition: 2 }] }])).toEqual([[2, 0]]);
    await fill(planeOf(), name, [batchOf(["a"])], 0);
    await client.fetch([], { forgottenTopicsData: [{ topic: name, partitions: [0] }] });
    expect(await client.told()).toEqual([]);
    const { sessionId } = client;
    const last = await client.fetch([], { forgottenTopicsData: [{ topic: name, partitions: [2] }] });
    expect([last.errorCode, last.sessionId, last.responses]).toEqual([0, 0, []]);
    expect((await client.fetch([], { sessionId })).errorCode).toBe(ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  });

  test("R168: epochs are counted", async () => {
    const { name } = await newTopic(planeOf());
    const { asker, client } = await open();
    using _ = asker;
    await client.fetch([{ name, partitions: all(1) }]);
    const { sessionId } = client;
    await client.fetch();
    for (const sessionEpoch of [1, 3, 0x7fffffff, -7]) {
      const refused = await client.fetch([], { sessionId, sessionEpoch });
      expect([refused.errorCode, refused.sessionId, refused.responses]).toEqual([
        ErrorCode.INVALID_FETCH_SESSION_EPOCH,
        0,
        [],
      ]);
    }
    expect((await client.fetch([], { sessionId, sessionEpoch: 2 })).errorCode).toBe(0);
    for (const unknown of [
      { sessionId: 0, sessionEpoch: 5 },
      { sessionId: sessionId === 77 ? 78 : 77, sessionEpoch: 1 },
    ]) {
      const refused = await client.fetch([], unknown);
      expect([refused.errorCode, refused.sessionId, refused.responses]).toEqual([
        ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
        0,
        [],
      ]);
    }
  });

  test("R168: epoch 0 opens a session, whatever else is said; -1 closes one", async () => {
    const { name } = await newTopic(planeOf());
    const { asker, client } = await open();
    using _ = asker;
    const opened = new Set<number>();
    for (const sessionId of [0, 123_456_789]) {
      for (const topics of [[], [{ name, partitions: all(1) }]]) {
        opened.add((await client.fetch(topics, { sessionId, sessionEpoch: 0 })).sessionId);
      }
    }
    expect([opened.size, opened.has(0)]).toEqual([4, false]);
    const before = client.sessionId;
    expect(
      (await client.fetch([{ name, partitions: all(1) }], { sessionId: before, sessionEpoch: 0 })).sessionId,
    ).not.toBe(before);
    expect((await client.fetch([], { sessionId: before, sessionEpoch: 1 })).errorCode).toBe(
      ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
    );
    const { sessionId } = await client.fetch([{ name, partitions: all(1) }], { sessionId: 0, sessionEpoch: 0 });
    const closing = await client.fetch([{ name, partitions: all(1) }], { sessionId, sessionEpoch: -1 });
    expect([closing.errorCode, closing.sessionId, partitionsOf(closing).length]).toEqual([0, 0, 1]);
    expect((await client.fetch([], { sessionId, sessionEpoch: 1 })).errorCode).toBe(
      ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
    );
  });

  test("R168: names and ids do not mix, and the session lives on", async () => {
    const { name, topicId } = await newTopic(planeOf());
    const { asker, client } = await open(12);
    using _ = asker;
    await client.fetch([{ name, partitions: all(1) }]);
    const { sessionId } = client;
    const byId = new SessionClient(asker, 13);
    const mixed = await byId.fetch([{ name, topicId, partitions: all(1) }], { sessionId, sessionEpoch: 1 });
    expect([mixed.errorCode, mixed.sessionId, mixed.responses]).toEqual([
      ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
      0,
      [],
    ]);
    expect((await client.fetch([], { sessionId, sessionEpoch: 1 })).errorCode).toBe(0);
  });

  test("R168: ids that are not known are told each time", async () => {
    const { name, topicId } = await newTopic(planeOf());
    const { asker, client } = await open(13);
    using _ = asker;
    const topics = [
      { name: "", topicId: UNKNOWN_ID, partitions: all(1) },
      { name, topicId, partitions: all(1) },
    ];
    const first = await client.fetch(topics);
    expect(first.responses.map((topic) => topic.topicId)).toEqual([topicId, UNKNOWN_ID]);
    for (let i = 0; i < 2; i++) {
      const { responses } = await client.fetch();
      expect(responses.map((topic) => [topic.topicId, topic.partitions[0]?.errorCode])).toEqual([
        [UNKNOWN_ID, ErrorCode.UNKNOWN_TOPIC_ID],
      ]);
    }
    const forgottenTopicsData = [{ topicId: UNKNOWN_ID, partitions: [0] }];
    expect((await client.fetch([], { forgottenTopicsData })).responses).toEqual([]);
  });

  test("R168: a zero id is an unknown one", async () => {
    const { asker, client } = await open(17);
    using _ = asker;
    const { responses } = await client.fetch([{ name: "", topicId: ZERO_UUID, partitions: all(1) }]);
    expect(responses[0]?.partitions[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID);
  });

  test("B68: a hundred thousand partitions to forget, none of which is there", async () => {
    const { name } = await newTopic(planeOf());
    const { asker, client } = await open();
    using _ = asker;
    await client.fetch([{ name, partitions: all(1) }]);
    const forgottenTopicsData = [{ topic: name, partitions: Array.from({ length: 100_000 }, (__, i) => i + 1) }];
    const response = await client.fetch([], { forgottenTopicsData });
    expect([response.errorCode, response.responses]).toEqual([0, []]);
  });
}
