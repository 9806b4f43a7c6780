/** Leaders propose ISRs: what is taken, what is refused and why, and what becomes of eligible leader replicas (KIP-966). */
import { describe, expect, test } from "vitest";
import { decideFence } from "../../../cluster/controller/brokers/fence-broker.ts";
import { decideElectLeaders, decidePreferredElections } from "../../../cluster/controller/replicas/elect-leaders.ts";
import { type ErrorCode, errorName } from "../../../protocol/error-codes.ts";
import { DecisionBench, uuid } from "../support/decision-bench.ts";
import { codeOf } from "../support/error-code.ts";

type Proposal = Parameters<DecisionBench["propose"]>[2];

const MIN_2 = { "min.insync.replicas": "2" };

/** Three brokers and a topic on them. */
function threeReplicas(configs: Record<string, string> = {}): DecisionBench {
  const bench = new DecisionBench();
  bench.start(1, 2, 3);
  bench.createTopic("t", [[1, 2, 3]], configs);
  return bench;
}

function propose(bench: DecisionBench, inSyncReplicas: number[], changes?: Proposal): string {
  return errorName(bench.propose("t", inSyncReplicas, changes).errorCode as ErrorCode) ?? "";
}

function epochOf(bench: DecisionBench, id: number): number {
  return bench.image.brokers.get(id)?.brokerEpoch ?? -1;
}

function fence(bench: DecisionBench, ...ids: number[]): void {
  for (const id of ids) bench.do((view) => decideFence(view, id, epochOf(bench, id)));
}

/** Its process died and comes back with what it had, or not. */
function restart(bench: DecisionBench, id: number, how: "clean" | "dirty"): void {
  const previousBrokerEpoch = how === "clean" ? epochOf(bench, id) : -1;
  bench.register(id, { incarnationId: uuid(`${bench.nextOffset}`), previousBrokerEpoch });
}

function elect(bench: DecisionBench, electionType: number, partitions: number[] | null = [0], topic = "t") {
  const request = {
    electionType,
    topicPartitions: partitions === null ? null : [{ topic, partitions }],
    timeoutMs: 1000,
  };
  return bench
    .do((view) => decideElectLeaders(view, request))
    .replicaElectionResults.flatMap(({ topic, partitionResult }) =>
      partitionResult.map(
        ({ partitionId, errorCode }) => `${topic}-${partitionId} ${errorName(errorCode as ErrorCode)}`,
      ),
    );
}

describe("AlterPartition", () => {
  test("shrinks and expands: the partition epoch goes up, the leader epoch does not", () => {
    const bench = threeReplicas();
    expect(bench.propose("t", [1, 2])).toEqual({
      partitionIndex: 0,
      errorCode: 0,
      leaderId: 1,
      leaderEpoch: 0,
      isr: [1, 2],
      leaderRecoveryState: 0,
      partitionEpoch: 1,
    });
    expect(bench.propose("t", [1, 2, 3])).toMatchObject({ isr: [1, 2, 3], leaderEpoch: 0, partitionEpoch: 2 });
    // R42: the same once more changes nothing, and is no error.
    expect(bench.propose("t", [1, 2, 3])).toMatchObject({ errorCode: 0, partitionEpoch: 2 });
  });

  test("the whole request is refused when it comes from an old incarnation", () => {
    const bench = threeReplicas();
    expect(codeOf(() => bench.propose("t", [1, 2], { brokerEpoch: 0 }))).toBe("STALE_BROKER_EPOCH");
  });

  test("refused in Kafka's order", () => {
    const bench = threeReplicas();
    bench.propose("t", [1, 2, 3]);
    bench.propose("t", [1, 2]);
    expect(propose(bench, [1, 2, 3], { topicId: uuid("other") })).toBe("UNKNOWN_TOPIC_ID");
    // R43: whoever knows newer epochs has heard of a newer controller.
    expect(propose(bench, [1, 2, 3], { leaderEpoch: 1 })).toBe("NOT_CONTROLLER");
    expect(propose(bench, [1, 2, 3], { partitionEpoch: 9 })).toBe("NOT_CONTROLLER");
    expect(propose(bench, [1, 2, 3], { leader: 2, brokerEpoch: epochOf(bench, 2), partitionEpoch: 0 })).toBe(
      "INVALID_REQUEST",
    );
    expect(propose(bench, [1, 2, 3], { partitionEpoch: 0 })).toBe("INVALID_UPDATE_VERSION");
    expect(propose(bench, [1, 9])).toBe("INVALID_REQUEST");
    expect(propose(bench, [2, 3])).toBe("INVALID_REQUEST");
    expect(propose(bench, [1, 2, 2])).toBe("INVALID_REQUEST");
    expect(propose(bench, [1, 2, 3], { leaderRecoveryState: 1 })).toBe("INVALID_REQUEST");
    expect(propose(bench, [1], { leaderRecoveryState: 1 })).toBe("INVALID_REQUEST");
    fence(bench, 1);
    expect(propose(bench, [2], { leader: 1, leaderEpoch: 0, brokerEpoch: epochOf(bench, 1) })).toBe(
      "FENCED_LEADER_EPOCH",
    );
  });

  test("R40: a member that is fenced, shutting down or not registered", () => {
    const bench = threeReplicas();
    bench.propose("t", [1, 2]);
    fence(bench, 3);
    expect(propose(bench, [1, 2, 3])).toBe("INELIGIBLE_REPLICA");
    bench.heartbeat(3);
    bench.createTopic("led-by-3", [[3, 1]]);
    bench.heartbeat(3, { wantShutDown: true });
    expect(bench.image.brokers.get(3)?.inControlledShutdown).toBe(true);
    expect(propose(bench, [1, 2, 3])).toBe("INELIGIBLE_REPLICA");
    expect(bench.partition("t").inSyncReplicas).toEqual([1, 2]);
  });

  test("R39: a member that has restarted since the leader saw its fetches", () => {
    const bench = threeReplicas();
    bench.propose("t", [1, 2]);
    const seen = epochOf(bench, 3);
    bench.nowMs += 10_000;
    restart(bench, 3, "dirty");
    bench.heartbeat(3);
    expect(propose(bench, [1, 2, 3], { memberEpochs: new Map([[3, seen]]) })).toBe("INELIGIBLE_REPLICA");
    expect(propose(bench, [1, 2, 3])).toBe("NONE");
  });

  test("the recovering leader tells when it has recovered", () => {
    const bench = new DecisionBench();
    bench.start(1, 2);
    bench.createTopic("t", [[1, 2]], { "unclean.leader.election.enable": "true" });
    bench.propose("t", [1]);
    fence(bench, 1);
    expect(bench.partition("t")).toMatchObject({ leader: 2, inSyncReplicas: [2], leaderRecoveryState: 1 });
    bench.heartbeat(1);
    expect(propose(bench, [2, 1], { leaderRecoveryState: 1 })).toBe("INVALID_REQUEST");
    expect(propose(bench, [2])).toBe("NONE");
    expect(bench.partition("t").leaderRecoveryState).toBe(0);
    expect(propose(bench, [2, 1])).toBe("NONE");
  });
});

describe("eligible leader replicas", () => {
  test("R36: the last replica standing crashes dirty: one that was in sync and stopped cleanly leads, nothing is lost", () => {
    const bench = threeReplicas(MIN_2);
    fence(bench, 3);
    expect(bench.partition("t")).toMatchObject({ inSyncReplicas: [1, 2], eligibleLeaderReplicas: [] });
    fence(bench, 2);
    expect(bench.partition("t")).toMatchObject({ leader: 1, inSyncReplicas: [1], eligibleLeaderReplicas: [2] });
    bench.nowMs += 10_000;
    restart(bench, 1, "dirty");
    expect(bench.partition("t")).toMatchObject({
      leader: -1,
      inSyncReplicas: [],
      eligibleLeaderReplicas: [2],
      lastKnownEligibleLeaderReplicas: [1],
    });
    // 3 went while everybody else was in sync: it may lack records, and is not elected.
    bench.heartbeat(3);
    expect(bench.partition("t").leader).toBe(-1);
    bench.heartbeat(2);
    expect(bench.partition("t")).toMatchObject({
      leader: 2,
      inSyncReplicas: [2],
      eligibleLeaderReplicas: [],
      lastKnownEligibleLeaderReplicas: [],
      leaderRecoveryState: 0,
    });
  });

  test("R36: without eligible leader replicas it stays without leader until the last member is back", () => {
    const features = new Map([
      ["metadata.version", 30],
      ["transaction.version", 2],
    ]);
    const bench = new DecisionBench({ features });
    bench.start(1, 2);
    bench.createTopic("t", [[1, 2]], MIN_2);
    fence(bench, 2, 1);
    expect(bench.partition("t")).toMatchObject({ leader: -1, inSyncReplicas: [1], eligibleLeaderReplicas: [] });
    bench.heartbeat(2);
    expect(bench.partition("t").leader).toBe(-1);
    bench.heartbeat(1);
    expect(bench.partition("t")).toMatchObject({ leader: 1, inSyncReplicas: [1] });
  });

  test("R37, R44: all dirty: only the last known leader comes back, once it is there, as one that recovers", () => {
    const bench = threeReplicas(MIN_2);
    fence(bench, 3, 2, 1);
    expect(bench.partition("t")).toMatchObject({
      leader: -1,
      inSyncReplicas: [],
      eligibleLeaderReplicas: [1, 2],
      lastKnownEligibleLeaderReplicas: [1],
    });
    restart(bench, 1, "dirty");
    restart(bench, 2, "dirty");
    expect(bench.partition("t")).toMatchObject({ inSyncReplicas: [], eligibleLeaderReplicas: [] });
    bench.heartbeat(2);
    bench.heartbeat(3);
    expect(bench.partition("t").leader).toBe(-1);
    bench.heartbeat(1);
    expect(bench.partition("t")).toMatchObject({
      leader: 1,
      inSyncReplicas: [1],
      leaderRecoveryState: 1,
      lastKnownEligibleLeaderReplicas: [],
    });
  });

  test("an ISR of min.insync.replicas needs nobody beside it", () => {
    const bench = threeReplicas(MIN_2);
    bench.propose("t", [1]);
    expect(bench.partition("t")).toMatchObject({ inSyncReplicas: [1], eligibleLeaderReplicas: [2, 3] });
    bench.propose("t", [1, 3]);
    expect(bench.partition("t")).toMatchObject({ inSyncReplicas: [1, 3], eligibleLeaderReplicas: [] });
  });

  test("R55: one of three is left, with a minimum of one: it goes on leading whatever the others come back with", () => {
    const bench = threeReplicas();
    fence(bench, 2, 3);
    restart(bench, 2, "dirty");
    restart(bench, 3, "dirty");
    bench.heartbeat(2);
    bench.heartbeat(3);
    expect(bench.partition("t")).toMatchObject({ leader: 1, inSyncReplicas: [1], leaderEpoch: 0 });
    expect(propose(bench, [1, 2, 3])).toBe("NONE");
  });
});

describe("elections", () => {
  test("ElectLeaders: what is not there, not needed, not possible", () => {
    const bench = threeReplicas();
    expect(elect(bench, 0)).toEqual(["t-0 ELECTION_NOT_NEEDED"]);
    expect(elect(bench, 1)).toEqual(["t-0 ELECTION_NOT_NEEDED"]);
    expect(elect(bench, 0, [7])).toEqual(["t-7 UNKNOWN_TOPIC_OR_PARTITION"]);
    expect(elect(bench, 0, [0], "nope")).toEqual(["nope-0 UNKNOWN_TOPIC_OR_PARTITION"]);
    expect(codeOf(() => elect(bench, 7))).toBe("INVALID_REQUEST");
    fence(bench, 1);
    expect(elect(bench, 0)).toEqual(["t-0 PREFERRED_LEADER_NOT_AVAILABLE"]);
    fence(bench, 2, 3);
    expect(elect(bench, 1)).toEqual(["t-0 ELIGIBLE_LEADERS_NOT_AVAILABLE"]);
  });

  test("R51: a preferred election moves leadership into the ISR only", () => {
    const bench = threeReplicas();
    fence(bench, 1);
    expect(bench.partition("t").leader).toBe(2);
    bench.heartbeat(1);
    expect(elect(bench, 0)).toEqual(["t-0 PREFERRED_LEADER_NOT_AVAILABLE"]);
    propose(bench, [2, 3, 1]);
    expect(elect(bench, 0, [0, 0])).toEqual(["t-0 NONE", "t-0 ELECTION_NOT_NEEDED"]);
    expect(bench.partition("t")).toMatchObject({ leader: 1, leaderEpoch: 2, inSyncReplicas: [2, 3, 1] });
  });

  test("an unclean election on request takes whoever is there", () => {
    const bench = threeReplicas();
    bench.propose("t", [1]);
    fence(bench, 1);
    expect(bench.partition("t").leader).toBe(-1);
    expect(elect(bench, 1)).toEqual(["t-0 NONE"]);
    expect(bench.partition("t")).toMatchObject({ leader: 2, inSyncReplicas: [2], leaderRecoveryState: 1 });
  });

  test("B86: all: every topic is there, with those partitions that were not fine", () => {
    const bench = threeReplicas();
    bench.createTopic("u", [[2, 1]]);
    const response = bench.do((view) =>
      decideElectLeaders(view, { electionType: 0, topicPartitions: null, timeoutMs: 1000 }),
    );
    expect(response.replicaElectionResults).toEqual([
      { topic: "t", partitionResult: [] },
      { topic: "u", partitionResult: [] },
    ]);
    fence(bench, 2);
    bench.heartbeat(2);
    bench.propose("u", [1, 2]);
    expect(elect(bench, 0, null)).toEqual(["u-0 NONE"]);
  });

  test("by the clock: preferred leaders that are in sync get their partitions back, a thousand at a time", () => {
    const bench = new DecisionBench();
    bench.start(1, 2);
    bench.createTopic("t", Array<number[]>(1500).fill([1, 2]), MIN_2);
    fence(bench, 1);
    bench.heartbeat(1);
    expect(bench.do(decidePreferredElections)).toBe(false);
    for (let partition = 0; partition < 1500; partition++) bench.propose("t", [2, 1], { partition });
    expect(bench.do(decidePreferredElections)).toBe(true);
    expect(bench.do(decidePreferredElections)).toBe(false);
    expect(bench.image.topics.get("t")?.partitions.every(({ leader }) => leader === 1)).toBe(true);
  });
});
