/** The ISR as a whole cluster moves it: growing, shrinking, standing still, and links that work one way only. */
import { describe, expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Scenario, type ScenarioOptions } from "../world/scenario.ts";
import { CONTROLLER, nodeName } from "../world/simulated-cluster.ts";

const THREE: ScenarioOptions = { nodes: 3, replicas: [1, 2, 3], configs: { "min.insync.replicas": "1" } };

/** A broker that the controller does not hear keeps its session through these scenarios. */
const PATIENT: ScenarioOptions = { ...THREE, settings: { "broker.session.timeout.ms": "60000" } };

/** 3 has fallen out of the ISR and is added again; the controller does so, and its leader does not hear of it. */
async function withThreeAddedUnheard(world: Scenario): Promise<void> {
  const { links } = world.cluster.network;
  await world.produce(1, ["a"], -1);
  world.cluster.cut(nodeName(1), nodeName(3));
  await world.produce(1, ["b"], -1);
  await world.untilInSync([1, 2]);
  links.cut(CONTROLLER, nodeName(1));
  links.heal(nodeName(1), nodeName(3));
  links.heal(nodeName(3), nodeName(1));
  await world.untilInSync([1, 2, 3]);
}

describe("a change in flight", () => {
  test("R33: what is written while a replica is being added waits for it; it may be elected, and has everything", () =>
    Scenario.run("R33", PATIENT, async (world) => {
      await withThreeAddedUnheard(world);
      expect(world.partition(1)?.leader?.inSync.committed).not.toContain(3);
      expect(world.partition(1)?.leader?.inSync.maximal).toContain(3);
      world.cluster.cut(nodeName(1), nodeName(3));
      const written = world.produce(1, ["c", "d"], -1, 2000);
      await world.until("2 has it", () => world.partition(2)?.log.logEndOffset === 4);
      await world.pass(100);
      expect(world.partition(1)?.log.highWatermark).toBe(2);
      world.kill(1);
      world.kill(2);
      world.cluster.network.links.healAll();
      expect((await written)?.errorCode).not.toBe(0);
      await world.untilLeader(3);
      expect(world.logOf(3).slice(0, 2)).toEqual(["a@0/0", "b@1/0"]);
      await Promise.all([world.start(1), world.start(2)]);
      await world.untilInSync([1, 2, 3]);
      for (const id of [1, 2]) expect(world.logOf(id)).toEqual(world.logOf(3));
    }));

  test("R34: a shrink counts once the controller has committed it; then who waits is answered", () =>
    Scenario.run("R34", PATIENT, async (world) => {
      await world.produce(1, ["a"], -1);
      world.cluster.cut(nodeName(1), nodeName(3));
      world.cluster.network.links.cut(nodeName(1), CONTROLLER);
      const written = world.produce(1, ["b"], -1, 20_000);
      await world.until("a shrink is proposed", () => world.partition(1)?.leader?.inSync.proposal?.kind === "shrink");
      await world.pass(50);
      expect(world.partition(2)?.log.logEndOffset).toBe(2);
      expect(world.partition(1)?.log.highWatermark).toBe(1);
      world.cluster.network.links.heal(nodeName(1), CONTROLLER);
      expect(await written).toMatchObject({ errorCode: 0, baseOffset: 1 });
      expect(world.state.inSyncReplicas).toEqual([1, 2]);
    }));

  test("R42: an answer that is lost is asked for again, and the next change goes through", () =>
    Scenario.run("R42", PATIENT, async (world) => {
      await withThreeAddedUnheard(world);
      world.cluster.network.breakBetween(nodeName(1), CONTROLLER);
      world.cluster.network.links.healAll();
      await world.until("1 knows", () => world.partition(1)?.leader?.inSync.committed.length === 3);
      expect(world.partition(1)?.leader?.inSync.proposal).toBeUndefined();
      world.kill(2);
      await world.untilInSync([1, 3]);
      expect(await world.produce(1, ["c"], -1)).toMatchObject({ errorCode: 0 });
    }));
});

describe("a follower in trouble", () => {
  test("R35: with too small an ISR nothing is committed, acknowledged to acks=1 or not", () =>
    Scenario.run("R35", { ...THREE, configs: { "min.insync.replicas": "2" } }, async (world) => {
      await world.produce(1, ["a"], -1);
      world.kill(2);
      world.kill(3);
      await world.untilInSync([1]);
      expect(await world.produce(1, ["b"], 1)).toMatchObject({ errorCode: 0, baseOffset: 1 });
      expect(await world.produce(1, ["c"], -1)).toMatchObject({ errorCode: ErrorCode.NOT_ENOUGH_REPLICAS });
      expect(world.partition(1)?.log.highWatermark).toBe(1);
      await world.start(2);
      await world.untilInSync([1, 2]);
      await world.until("b is committed", () => world.partition(1)?.log.highWatermark === 2);
      expect(await world.produce(1, ["c"], -1)).toMatchObject({ errorCode: 0, baseOffset: 2 });
    }));

  test("R48: one that stands still is dropped after replica.lag.time.max.ms, and comes back when it goes on", () =>
    Scenario.run("R48", { ...THREE, settings: { "broker.session.timeout.ms": "60000" } }, async (world) => {
      await world.produce(1, ["a"], -1);
      world.cluster.pause(nodeName(3), 8000);
      const askedMs = world.nowMs;
      expect(await world.produce(1, ["b"], -1, 20_000)).toMatchObject({ errorCode: 0 });
      // replica.lag.time.max.ms is 1 s, looked at every half of it.
      expect(world.nowMs - askedMs).toBeGreaterThan(500);
      expect(world.nowMs - askedMs).toBeLessThan(2000);
      expect(world.state.inSyncReplicas).toEqual([1, 2]);
      await world.produce(1, ["c"], -1);
      await world.untilInSync([1, 2, 3]);
      expect(world.state.leaderEpoch).toBe(0);
      await world.until("3 has what 1 has", () => world.logOf(3).join() === world.logOf(1).join());
      expect(world.logOf(3)).toEqual(["a@0/0", "b@1/0", "c@2/0"]);
    }));
});

describe("links that work one way", () => {
  test("R54: while metadata is late nobody writes on two sides of one epoch", () =>
    Scenario.run("R54", THREE, async (world) => {
      await world.produce(1, ["a"], -1);
      // What the controller says does not reach 1, which beats on: its session goes on all the same.
      world.cluster.network.links.cut(CONTROLLER, nodeName(1));
      await world.untilLeader(2);
      const [old, now] = await Promise.all([world.produce(1, ["old"], -1, 1000), world.produce(2, ["b"], -1)]);
      expect(now).toMatchObject({ errorCode: 0, baseOffset: 1 });
      expect(old?.errorCode).not.toBe(0);
      world.cluster.network.links.healAll();
      await world.untilInSync([1, 2, 3]);
      expect(await world.produce(1, ["c"], -1)).toMatchObject({ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER });
    }));

  test("R56: five nodes, links that flap and work one way: few elections, and records go on being acknowledged", () =>
    Scenario.run(
      "R56",
      { nodes: 5, replicas: [1, 2, 3, 4, 5], configs: { "min.insync.replicas": "3" } },
      async (world) => {
        const { links } = world.cluster.network;
        const { random } = world.simulation;
        links.cut(nodeName(2), nodeName(1));
        const epochBefore = world.state.leaderEpoch;
        const endMs = world.nowMs + 60_000;
        let acknowledged = 0;
        let flaps = 0;
        while (world.nowMs < endMs) {
          const [from, to] = [random.between(2, 5), random.between(1, 5)];
          if (from !== to) {
            links.cut(nodeName(from), nodeName(to));
            flaps++;
          }
          const produced = await world.produce(Math.max(1, world.state.leader), [`at ${world.nowMs}`], -1, 3000);
          if (produced?.errorCode === 0) acknowledged++;
          await world.pass(random.between(50, 500));
          links.healAll();
          links.cut(nodeName(2), nodeName(1));
        }
        expect(flaps).toBeGreaterThan(50);
        expect(acknowledged).toBeGreaterThan(20);
        // Links between brokers are no reason to elect anybody.
        expect(world.state.leaderEpoch - epochBefore).toBeLessThanOrEqual(3);
        links.healAll();
        await world.untilInSync([1, 2, 3, 4, 5]);
        await world.until("all logs are the same", () =>
          [2, 3, 4, 5].every((id) => world.logOf(id).join() === world.logOf(1).join()),
        );
      },
    ));
});
