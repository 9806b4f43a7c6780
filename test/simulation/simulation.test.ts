import { describe, expect, test } from "vitest";
import { SeededRandom } from "./seeded-random.ts";
import { Simulation as Run, type Simulation, simulateTwice } from "./simulation.ts";

/** Nodes that set timers, draw, write and sync: what happens, in order. */
async function busy(simulation: Simulation, log: string[]): Promise<void> {
  const nodes = ["a", "b", "c"].map((name) => simulation.boot(name));
  await Promise.all(
    nodes.map(async (node) => {
      const file = node.disk.open("/f", { create: true });
      for (let i = 0; i < 30; i++) {
        file.append([node.random.bytes(8)]);
        const delayMs = node.random.below(5);
        await Promise.all([file.sync(), new Promise<void>((resolve) => node.clock.after(delayMs, resolve))]);
        log.push(`${node.name}${i}`);
      }
    }),
  );
}

describe("a simulation", () => {
  test("the same seed makes the same events happen, another seed others", async () => {
    const orders = new Set<string>();
    const hashes = new Set<string>();
    for (const seed of ["one", "one", "two"]) {
      const simulation = new Run({ seed, latencyMs: [0, 3] });
      const log: string[] = [];
      await simulation.run(() => busy(simulation, log));
      orders.add(log.join());
      hashes.add(simulation.scheduler.hash);
    }
    expect(orders.size).toBe(2);
    expect(hashes.size).toBe(2);
  });

  test("a run that does not repeat itself is found out", async () => {
    let runs = 0;
    const body = async (simulation: Simulation) => {
      const { clock } = simulation.boot("a");
      const delayMs = ++runs;
      await new Promise<void>((resolve) => clock.after(delayMs, resolve));
    };
    await expect(simulateTwice({ seed: 1 }, body)).rejects.toThrow("seed 1 is not deterministic");
  });

  test("a day of timers passes in no time, in the order of their deadlines", async () => {
    await simulateTwice({ seed: 3, latencyMs: [0, 0] }, async (simulation) => {
      const { clock } = simulation.boot("a");
      const fired: number[] = [];
      for (const hour of [5, 1, 23, 3])
        clock.after(hour * 3_600_000, () => fired.push(clock.monotonicMs() / 3_600_000));
      clock.after(10, () => fired.push(-1)).cancel();
      await new Promise<void>((resolve) => clock.after(86_400_000, resolve));
      expect(fired).toEqual([1, 3, 5, 23]);
      expect(clock.wallMs()).toBe(1_700_000_000_000 + 86_400_000);
      clock.jumpWall(-3_600_000);
      expect(clock.wallMs()).toBe(1_700_000_000_000 + 82_800_000);
      expect(clock.monotonicMs()).toBe(86_400_000);
    });
  });

  test("all that an event makes ready has run before the next", async () => {
    const simulation = new Run({ seed: 1, shuffleTies: false });
    await simulation.run(async () => {
      const { clock } = simulation.boot("a");
      const seen: string[] = [];
      const chain = async () => {
        for (let i = 0; i < 50; i++) await null;
        seen.push("chain");
      };
      clock.after(1, () => void chain());
      await new Promise<void>((resolve) => clock.after(1, resolve));
      expect(seen).toEqual(["chain"]);
    });
  });

  test("nothing of a killed node happens any more, and its unsynced bytes are at the seed's mercy", async () => {
    await simulateTwice({ seed: 5, latencyMs: [10, 10] }, async (simulation) => {
      const first = simulation.boot("a");
      const watcher = simulation.boot("watcher");
      const seen: string[] = [];
      first.clock.after(100, () => seen.push("dead timer"));
      const file = first.disk.open("/f", { create: true });
      file.append([Buffer.from("never synced")]);
      void file.sync().then(() => seen.push("dead sync"));
      await new Promise<void>((resolve) => watcher.clock.after(5, resolve));
      simulation.kill("a", { powerLoss: true, unsynced: "dropped", names: "kept" });
      const second = simulation.boot("a");
      await new Promise<void>((resolve) => watcher.clock.after(500, resolve));
      expect(seen).toEqual([]);
      expect(second.disk.readFile("/f").toString()).toBe("");
      expect(() => simulation.boot("a")).toThrow("runs already");
    });
  });

  test("after a stall a node's due timers come first, and afterPoll behind all that came meanwhile", async () => {
    const simulation = new Run({ seed: 1 });
    await simulation.run(async () => {
      const node = simulation.boot("a");
      const other = simulation.boot("b");
      const seen: string[] = [];
      node.clock.after(20, () => {
        seen.push(`deadline at ${node.clock.monotonicMs()}`);
        node.clock.afterPoll(() => seen.push("judged"));
      });
      simulation.stall("a", 50);
      simulation.scheduler.schedule({ node, kind: "heartbeat", delayMs: 10, run: () => seen.push("heartbeat") });
      await new Promise<void>((resolve) => other.clock.after(100, resolve));
      expect(seen).toEqual(["deadline at 50", "heartbeat", "judged"]);
    });
  });

  test("an invariant is checked after every event, and stops the run where it breaks", async () => {
    const simulation = new Run({ seed: 1 });
    const { clock } = simulation.boot("a");
    let value = 0;
    simulation.scheduler.always(() => {
      if (value > 2) throw new Error(`value ${value} at ${simulation.scheduler.nowMs}`);
    });
    for (let i = 1; i <= 5; i++) clock.after(i * 10, () => void value++);
    await expect(simulation.scheduler.advance(100)).rejects.toThrow("value 3 at 30");
  });

  test("waiting for what cannot happen ends with an error", async () => {
    const simulation = new Run({ seed: 1 });
    await expect(simulation.run(() => new Promise<void>(() => {}))).rejects.toThrow("cannot happen any more");
  });

  test("tasks finish at a virtual time, in an order of the seed", async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 10; seed++) {
      const simulation = new Run({ seed, latencyMs: [1, 50] });
      const { compute } = simulation.boot("a");
      const order: number[] = [];
      await simulation.run(async () => {
        await Promise.all(
          [1, 2, 3].map((n) => compute.run({ kind: "n", input: n, run: () => n }).then((result) => order.push(result))),
        );
      });
      orders.add(order.join());
    }
    expect(orders.size).toBeGreaterThan(1);
  });

  test("rare things happen at some sites of a seed, at the same ones each time", () => {
    const fired = (seed: number) => {
      const { buggify } = new Run({ seed }).boot("a");
      for (let i = 0; i < 200; i++) for (let site = 0; site < 10; site++) buggify.rarely(`site ${site}`);
      return [...buggify.fired.keys()].sort().join();
    };
    expect(fired(1)).toBe(fired(1));
    const different = new Set([1, 2, 3, 4, 5].map(fired));
    expect(different.size).toBeGreaterThan(2);
  });
});

describe("seeded randomness", () => {
  test("is spread over the whole range, and a split does not depend on what was drawn before", () => {
    const random = new SeededRandom("x");
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 4000; i++) counts[random.below(4)]!++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
    for (let i = 0; i < 100; i++) {
      const large = random.below(2 ** 48);
      expect(Number.isSafeInteger(large) && large >= 0 && large < 2 ** 48).toBe(true);
    }
    expect(random.split("n").bytes(16)).toEqual(new SeededRandom("x").split("n").bytes(16));
    expect(random.split("n").bytes(16)).not.toEqual(random.split("m").bytes(16));
  });
});
