/** What survives when leadership moves: no acknowledged record is lost, no fork is left, no zombie commits. */
import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Scenario, type ScenarioOptions } from "../world/scenario.ts";
import { nodeName } from "../world/simulated-cluster.ts";

const THREE: ScenarioOptions = { nodes: 3, replicas: [1, 2, 3], configs: { "min.insync.replicas": "2" } };
const TWO: ScenarioOptions = { nodes: 3, replicas: [1, 2], configs: { "min.insync.replicas": "1" } };

describe("a leader that dies", () => {
  test("R5: a deposed leader cuts its fork by epoch, not by high watermark", () =>
    Scenario.run("R5", { ...THREE, configs: { "min.insync.replicas": "1" } }, async (world) => {
      await world.produce(1, ["a", "b"], -1);
      world.cluster.isolate(nodeName(1));
      expect(await world.produce(1, ["lost", "lost too"], 1)).toMatchObject({ errorCode: 0, baseOffset: 2 });
      await world.untilLeader(2);
      expect(await world.produce(2, ["c"], -1)).toMatchObject({ errorCode: 0, baseOffset: 2 });
      world.cluster.network.links.healAll();
      await world.untilInSync([1, 2, 3]);
      await world.until("1 has what 2 has", () => world.logOf(1).join() === world.logOf(2).join());
      expect(world.logOf(1)).toEqual(["a@0/0", "b@1/0", "c@2/1"]);
    }));

  test("R9: a follower that restarts with an old high watermark, and then leads, still has what was acknowledged", () =>
    Scenario.run(
      "R9",
      { ...TWO, settings: { "replica.high.watermark.checkpoint.interval.ms": "60000" } },
      async (world) => {
        await world.produce(1, ["m1"], -1);
        await world.produce(1, ["m2"], -1);
        // It has not heard yet that m2 is committed.
        expect(world.partition(2)?.log.logEndOffset).toBe(2);
        expect(world.partition(2)?.log.highWatermark).toBeLessThan(2);
        world.kill(2);
        world.kill(1);
        await world.start(2);
        expect(world.logOf(2)).toEqual(["m1@0/0", "m2@1/0"]);
        await world.start(1);
        await world.until("somebody leads", () => world.state.leader > 0);
        await world.untilInSync([1, 2]);
        expect(world.logOf(1)).toEqual(["m1@0/0", "m2@1/0"]);
        expect(world.logOf(2)).toEqual(world.logOf(1));
      },
    ));

  test("R10: what one of two lost with its power and wrote anew is what both have in the end", () =>
    Scenario.run(
      "R10",
      { ...TWO, configs: { "min.insync.replicas": "1", "unclean.leader.election.enable": "true" } },
      async (world) => {
        await world.produce(1, ["m1"], -1);
        await world.partition(1)?.log.flush();
        await world.partition(2)?.log.flush();
        await world.produce(1, ["m2"], -1);
        await world.partition(1)?.log.flush();
        world.cutPower(1);
        world.cutPower(2);
        await world.start(2);
        await world.untilLeader(2);
        expect(world.logOf(2)).toEqual(["m1@0/0"]);
        await world.produce(2, ["m3"], 1);
        expect(world.logOf(1)).toEqual(["m1@0/0", "m2@1/0"]);
        await world.start(1);
        await world.untilInSync([1, 2]);
        const leaderEpoch = world.state.leaderEpoch;
        expect(world.logOf(1)).toEqual(["m1@0/0", `m3@1/${leaderEpoch}`]);
        expect(world.logOf(2)).toEqual(world.logOf(1));
      },
    ));
});

describe("a leader that does not know that it is one no more", () => {
  test("R12: acknowledges nothing to acks=all, keeps its high watermark, and cuts what it took meanwhile", () =>
    Scenario.run("R12", THREE, async (world) => {
      await world.produce(1, ["a"], -1);
      world.cluster.isolate(nodeName(1));
      const all = world.produce(1, ["never"], -1, 2000);
      expect(await world.produce(1, ["acknowledged and lost"], 1)).toMatchObject({ errorCode: 0 });
      await world.untilLeader(2);
      expect(await world.produce(2, ["b"], -1)).toMatchObject({ errorCode: 0, baseOffset: 1 });
      expect(world.partition(1)?.isLeader).toBe(true);
      expect(world.partition(1)?.log.highWatermark).toBe(1);
      expect((await all)?.errorCode).not.toBe(0);
      expect(await world.produce(1, ["nor this"], -1, 1000)).not.toMatchObject({ errorCode: 0 });
      expect(world.partition(1)?.log.highWatermark).toBe(1);
      world.cluster.network.links.healAll();
      await world.untilInSync([1, 2, 3]);
      await world.until("1 has what 2 has", () => world.logOf(1).join() === world.logOf(2).join());
      expect(world.logOf(1)).toEqual(["a@0/0", "b@1/1"]);
    }));

  test("R49: one that stood still past its session is fenced by epoch in its first actions", () =>
    Scenario.run("R49", { ...THREE, fastDetection: true }, async (world) => {
      await world.produce(1, ["a"], -1);
      world.cluster.pause(nodeName(1), 5000);
      await world.untilLeader(2);
      await world.produce(2, ["b"], -1);
      const late = world.produce(1, ["late"], -1, 3000);
      await world.pass(5000);
      expect(await late).toMatchObject({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER });
      await world.untilInSync([1, 2, 3]);
      await world.until("1 has what 2 has", () => world.logOf(1).join() === world.logOf(2).join());
      expect(world.logOf(1)).toEqual(["a@0/0", "b@1/1"]);
    }));
});

describe("who may lead next", () => {
  test("R30: a new leader that does not know what was committed says so, until it does", () =>
    Scenario.run("R30", { ...THREE, configs: { "min.insync.replicas": "1" } }, async (world) => {
      await world.produce(1, ["a"], -1);
      expect(world.partition(2)?.log.highWatermark).toBeLessThan(1);
      world.cluster.cut(nodeName(2), nodeName(3));
      world.kill(1);
      await world.untilLeader(2);
      expect(world.partition(2)?.log).toMatchObject({ logEndOffset: 1 });
      expect(await world.latestOffset(2)).toMatchObject({ errorCode: ErrorCode.OFFSET_NOT_AVAILABLE });
      world.cluster.network.links.healAll();
      await world.until("2 knows", () => world.partition(2)?.log.highWatermark === 1);
      expect(await world.latestOffset(2)).toMatchObject({ errorCode: 0, offset: 1 });
    }));

  test("R36: the last replica standing crashes dirty: one of the eligible leads, and nothing acknowledged is lost", () =>
    Scenario.run("R36", THREE, async (world) => {
      await world.produce(1, ["a"], -1);
      await world.cluster.node(3).stop();
      await world.untilInSync([1, 2]);
      await world.produce(1, ["b"], -1);
      await world.cluster.node(2).stop();
      await world.untilInSync([1]);
      expect(world.state.eligibleLeaderReplicas).toContain(2);
      world.cutPower(1);
      await world.until("nobody leads", () => world.state.leader < 0);
      await world.start(2);
      await world.untilLeader(2);
      expect(world.logOf(2)).toEqual(["a@0/0", "b@1/0"]);
      await Promise.all([world.start(1), world.start(3)]);
      await world.untilInSync([1, 2, 3]);
      for (const id of [1, 3]) expect(world.logOf(id)).toEqual(["a@0/0", "b@1/0"]);
    }));

  test("R50: where leaders are elected uncleanly records may go, but the logs are the same in the end", () =>
    Scenario.run(
      "R50",
      { ...THREE, configs: { "min.insync.replicas": "1", "unclean.leader.election.enable": "true" } },
      async (world) => {
        await world.produce(1, ["a"], -1);
        world.cluster.isolate(nodeName(1));
        await world.untilLeader(2);
        world.kill(3);
        await world.untilInSync([2]);
        expect(await world.produce(2, ["only on 2"], 1)).toMatchObject({ errorCode: 0 });
        world.kill(2);
        world.cluster.network.links.healAll();
        await world.untilLeader(1);
        expect(await world.produce(1, ["b"], 1)).toMatchObject({ errorCode: 0, baseOffset: 1 });
        await Promise.all([world.start(2), world.start(3)]);
        await world.untilInSync([1, 2, 3]);
        const { leaderEpoch } = world.state;
        for (const id of [1, 2, 3]) expect(world.logOf(id)[0]).toBe("a@0/0");
        expect(world.logOf(1)[1]).toMatch(/^b@1\//);
        for (const id of [2, 3]) expect(world.logOf(id)).toEqual(world.logOf(1));
        expect(leaderEpoch).toBeGreaterThan(1);
      },
    ));

  test("R55: one of three goes on alone; the others come back empty and are filled again", () =>
    Scenario.run("R55", { ...THREE, configs: { "min.insync.replicas": "1" } }, async (world) => {
      await world.produce(1, ["a", "b"], -1);
      world.kill(2);
      world.kill(3);
      await world.untilInSync([1]);
      await world.produce(1, ["c"], -1);
      for (const id of [2, 3]) {
        await world.cluster.disk(id).removeTree("/data");
        world.auditor.powerWasCut(id);
      }
      await Promise.all([world.start(2), world.start(3)]);
      await world.untilInSync([1, 2, 3]);
      expect(world.state).toMatchObject({ leader: 1, leaderEpoch: 0 });
      for (const id of [2, 3]) expect(world.logOf(id)).toEqual(["a@0/0", "b@1/0", "c@2/0"]);
    }));
});
