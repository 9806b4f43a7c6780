import { afterAll, describe, expect, test } from "vitest";
import { type Connection, NetworkError, type Receiver } from "../../../broker/network/network.ts";
import { networkContract } from "../../broker/network/network-contract.ts";
import type { EventOwner } from "../event-heap.ts";
import { drain } from "../node-drain.ts";
import { Scheduler } from "../scheduler.ts";
import { SeededRandom } from "../seeded-random.ts";
import { Links } from "./links.ts";
import { type NetworkHabits, SimulatedNetwork } from "./simulated-network.ts";

const GOOD: NetworkHabits = { splitChance: 0, windowBytes: 65536, lossChance: 0 };

function makeNetwork(habits: Partial<NetworkHabits> = {}, seed = "n") {
  const random = new SeededRandom(seed);
  const scheduler = new Scheduler({ random: random.split("ties"), draws: () => random.draws });
  const links = new Links(random, { latencyMs: 1, jitterMs: 2 });
  const network = new SimulatedNetwork({ scheduler, random, habits: { ...GOOD, ...habits }, links });
  const owner = (name: string): EventOwner => ({ name, alive: true, stalledUntilMs: 0 });
  return { scheduler, links, network, owner };
}

describe("as every network", () => {
  const running: { stopped: boolean }[] = [];
  afterAll(() => {
    for (const one of running) one.stopped = true;
  });

  /** Steps by itself, for tests that know nothing of virtual time. */
  const moving = (habits: Partial<NetworkHabits>) => {
    const { scheduler, network, owner } = makeNetwork(habits);
    const state = { stopped: false };
    running.push(state);
    const turn = async (): Promise<void> => {
      while (!state.stopped) if (!(await scheduler.step())) await drain();
    };
    void turn();
    return network.host(owner("a"));
  };

  describe("whole pieces", () => networkContract(() => moving({}), "127.0.0.1"));
  describe("pieces cut anywhere, a small window", () =>
    networkContract(() => moving({ splitChance: 0.5, windowBytes: 3000 }), "127.0.0.1"));
});

class Reader implements Receiver {
  text = "";
  readonly connection: Connection;
  reads: number[] = [];
  endings: string[] = [];
  goOn = true;
  private readonly memory = Buffer.alloc(100);

  constructor(connection: Connection) {
    this.connection = connection;
    connection.receive(this);
  }

  target(): Buffer {
    return this.memory;
  }

  received(sizeBytes: number): boolean {
    this.text += this.memory.toString("latin1", 0, sizeBytes);
    this.reads.push(sizeBytes);
    return this.goOn;
  }

  ended(): void {
    this.endings.push("end");
  }

  closed(error: Error | undefined): void {
    this.endings.push(error === undefined ? "closed" : (error as NetworkError).kind);
  }
}

async function pairOf(habits: Partial<NetworkHabits> = {}, seed?: string) {
  const made = makeNetwork(habits, seed);
  const { network, owner, scheduler } = made;
  const owners = { a: owner("a"), b: owner("b") };
  const [a, b] = [network.host(owners.a), network.host(owners.b)];
  let there: Reader | undefined;
  const listener = await b.listen({ host: "127.0.0.1", port: 0 }, (connection) => {
    there = new Reader(connection);
  });
  const here = new Reader(await scheduler.until(a.connect(listener.address)));
  await scheduler.advance(10);
  if (there === undefined) throw new Error("nobody was accepted");
  return { ...made, owners, a, b, here, there, listener };
}

const kindOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "none",
    (error: unknown) => (error instanceof NetworkError ? error.kind : String(error)),
  );

describe("what a simulated network can do besides", () => {
  test("bytes arrive cut and joined in ways of the seed, the same each time", async () => {
    const readsOf = async (seed: string): Promise<number[]> => {
      const { here, there, scheduler } = await pairOf({ splitChance: 0.4 }, seed);
      for (let i = 0; i < 40; i++) {
        here.connection.write([Buffer.from(`piece ${i}.`)]);
        await scheduler.advance(i % 4);
      }
      await scheduler.advance(100);
      expect(there.text).toBe(Array.from({ length: 40 }, (_, i) => `piece ${i}.`).join(""));
      return there.reads;
    };
    const first = await readsOf("one");
    expect(first.some((size) => size < 8) && first.some((size) => size > 9)).toBe(true);
    expect(await readsOf("one")).toEqual(first);
    expect(await readsOf("two")).not.toEqual(first);
  });

  test("a cut one way: bytes wait, nobody is told, and they arrive once it heals; the other way works", async () => {
    const { here, there, links, scheduler } = await pairOf();
    links.cut("a", "b");
    here.connection.write([Buffer.from("late")]);
    there.connection.write([Buffer.from("soon")]);
    await scheduler.advance(60_000);
    expect([here.text, there.text, ...here.endings, ...there.endings]).toEqual(["soon", ""]);
    links.heal("a", "b");
    await scheduler.advance(1000);
    expect(there.text).toBe("late");
  });

  test("a dial over a cut neither refuses nor connects: it runs out of time, or connects once healed", async () => {
    const { a, listener, links, scheduler } = await pairOf();
    links.cut("b", "a");
    expect(await scheduler.until(kindOf(a.connect(listener.address, { timeoutMs: 500 })))).toBe("timeout");
    const patient = kindOf(a.connect(listener.address, { timeoutMs: 5000 }));
    await scheduler.advance(1000);
    links.healAll();
    expect(await scheduler.until(patient)).toBe("none");
  });

  test("a reset that is lost on a cut leaves the other end half open, until it writes", async () => {
    const { here, there, links, scheduler } = await pairOf();
    links.cut("b", "a");
    there.connection.destroy({ reset: true });
    await scheduler.advance(100);
    links.healAll();
    await scheduler.advance(60_000);
    expect(here.endings).toEqual([]);
    here.connection.write([Buffer.from("anybody?")]);
    await scheduler.advance(100);
    expect(here.endings).toEqual(["reset"]);
  });

  test("without power a host says nothing; once it is back it resets what it does not know, and refuses", async () => {
    const { here, there, a, network, listener, scheduler } = await pairOf();
    network.powerOff("b");
    here.connection.write([Buffer.from("hello?")]);
    expect(await scheduler.until(kindOf(a.connect(listener.address, { timeoutMs: 300 })))).toBe("timeout");
    await scheduler.advance(1000);
    expect([here.endings, there.text]).toEqual([[], ""]);
    network.powerOn("b");
    await scheduler.advance(1000);
    expect(here.endings).toEqual(["reset"]);
    expect(await scheduler.until(kindOf(a.connect(listener.address)))).toBe("refused");
  });

  test("a host that stands still is dialled all the same, and reads when it goes on", async () => {
    const { a, listener, owners, scheduler, here, there } = await pairOf();
    owners.b.stalledUntilMs = scheduler.nowMs + 5000;
    expect(await scheduler.until(kindOf(a.connect(listener.address, { timeoutMs: 100 })))).toBe("none");
    here.connection.write([Buffer.from("wait")]);
    await scheduler.advance(4000);
    expect(there.text).toBe("");
    await scheduler.advance(2000);
    expect(there.text).toBe("wait");
  });

  test("loss breaks a connection: both ends are told, in the middle of what was sent", async () => {
    const { here, there, scheduler, network } = await pairOf({ lossChance: 0.1 });
    for (let i = 0; i < 200; i++) {
      here.connection.write([Buffer.from("0123456789")]);
      await scheduler.advance(1);
    }
    await scheduler.advance(100);
    expect([here.endings, there.endings]).toEqual([["reset"], ["reset"]]);
    expect(there.text.length % 10).toBe(0);
    expect(there.text.length).toBeLessThan(2000);
    expect(network.losses).toBe(1);
  });

  test("a connection that breaks over a cut ends once that heals: what comes after what was lost is never read", async () => {
    const { here, there, links, scheduler, network } = await pairOf();
    here.connection.write([Buffer.from("one")]);
    await scheduler.advance(100);
    links.cut("a", "b");
    here.connection.write([Buffer.from("two")]);
    network.breakBetween("a", "b");
    here.connection.write([Buffer.from("three")]);
    await scheduler.advance(1000);
    links.healAll();
    await scheduler.advance(1000);
    expect([there.text, there.endings]).toEqual(["one", ["reset"]]);
  });

  test("a window that is full holds back the sender until the other end has read", async () => {
    const { here, there, scheduler } = await pairOf({ windowBytes: 1000 });
    there.goOn = false;
    let flushed = 0;
    for (let i = 0; i < 5; i++) here.connection.write([Buffer.alloc(600)], () => flushed++);
    await scheduler.advance(1000);
    expect([flushed, here.connection.unsentBytes, there.text.length]).toEqual([1, 1900, 100]);
    there.goOn = true;
    there.connection.resume();
    await scheduler.advance(1000);
    expect([flushed, here.connection.unsentBytes, there.text.length]).toEqual([5, 0, 3000]);
  });
});
