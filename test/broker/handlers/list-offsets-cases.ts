/** What Apache Kafka answers to ListOffsets (B70). */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { ListOffsets } from "../../../protocol/messages/list-offsets.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { batchOf } from "../../support/batches.ts";
import { type DataPlane, differs, newTopic } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import { fill } from "./fetch-cases.ts";

type Answer = Decode<(typeof ListOffsets)["response"]>["topics"][number]["partitions"][number];
type Request = Encode<(typeof ListOffsets)["request"]>;

const START_MS = 1_700_000_000_000;
/** A special timestamp and the version that knows it first. */
const SINCE = [
  [-1, 1],
  [-2, 1],
  [-3, 7],
  [-4, 8],
  [-5, 9],
  [-6, 11],
] as const;

export function listOffsetsCases(planeOf: () => DataPlane): void {
  const ask = async (version: number, topics: Request["topics"], request: Partial<Request> = {}) => {
    using asker = await WireAsker.open(planeOf().address);
    return await asker.ask(ListOffsets, version, { replicaId: -1, topics, ...request });
  };
  const askOne = async (
    name: string,
    timestamp: number,
    version = 11,
    request: Partial<Request> = {},
  ): Promise<Answer> => {
    const { topics } = await ask(version, [{ name, partitions: [{ partitionIndex: 0, timestamp }] }], request);
    const [answer] = topics.flatMap(({ partitions }) => partitions);
    if (answer === undefined) throw new Error("no answer");
    return answer;
  };
  /** Three batches; timestamps 10, 30, 20 and 40 s after the start. */
  const filled = async (): Promise<string> => {
    const { name } = await newTopic(planeOf());
    const at = (...seconds: number[]) => batchOf(seconds.map((s) => ({ value: "x", timestamp: START_MS + 1000 * s })));
    await fill(planeOf(), name, [at(10), at(30, 20), at(40)]);
    return name;
  };

  test("the ends of the log, in every version", async () => {
    const name = await filled();
    for (let version = 1; version <= 11; version++) {
      const leaderEpoch = version >= 4 ? 0 : -1;
      expect(await askOne(name, -2, version)).toMatchObject({ errorCode: 0, timestamp: -1, offset: 0, leaderEpoch });
      expect(await askOne(name, -1, version)).toMatchObject({ errorCode: 0, timestamp: -1, offset: 4, leaderEpoch });
    }
    expect(await askOne(name, -1, 2, { isolationLevel: 1 })).toMatchObject({ errorCode: 0, offset: 4 });
  });

  test("B70: special timestamps from the version on that knows them, others never", async () => {
    const name = await filled();
    const expected = new Map([
      [-3, { timestamp: START_MS + 40_000, offset: 3, leaderEpoch: 0 }],
      [-4, { timestamp: -1, offset: 0, leaderEpoch: 0 }],
      [-5, { timestamp: -1, offset: -1, leaderEpoch: -1 }],
      [-6, { timestamp: -1, offset: -1, leaderEpoch: -1 }],
    ]);
    for (const [timestamp, since] of SINCE) {
      if (since > 1) {
        expect(await askOne(name, timestamp, since - 1)).toMatchObject({
          errorCode: ErrorCode.UNSUPPORTED_VERSION,
          offset: -1,
        });
      }
      expect(await askOne(name, timestamp, since)).toMatchObject({ errorCode: 0, ...expected.get(timestamp) });
    }
    for (const timestamp of [-7, -100]) {
      expect(await askOne(name, timestamp)).toMatchObject({
        errorCode: ErrorCode.UNSUPPORTED_VERSION,
        offset: -1,
        timestamp: -1,
      });
    }
    // The version is looked at before the partition is.
    expect((await askOne("no-such-topic", -3, 6)).errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
  });

  test("times: the first record that is not older", async () => {
    const name = await filled();
    for (const [seconds, offset, found] of [
      [0, 0, 10],
      [10, 0, 10],
      [11, 1, 30],
      [20, 1, 30],
      [31, 3, 40],
      [41, -1, undefined],
    ] as const) {
      const timestamp = found === undefined ? -1 : START_MS + 1000 * found;
      const answer = await askOne(name, START_MS + 1000 * seconds);
      expect(answer).toMatchObject({ errorCode: 0, offset, timestamp, leaderEpoch: offset === -1 ? -1 : 0 });
    }
  });

  test("an empty log", async () => {
    const { name } = await newTopic(planeOf());
    expect(await askOne(name, -1)).toMatchObject({ errorCode: 0, offset: 0, leaderEpoch: 0 });
    expect(await askOne(name, -2)).toMatchObject({ errorCode: 0, offset: 0, leaderEpoch: 0 });
    for (const timestamp of [-3, START_MS]) {
      expect(await askOne(name, timestamp)).toMatchObject({ errorCode: 0, timestamp: -1, offset: -1, leaderEpoch: -1 });
    }
  });

  test("B70: a partition named twice has one answer", async () => {
    const { name } = await newTopic(planeOf(), { partitionCount: 2 });
    const partitions = [0, 1, 0].map((partitionIndex) => ({ partitionIndex, timestamp: -1 }));
    const codes = (topics: readonly { readonly partitions: readonly Answer[] }[]) =>
      topics
        .flatMap((topic) => topic.partitions)
        .map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode])
        .sort();
    const expected = [
      [0, ErrorCode.INVALID_REQUEST],
      [1, 0],
    ];
    expect(codes((await ask(11, [{ name, partitions }])).topics)).toEqual(expected);
    const apart = [partitions.slice(0, 2), partitions.slice(2)].map((some) => ({ name, partitions: some }));
    expect(codes((await ask(11, apart)).topics)).toEqual(expected);
  });

  test("unknown partitions, isolation levels and leader epochs; any replica id", async () => {
    const { name } = await newTopic(planeOf());
    expect((await askOne("no-such-topic", -1)).errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const elsewhere = await ask(11, [{ name, partitions: [{ partitionIndex: 5, timestamp: -1 }] }]);
    expect(elsewhere.topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const instead = differs<number>(planeOf(), ErrorCode.UNKNOWN_SERVER_ERROR, ErrorCode.INVALID_REQUEST);
    expect((await askOne(name, -1, 11, { isolationLevel: 2 })).errorCode).toBe(instead);
    for (const replicaId of [1, 99, -2]) expect((await askOne(name, -1, 11, { replicaId })).errorCode).toBe(0);
    const partitions = [{ partitionIndex: 0, timestamp: -1, currentLeaderEpoch: 5 }];
    const ahead = await ask(11, [{ name, partitions }]);
    expect(ahead.topics[0]?.partitions[0]?.errorCode).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
  });
}
