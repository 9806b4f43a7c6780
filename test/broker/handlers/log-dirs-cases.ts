/** What Apache Kafka answers to DescribeLogDirs. */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { AlterReplicaLogDirs, DescribeLogDirs } from "../../../protocol/messages/log-dirs.ts";
import { batchOf } from "../../support/batches.ts";
import { type DataPlane, newTopic } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";
import { fill } from "./fetch-cases.ts";

export function logDirsCases(planeOf: () => DataPlane): void {
  const describeLogDirs = async (topics: { topic: string; partitions: number[] }[] | null, version = 5) => {
    using asker = await WireAsker.open(planeOf().address);
    return await asker.ask(DescribeLogDirs, version, { topics });
  };

  test("DescribeLogDirs tells the directory, its volume and the replicas asked for", async () => {
    const { name } = await newTopic(planeOf(), { partitionCount: 2 });
    const batch = batchOf(["a", "b", "c"]);
    await fill(planeOf(), name, [batch]);
    for (const version of [1, 2, 3, 4, 5]) {
      const { errorCode, results } = await describeLogDirs([{ topic: name, partitions: [1, 0, 9] }], version);
      expect(errorCode).toBe(0);
      expect(results).toHaveLength(1);
      const [directory] = results;
      expect(directory).toMatchObject({ errorCode: 0, isCordoned: false, topics: [{ name }] });
      expect(directory?.logDir).toMatch(/^\//);
      const partitions = directory?.topics[0]?.partitions ?? [];
      expect([...partitions].sort((a, b) => a.partitionIndex - b.partitionIndex)).toEqual([
        { partitionIndex: 0, partitionSize: batch.length, offsetLag: 0, isFutureKey: false },
        { partitionIndex: 1, partitionSize: 0, offsetLag: 0, isFutureKey: false },
      ]);
      if (version < 4) expect(directory).toMatchObject({ totalBytes: -1, usableBytes: -1 });
      else {
        expect(directory?.usableBytes).toBeGreaterThan(0);
        expect(directory?.totalBytes).toBeGreaterThanOrEqual(directory?.usableBytes ?? 0);
      }
    }
  });

  test("DescribeLogDirs tells of every replica when asked for null, of none when asked for none", async () => {
    const { name } = await newTopic(planeOf());
    const all = await describeLogDirs(null);
    expect(all.results[0]?.topics.map((topic) => topic.name)).toContain(name);
    for (const topics of [[], [{ topic: name, partitions: [] }], [{ topic: "no-such-topic", partitions: [0] }]])
      expect((await describeLogDirs(topics)).results).toMatchObject([{ errorCode: 0, topics: [] }]);
  });

  test("AlterReplicaLogDirs: a replica is where it is asked for, is not here, or the directory is not known", async () => {
    const { name } = await newTopic(planeOf());
    const { results } = await describeLogDirs([{ topic: name, partitions: [0] }]);
    const path = results[0]?.logDir as string;
    using asker = await WireAsker.open(planeOf().address);
    const place = async (directory: string, topic: string, partitions: number[]) => {
      const dirs = [{ path: directory, topics: [{ name: topic, partitions }] }];
      const answer = await asker.ask(AlterReplicaLogDirs, 2, { dirs });
      // Apache Kafka's order is that of a hash table.
      const inOrder = [...(answer.results[0]?.partitions ?? [])].sort((a, b) => a.partitionIndex - b.partitionIndex);
      return inOrder.map(({ errorCode }) => errorCode);
    };
    expect(await place(path, name, [0, 7])).toEqual([ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    expect(await place("/no/such/directory", name, [0])).toEqual([ErrorCode.LOG_DIR_NOT_FOUND]);
    expect(await place(path, "no-such-topic", [0])).toEqual([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    expect(await place(path, "x".repeat(249), [0])).toEqual([ErrorCode.INVALID_TOPIC_EXCEPTION]);
  });
}
