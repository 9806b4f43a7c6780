/** Replicas move from broker to broker (KIP-455) and from directory to directory (KIP-858). */
import { describe, expect, test } from "vitest";
import { decideFence } from "../../../cluster/controller/brokers/fence-broker.ts";
import { decideAssignDirectories } from "../../../cluster/controller/replicas/assign-directories.ts";
import { decideReassignments, listReassignments } from "../../../cluster/controller/replicas/reassign-partitions.ts";
import { type ErrorCode, errorName } from "../../../protocol/error-codes.ts";
import { DirectoryId } from "../../../protocol/uuid.ts";
import { DecisionBench, uuid } from "../support/decision-bench.ts";
import { codeOf } from "../support/error-code.ts";

function reassign(
  bench: DecisionBench,
  replicas: number[] | null,
  changes: { name?: string; partition?: number; fixedFactor?: boolean } = {},
): string {
  const { name = "t", partition: partitionIndex = 0, fixedFactor = false } = changes;
  const request = {
    timeoutMs: 1000,
    allowReplicationFactorChange: !fixedFactor,
    topics: [{ name, partitions: [{ partitionIndex, replicas }] }],
  };
  const { responses } = bench.do((view) => decideReassignments(view, request));
  return errorName(responses[0]?.partitions[0]?.errorCode as ErrorCode) ?? "";
}

function list(bench: DecisionBench, topics: { name: string; partitionIndexes: number[] }[] | null = null) {
  return listReassignments(bench.image, bench.view.partitions.reassigning, { timeoutMs: 1000, topics }).topics;
}

function fence(bench: DecisionBench, id: number): void {
  bench.do((view) => decideFence(view, id, bench.image.brokers.get(id)?.brokerEpoch ?? -1));
}

function sixBrokers(): DecisionBench {
  const bench = new DecisionBench();
  bench.start(1, 2, 3, 4, 5, 6);
  bench.createTopic("t", [[1, 2, 3]], { "min.insync.replicas": "2" });
  return bench;
}

describe("reassignments", () => {
  test("B85: what cannot be", () => {
    const bench = sixBrokers();
    expect(reassign(bench, [1, 9])).toBe("INVALID_REPLICA_ASSIGNMENT");
    expect(reassign(bench, [1, 1])).toBe("INVALID_REPLICA_ASSIGNMENT");
    expect(reassign(bench, [-1])).toBe("INVALID_REPLICA_ASSIGNMENT");
    expect(reassign(bench, [])).toBe("INVALID_REPLICA_ASSIGNMENT");
    expect(reassign(bench, [1], { name: "nope" })).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(reassign(bench, [1], { partition: 7 })).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(reassign(bench, null)).toBe("NO_REASSIGNMENT_IN_PROGRESS");
    expect(reassign(bench, [1, 2], { fixedFactor: true })).toBe("INVALID_REPLICATION_FACTOR");
    expect(list(bench)).toEqual([]);
  });

  test("R46: goes over both sets, and ends when all that are added are in sync", () => {
    const bench = sixBrokers();
    expect(reassign(bench, [4, 5, 6])).toBe("NONE");
    expect(bench.partition("t")).toMatchObject({
      replicas: [4, 5, 6, 1, 2, 3],
      addingReplicas: [4, 5, 6],
      removingReplicas: [1, 2, 3],
      inSyncReplicas: [1, 2, 3],
      leader: 1,
    });
    expect(list(bench)).toEqual([
      {
        name: "t",
        partitions: [
          {
            partitionIndex: 0,
            replicas: [4, 5, 6, 1, 2, 3],
            addingReplicas: [4, 5, 6],
            removingReplicas: [1, 2, 3],
          },
        ],
      },
    ]);
    expect(list(bench, [{ name: "t", partitionIndexes: [0, 7] }]).length).toBe(1);
    expect(list(bench, [{ name: "nope", partitionIndexes: [0] }])).toEqual([]);
    bench.propose("t", [1, 2, 3, 4, 5]);
    expect(bench.partition("t").replicas.length).toBe(6);
    // The present leader is among those removed: it is told so.
    expect(bench.propose("t", [1, 2, 3, 4, 5, 6])).toMatchObject({ errorCode: 108 });
    expect(bench.partition("t")).toMatchObject({
      replicas: [4, 5, 6],
      addingReplicas: [],
      removingReplicas: [],
      inSyncReplicas: [4, 5, 6],
      leader: 4,
      leaderEpoch: 1,
    });
    expect(bench.partition("t").directories).toEqual([4, 5, 6].map((id) => uuid(`directory-${id}`)));
    expect(list(bench)).toEqual([]);
  });

  test("R46: an added replica dies, the move is cancelled, and nothing is left of it", () => {
    const bench = sixBrokers();
    reassign(bench, [1, 4, 5]);
    bench.propose("t", [1, 2, 3, 4]);
    fence(bench, 5);
    expect(bench.partition("t").replicas).toEqual([1, 4, 5, 2, 3]);
    expect(reassign(bench, null)).toBe("NONE");
    expect(bench.partition("t")).toMatchObject({
      replicas: [1, 2, 3],
      inSyncReplicas: [1, 2, 3],
      addingReplicas: [],
      removingReplicas: [],
      leader: 1,
    });
    // Whoever is no replica any more must not go on fetching in the old epoch.
    expect(bench.partition("t").leaderEpoch).toBe(1);
  });

  test("R46: going back when none of the old replicas is in sync would lose records: refused", () => {
    const bench = sixBrokers();
    reassign(bench, [4, 5, 6]);
    bench.propose("t", [1, 2, 3, 4]);
    for (const id of [1, 2, 3]) fence(bench, id);
    expect(bench.partition("t")).toMatchObject({ leader: 4, inSyncReplicas: [4] });
    expect(reassign(bench, null)).toBe("INVALID_REPLICA_ASSIGNMENT");
  });

  test("R46: a replica that is kept and out of sync does not block the end", () => {
    const bench = sixBrokers();
    bench.propose("t", [1, 2]);
    reassign(bench, [1, 3, 4]);
    bench.propose("t", [1, 2, 4]);
    expect(bench.partition("t")).toMatchObject({ replicas: [1, 3, 4], inSyncReplicas: [1, 4], removingReplicas: [] });
  });

  test("R46: fewer replicas: it ends only when all that stay are in sync", () => {
    const bench = sixBrokers();
    bench.propose("t", [1, 2]);
    reassign(bench, [1, 3]);
    expect(bench.partition("t").removingReplicas).toEqual([2]);
    bench.propose("t", [1, 2, 3]);
    expect(bench.partition("t")).toMatchObject({ replicas: [1, 3], inSyncReplicas: [1, 3], removingReplicas: [] });
  });

  test("another target in the middle of a move", () => {
    const bench = sixBrokers();
    reassign(bench, [1, 2, 4]);
    reassign(bench, [1, 2, 5]);
    expect(bench.partition("t")).toMatchObject({
      replicas: [1, 2, 5, 3, 4],
      addingReplicas: [5],
      removingReplicas: [3, 4],
    });
    bench.propose("t", [1, 2, 3, 5]);
    expect(bench.partition("t")).toMatchObject({ replicas: [1, 2, 5], addingReplicas: [], removingReplicas: [] });
  });

  test("another order of the same replicas is done at once, and changes who is preferred", () => {
    const bench = sixBrokers();
    expect(reassign(bench, [3, 2, 1])).toBe("NONE");
    expect(bench.partition("t")).toMatchObject({ replicas: [3, 2, 1], leader: 1, addingReplicas: [] });
  });
});

describe("directories", () => {
  const [first, second] = [uuid("first"), uuid("second")];

  function twoDirectories(configs: Record<string, string> = {}): DecisionBench {
    const bench = new DecisionBench();
    bench.register(1, { logDirs: [first, second] });
    bench.heartbeat(1);
    bench.start(2);
    const replicas = [
      [1, 2],
      [1, 2],
    ];
    bench.createTopic("t", replicas, configs);
    return bench;
  }

  function assign(bench: DecisionBench, id: string, partitions: number[], changes: { broker?: number } = {}) {
    const { broker: brokerId = 1 } = changes;
    const request = {
      brokerId,
      brokerEpoch: bench.image.brokers.get(brokerId)?.brokerEpoch ?? -1,
      directories: [
        {
          id,
          topics: [
            {
              topicId: bench.image.topics.get("t")?.id as string,
              partitions: partitions.map((partitionIndex) => ({ partitionIndex })),
            },
          ],
        },
      ],
    };
    const { directories } = bench.do((view) => decideAssignDirectories(view, request));
    return directories[0]?.topics[0]?.partitions.map(({ errorCode }) => errorName(errorCode as ErrorCode));
  }

  test("a broker with several chooses and tells; with one there is no choice", () => {
    const bench = twoDirectories();
    expect(bench.partition("t").directories).toEqual([DirectoryId.UNASSIGNED, uuid("directory-2")]);
    expect(assign(bench, first, [0])).toEqual(["NONE"]);
    expect(assign(bench, second, [1])).toEqual(["NONE"]);
    expect(bench.partition("t", 0)).toMatchObject({ directories: [first, uuid("directory-2")], leaderEpoch: 0 });
    expect(bench.partition("t", 1).directories[0]).toBe(second);
    expect(assign(bench, second, [1, 7, 1])).toEqual(["NONE", "UNKNOWN_TOPIC_OR_PARTITION", "INVALID_REQUEST"]);
    expect(codeOf(() => assign(bench, second, [1], { broker: 9 }))).toBe("STALE_BROKER_EPOCH");
  });

  test("a replica in a lost or unknown directory leaves the ISR, and leadership moves", () => {
    const bench = twoDirectories();
    expect(assign(bench, DirectoryId.LOST, [0])).toEqual(["NONE"]);
    expect(bench.partition("t", 0)).toMatchObject({
      leader: 2,
      inSyncReplicas: [2],
      eligibleLeaderReplicas: [],
      leaderEpoch: 1,
      directories: [DirectoryId.LOST, uuid("directory-2")],
    });
    expect(bench.partition("t", 1).leader).toBe(1);
    expect(assign(bench, uuid("nobody-knows"), [1])).toEqual(["NONE"]);
    expect(bench.partition("t", 1).leader).toBe(2);
    // It does not come back as a leader while its storage is gone.
    fence(bench, 2);
    expect(bench.partition("t", 0).leader).toBe(-1);
  });

  test("R82, R36: a replica whose log is lost stays eligible, and leads again once its log is there", () => {
    const bench = twoDirectories({ "min.insync.replicas": "2" });
    expect(assign(bench, DirectoryId.LOST, [0])).toEqual(["NONE"]);
    expect(bench.partition("t", 0)).toMatchObject({ inSyncReplicas: [2], eligibleLeaderReplicas: [1] });
    fence(bench, 2);
    expect(bench.partition("t", 0)).toMatchObject({ leader: -1, eligibleLeaderReplicas: [1, 2] });
    expect(assign(bench, first, [0])).toEqual(["NONE"]);
    expect(bench.partition("t", 0)).toMatchObject({ leader: 1, inSyncReplicas: [1], leaderRecoveryState: 0 });
  });

  test("only replicas may tell", () => {
    const bench = twoDirectories();
    bench.start(3);
    expect(assign(bench, uuid("directory-3"), [0], { broker: 3 })).toEqual(["NOT_LEADER_OR_FOLLOWER"]);
  });
});
