/** Brokers enter, live, fall silent and leave: decisions over states made of records. */
import { describe, expect, test } from "vitest";
import { decideFence, decideUnregister } from "../../../cluster/controller/brokers/fence-broker.ts";
import { decideRegisterBroker } from "../../../cluster/controller/brokers/register-broker.ts";
import { DirectoryId } from "../../../protocol/uuid.ts";
import { DecisionBench, uuid } from "../support/decision-bench.ts";
import { codeOf } from "../support/error-code.ts";

describe("registration", () => {
  test("a new broker gets the offset of its record as its epoch, and starts fenced", () => {
    const bench = new DecisionBench();
    const offset = bench.nextOffset;
    expect(bench.register(1)).toBe(offset);
    expect(bench.image.brokers.get(1)).toMatchObject({
      brokerEpoch: offset,
      fenced: true,
      inControlledShutdown: false,
    });
  });

  test("the checks, in Kafka's order", () => {
    const bench = new DecisionBench();
    bench.start(1, 2);
    const refused = (changes: object) =>
      codeOf(() => decideRegisterBroker(bench.view, bench.registration(1, changes), 4));
    const other = { incarnationId: uuid("another") };
    const noDirectories = { logDirs: [] };
    expect(refused({ clusterId: "other", ...other, ...noDirectories })).toBe("INCONSISTENT_CLUSTER_ID");
    expect(refused({ ...other, ...noDirectories })).toBe("DUPLICATE_BROKER_REGISTRATION");
    expect(refused({ isMigratingZkBroker: true, ...noDirectories })).toBe("BROKER_ID_NOT_REGISTERED");
    expect(refused({ ...noDirectories, features: [] })).toBe("INVALID_REGISTRATION");
    expect(refused({ logDirs: [DirectoryId.LOST] })).toBe("INVALID_REGISTRATION");
    expect(refused({ logDirs: [uuid("a"), uuid("a")] })).toBe("INVALID_REGISTRATION");
    expect(refused({ logDirs: [uuid("directory-2")] })).toBe("INVALID_REGISTRATION");
    expect(refused({ features: [] })).toBe("INVALID_REGISTRATION");
  });

  test("a finalized level outside the broker's range is refused, and so is one it does not list", () => {
    const bench = new DecisionBench();
    const { features } = bench.registration(1);
    const refused = (changed: typeof features) =>
      codeOf(() => decideRegisterBroker(bench.view, bench.registration(1, { features: changed }), 4));
    const without = features.filter(({ name }) => name !== "transaction.version");
    expect(refused(without)).toBe("UNSUPPORTED_VERSION");
    expect(refused([...without, { name: "transaction.version", minSupportedVersion: 0, maxSupportedVersion: 1 }])).toBe(
      "UNSUPPORTED_VERSION",
    );
    expect(refused(features.filter(({ name }) => name !== "kraft.version"))).toBeUndefined();
  });

  test("R45: a second incarnation is refused while the first is heard, and let in when its session is over", () => {
    const bench = new DecisionBench();
    bench.start(1);
    const second = () =>
      codeOf(() => decideRegisterBroker(bench.view, bench.registration(1, { incarnationId: uuid("2nd") }), 4));
    expect(second()).toBe("DUPLICATE_BROKER_REGISTRATION");
    bench.nowMs += 9000;
    expect(second()).toBe("DUPLICATE_BROKER_REGISTRATION");
    bench.nowMs += 1;
    expect(second()).toBeUndefined();
  });

  test("R45: a broker that was in controlled shutdown may come back at once", () => {
    const bench = new DecisionBench();
    bench.start(1, 2);
    bench.createTopic("t", [[1, 2]]);
    bench.heartbeat(1, { wantShutDown: true });
    expect(bench.image.brokers.get(1)?.inControlledShutdown).toBe(true);
    expect(bench.register(1, { incarnationId: uuid("2nd") })).toBeGreaterThan(0);
    expect(bench.image.brokers.get(1)).toMatchObject({ inControlledShutdown: false, fenced: true });
  });

  test("R45: a controller that has just begun and has not heard the old incarnation lets the new one in", () => {
    const bench = new DecisionBench();
    bench.start(1);
    const { brokerEpoch } = bench.image.brokers.get(1) ?? { brokerEpoch: -1 };
    bench.sessions.apply([{ type: "assumed", brokerId: 1, brokerEpoch }], bench.nowMs, 0);
    expect(bench.register(1, { incarnationId: uuid("2nd") })).toBeGreaterThan(brokerEpoch);
  });

  test("the same incarnation keeps its epoch and state, and may amend its directories", () => {
    const bench = new DecisionBench();
    bench.start(1);
    const before = bench.image.brokers.get(1);
    bench.register(1, { logDirs: [uuid("directory-1"), uuid("second")] });
    expect(bench.image.brokers.get(1)).toMatchObject({ brokerEpoch: before?.brokerEpoch, fenced: false });
    expect(bench.image.brokers.get(1)?.directories.length).toBe(2);
  });

  test("R38: a broker that comes back without having stopped cleanly leaves ISR and eligible replicas first", () => {
    const bench = new DecisionBench();
    bench.start(1, 2, 3);
    bench.createTopic("isr", [[1, 2, 3]], { "min.insync.replicas": "2" });
    bench.createTopic("elr", [[2, 1]], { "min.insync.replicas": "2" });
    bench.do((view) => decideFence(view, 1, view.image.brokers.get(1)?.brokerEpoch ?? -1));
    expect(bench.partition("isr").inSyncReplicas).toEqual([2, 3]);
    expect(bench.partition("elr")).toMatchObject({ inSyncReplicas: [2], eligibleLeaderReplicas: [1] });
    bench.register(1, { incarnationId: uuid("2nd"), previousBrokerEpoch: -1 });
    expect(bench.partition("elr")).toMatchObject({ inSyncReplicas: [2], eligibleLeaderReplicas: [] });
  });

  test("R38: a clean stop, told by the epoch it stopped in, keeps the broker eligible", () => {
    const bench = new DecisionBench();
    bench.start(1, 2);
    bench.createTopic("t", [[2, 1]], { "min.insync.replicas": "2" });
    const brokerEpoch = bench.image.brokers.get(1)?.brokerEpoch ?? -1;
    bench.do((view) => decideFence(view, 1, brokerEpoch));
    bench.register(1, { incarnationId: uuid("2nd"), previousBrokerEpoch: brokerEpoch });
    expect(bench.partition("t").eligibleLeaderReplicas).toEqual([1]);
  });

  test("R38: a dirty restart of a sole ISR member before its session ended leaves nobody but the last known leader", () => {
    const bench = new DecisionBench();
    bench.start(1);
    bench.createTopic("t", [[1]]);
    bench.nowMs += 9001;
    bench.register(1, { incarnationId: uuid("2nd") });
    expect(bench.partition("t")).toMatchObject({
      leader: -1,
      inSyncReplicas: [],
      eligibleLeaderReplicas: [],
      lastKnownEligibleLeaderReplicas: [1],
    });
    // R37: it is elected as one that may have lost records.
    bench.heartbeat(1);
    expect(bench.partition("t")).toMatchObject({ leader: 1, inSyncReplicas: [1], leaderRecoveryState: 1 });
  });
});

describe("heartbeats", () => {
  test("unfenced once it has read its own registration, and not before", () => {
    const bench = new DecisionBench();
    const brokerEpoch = bench.register(1);
    expect(bench.heartbeat(1, { currentMetadataOffset: brokerEpoch - 1 })).toEqual({
      isCaughtUp: false,
      isFenced: true,
      shouldShutDown: false,
    });
    expect(bench.heartbeat(1, { wantFence: true })).toMatchObject({ isCaughtUp: true, isFenced: true });
    expect(bench.heartbeat(1)).toMatchObject({ isFenced: false });
    expect(bench.image.brokers.get(1)?.fenced).toBe(false);
  });

  test("R49: a broker of an old epoch is told so, and its heartbeat changes nothing", () => {
    const bench = new DecisionBench();
    bench.start(1);
    const before = bench.nextOffset;
    expect(codeOf(() => bench.heartbeat(1, { brokerEpoch: 0 }))).toBe("STALE_BROKER_EPOCH");
    expect(codeOf(() => bench.heartbeat(7))).toBe("STALE_BROKER_EPOCH");
    expect(bench.nextOffset).toBe(before);
  });

  test("unfencing gives leaderless partitions their leader", () => {
    const bench = new DecisionBench();
    bench.start(1);
    bench.createTopic("t", [[1]]);
    const { brokerEpoch } = bench.image.brokers.get(1) ?? { brokerEpoch: -1 };
    bench.do((view) => decideFence(view, 1, brokerEpoch));
    expect(bench.partition("t")).toMatchObject({ leader: -1, leaderEpoch: 1 });
    bench.heartbeat(1);
    expect(bench.partition("t")).toMatchObject({
      leader: 1,
      leaderEpoch: 2,
      inSyncReplicas: [1],
      eligibleLeaderReplicas: [],
    });
  });

  test("R41, R165: a broker that shuts down gives its leaderships away and goes once the others know", () => {
    const bench = new DecisionBench();
    bench.start(1, 2, 3);
    bench.createTopic("led", [[1, 2, 3]]);
    bench.createTopic("followed", [[2, 1, 3]]);
    expect(bench.heartbeat(1, { wantShutDown: true })).toMatchObject({ isFenced: false, shouldShutDown: false });
    expect(bench.partition("led")).toMatchObject({ leader: 2, inSyncReplicas: [2, 3], leaderEpoch: 1 });
    // R41: it leaves an ISR it does not lead without a new leader epoch.
    expect(bench.partition("followed")).toMatchObject({ leader: 2, inSyncReplicas: [2, 3], leaderEpoch: 0 });
    expect(bench.propose("led", [2, 3, 1])).toMatchObject({ errorCode: 107 });
    expect(bench.heartbeat(1, { wantShutDown: true }).shouldShutDown).toBe(false);
    bench.heartbeat(2);
    expect(bench.heartbeat(1, { wantShutDown: true }).shouldShutDown).toBe(false);
    bench.heartbeat(3);
    expect(bench.heartbeat(1, { wantShutDown: true })).toMatchObject({ isFenced: true, shouldShutDown: true });
    expect(bench.image.brokers.get(1)?.fenced).toBe(true);
    const written = bench.nextOffset;
    bench.heartbeat(1, { wantShutDown: true });
    expect(bench.nextOffset).toBe(written);
  });

  test("R165: a broker that leads nothing goes at once, and its next incarnation is let in at once", () => {
    const bench = new DecisionBench();
    bench.start(1, 2);
    expect(bench.heartbeat(1, { wantShutDown: true })).toMatchObject({ isFenced: true, shouldShutDown: true });
    expect(codeOf(() => bench.register(1, { incarnationId: uuid("2nd") }))).toBeUndefined();
  });

  test("the last replica keeps a broker that shuts down from leading only when it is gone", () => {
    const bench = new DecisionBench();
    bench.start(1);
    bench.createTopic("t", [[1]]);
    bench.heartbeat(1, { wantShutDown: true });
    expect(bench.partition("t")).toMatchObject({ leader: -1, inSyncReplicas: [], eligibleLeaderReplicas: [1] });
    expect(bench.heartbeat(1, { wantShutDown: true }).shouldShutDown).toBe(true);
  });

  test("a directory that goes offline takes its replicas out of ISRs and moves leadership", () => {
    const bench = new DecisionBench();
    const [first, second] = [uuid("first"), uuid("second")];
    bench.register(1, { logDirs: [first, second] });
    bench.heartbeat(1);
    bench.start(2);
    bench.createTopic("t", [[1, 2]]);
    bench.replay([
      { type: "PartitionChange", version: 2, data: { ...changeOf(bench), directories: [second, uuid("directory-2")] } },
    ]);
    bench.heartbeat(1, { offlineLogDirs: [second] });
    expect(bench.image.brokers.get(1)?.directories).toEqual([first]);
    expect(bench.partition("t")).toMatchObject({ leader: 2, inSyncReplicas: [2], eligibleLeaderReplicas: [] });
    const written = bench.nextOffset;
    bench.heartbeat(1, { offlineLogDirs: [second] });
    expect(bench.nextOffset).toBe(written);
  });

  test("cordoned directories are remembered, and a broker with no other gets no new replicas", () => {
    const bench = new DecisionBench();
    bench.start(1, 2);
    bench.heartbeat(1, { cordonedLogDirs: [uuid("directory-1")] });
    expect(bench.image.brokers.get(1)?.cordonedDirectories).toEqual([uuid("directory-1")]);
    const written = bench.nextOffset;
    bench.heartbeat(1, { cordonedLogDirs: [uuid("directory-1")] });
    expect(bench.nextOffset).toBe(written);
  });
});

describe("a broker is taken to be gone", () => {
  test("silence for longer than the session timeout ends the session, the most silent first", () => {
    const bench = new DecisionBench();
    bench.start(1, 2, 3);
    bench.nowMs += 5000;
    bench.heartbeat(2);
    bench.nowMs += 4001;
    expect(bench.sessions.expired(bench.nowMs).map(({ brokerId }) => brokerId)).toEqual([1, 3]);
    expect(bench.sessions.nextExpiryMs()).toBe(bench.nowMs - 1);
  });

  test("fenced: out of every ISR it does not hold up alone, and leaderships move", () => {
    const bench = new DecisionBench();
    bench.start(1, 2);
    bench.createTopic("t", [[1, 2]]);
    const brokerEpoch = bench.image.brokers.get(1)?.brokerEpoch ?? -1;
    bench.do((view) => decideFence(view, 1, brokerEpoch));
    expect(bench.image.brokers.get(1)?.fenced).toBe(true);
    expect(bench.partition("t")).toMatchObject({ leader: 2, leaderEpoch: 1, inSyncReplicas: [2] });
    const written = bench.nextOffset;
    bench.do((view) => decideFence(view, 1, brokerEpoch));
    expect(bench.nextOffset).toBe(written);
  });

  test("news of an old incarnation's end does not touch the present one", () => {
    const bench = new DecisionBench();
    bench.start(1);
    const old = bench.image.brokers.get(1)?.brokerEpoch ?? -1;
    bench.nowMs += 9001;
    bench.register(1, { incarnationId: uuid("2nd") });
    bench.heartbeat(1);
    bench.do((view) => decideFence(view, 1, old));
    expect(bench.image.brokers.get(1)?.fenced).toBe(false);
    expect(bench.sessions.isLive(1, bench.image.brokers.get(1)?.brokerEpoch ?? -1, bench.nowMs)).toBe(true);
  });

  test("R50: proof of death never elects uncleanly, silence does where the topic allows it", () => {
    for (const mayElectUncleanly of [true, false]) {
      const bench = new DecisionBench();
      bench.start(1, 2);
      bench.createTopic("t", [[1, 2]], { "unclean.leader.election.enable": "true" });
      bench.propose("t", [1]);
      const brokerEpoch = bench.image.brokers.get(1)?.brokerEpoch ?? -1;
      bench.do((view) => decideFence(view, 1, brokerEpoch, { mayElectUncleanly }));
      expect(bench.partition("t").leader).toBe(mayElectUncleanly ? 2 : -1);
    }
  });

  test("without eligible leader replicas the last member stays in the ISR", () => {
    const bench = new DecisionBench({ features: new Map([["metadata.version", 22]]) });
    bench.register(1, { features: [{ name: "metadata.version", minSupportedVersion: 7, maxSupportedVersion: 30 }] });
    bench.heartbeat(1);
    bench.createTopic("t", [[1]]);
    bench.do((view) => decideFence(view, 1, view.image.brokers.get(1)?.brokerEpoch ?? -1));
    expect(bench.partition("t")).toMatchObject({ leader: -1, inSyncReplicas: [1], eligibleLeaderReplicas: [] });
  });

  test("unregistered: forgotten, its replicas stay assigned", () => {
    const bench = new DecisionBench();
    bench.start(1, 2);
    bench.createTopic("t", [[1, 2]]);
    bench.do((view) => decideUnregister(view, 1));
    expect(bench.image.brokers.has(1)).toBe(false);
    expect(bench.partition("t")).toMatchObject({ leader: 2, inSyncReplicas: [2], replicas: [1, 2] });
    expect(codeOf(() => decideUnregister(bench.view, 1))).toBe("BROKER_ID_NOT_REGISTERED");
    expect(codeOf(() => bench.heartbeat(1))).toBe("STALE_BROKER_EPOCH");
  });
});

function changeOf(bench: DecisionBench) {
  return {
    partitionId: 0,
    topicId: bench.image.topics.get("t")?.id ?? "",
    isr: null,
    leader: -2,
    replicas: null,
    removingReplicas: null,
    addingReplicas: null,
    leaderRecoveryState: -1,
    directories: null,
    eligibleLeaderReplicas: null,
    lastKnownElr: null,
  };
}
