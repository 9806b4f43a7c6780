import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { handleAlterReplicaLogDirs } from "../../../broker/handlers/alter-replica-log-dirs.ts";
import { handleDescribeLogDirs } from "../../../broker/handlers/log-dirs.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import type { FixedBroker } from "../../support/fixed-broker.ts";
import { logDirsCases } from "./log-dirs-cases.ts";

let plane: DataPlane & { fixed: FixedBroker };
beforeAll(async () => {
  plane = await startDataPlane({ configs: new Map([["cordoned.log.dirs", "/data"]]) });
});
afterAll(() => plane[Symbol.asyncDispose]());

describe("as Apache Kafka answers", () => {
  let plain: DataPlane;
  beforeAll(async () => {
    plain = await startDataPlane();
  });
  afterAll(() => plain[Symbol.asyncDispose]());
  logDirsCases(() => plain);
});

/** What the handler answers on a broker that has these directories. */
function describeOn(logDirectories: FixedBroker["broker"]["logDirectories"]) {
  const broker = Object.assign(Object.create(plane.fixed.broker), { logDirectories });
  return handleDescribeLogDirs({ topics: null }, { broker } as Parameters<typeof handleDescribeLogDirs>[1]);
}

test("a directory that is offline says only that", async () => {
  await plane.createTopic("offline");
  const [directory] = plane.fixed.broker.logDirectories();
  const offline = {
    path: "/gone",
    directoryId: undefined,
    isOffline: true,
    totalBytes: -1,
    usableBytes: -1,
    logs: [],
    futures: [],
  };
  expect(describeOn(() => [offline, ...(directory === undefined ? [] : [directory])])).toMatchObject({
    errorCode: 0,
    results: [
      { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, logDir: "/gone", topics: [] },
      { errorCode: 0, logDir: "/data", isCordoned: true, topics: [{ name: "offline" }] },
    ],
  });
});

test("nobody knows how far a log is behind whose partition is not held", async () => {
  await plane.createTopic("held");
  const [directory] = plane.fixed.broker.logDirectories();
  const [log] = directory?.logs ?? [];
  if (directory === undefined || log === undefined) throw new Error("no log");
  const stray = Object.assign(Object.create(log), { topic: "stray", partition: 3 });
  expect(describeOn(() => [{ ...directory, logs: [stray] }])).toMatchObject({
    results: [{ topics: [{ name: "stray", partitions: [{ partitionIndex: 3, offsetLag: -1 }] }] }],
  });
});

test("R214: directories are looked at once a request, and a replica that is named twice is answered once", async () => {
  await plane.createTopic("twice");
  let looks = 0;
  const logDirectories = () => {
    looks++;
    return plane.fixed.broker.logDirectories();
  };
  const broker = Object.assign(Object.create(plane.fixed.broker), { logDirectories });
  const topics = [{ name: "twice", partitions: [0, 7] }];
  const dirs = ["/nowhere", "/data"].map((path) => ({ path, topics }));
  const answer = await handleAlterReplicaLogDirs({ dirs }, { broker } as Parameters<
    typeof handleAlterReplicaLogDirs
  >[1]);
  expect(answer).toMatchObject({
    results: [
      {
        topicName: "twice",
        partitions: [
          { partitionIndex: 0, errorCode: ErrorCode.NONE },
          { partitionIndex: 7, errorCode: ErrorCode.INVALID_REPLICA_ASSIGNMENT },
        ],
      },
    ],
  });
  expect(looks).toBe(1);
});
