/** Ways between nodes that are cut or slow, connection by connection, on the machine's own sockets. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Connection, Listener } from "../../../broker/network/network.ts";
import { NodeNetwork } from "../../../broker/network/node-network.ts";
import { FaultyNetwork, KnownPorts } from "../../../cluster/faults/faulty-network.ts";
import { Links } from "../../../cluster/faults/links.ts";
import { NodeClock } from "../../../storage/node-clock.ts";

/** One end of a connection, with all that came to it. */
class End {
  readonly connection: Connection;
  text = "";
  ended = false;
  closed = false;
  private readonly memory = Buffer.alloc(4096);

  constructor(connection: Connection) {
    this.connection = connection;
    connection.receive({
      target: () => this.memory,
      received: (sizeBytes) => {
        this.text += this.memory.toString("latin1", 0, sizeBytes);
        return true;
      },
      ended: () => {
        this.ended = true;
      },
      closed: () => {
        this.closed = true;
      },
    });
  }

  say(text: string, flushed?: () => void): void {
    this.connection.write([Buffer.from(text)], flushed);
  }
}

let links: Links;
let listener: Listener;
let one: FaultyNetwork;
/** Whose ways nobody cuts. */
let bystander: FaultyNetwork;
let accepted: End[];

beforeEach(async () => {
  links = new Links(new NodeClock());
  const ports = new KnownPorts();
  one = new FaultyNetwork(new NodeNetwork(), 1, links, ports);
  bystander = new FaultyNetwork(new NodeNetwork(), 3, links, ports);
  const two = new FaultyNetwork(new NodeNetwork(), 2, links, ports);
  accepted = [];
  listener = await two.listen({ host: "127.0.0.1", port: 0 }, (connection) => accepted.push(new End(connection)));
});
afterEach(async () => {
  links.close();
  await listener.close();
  for (const end of accepted) end.connection.destroy();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * What was sent, dialled or ended before on a way that is not cut has arrived: somebody else came to the same listener since, and was
 * answered several times.
 */
async function whatIsNotCutHasArrived(): Promise<void> {
  const known = new Set(accepted);
  const here = new End(await bystander.connect(listener.address));
  here.say("0");
  await until(() => accepted.some((end) => !known.has(end) && end.text === "0"));
  const there = accepted.find((end) => !known.has(end) && end.text === "0") as End;
  for (let round = 1; round <= 5; round++) {
    there.say("a");
    await until(() => here.text.length === round);
    here.say("q");
    await until(() => there.text.length === round + 1);
  }
  here.connection.destroy();
  await until(() => there.ended || there.closed);
  there.connection.destroy();
  accepted = accepted.filter((end) => end !== there);
}

async function connected(): Promise<[here: End, there: End]> {
  const here = new End(await one.connect(listener.address));
  await until(() => accepted.length > 0);
  return [here, accepted.at(-1) as End];
}

function cut(from: 1 | 2, to: 1 | 2): void {
  links.direction(from, to).cut = true;
}

test("what is sent over a cut way does not arrive, and does when it is healed; nobody hears of anything", async () => {
  const [here, there] = await connected();
  here.say("before ");
  await until(() => there.text === "before ");
  cut(1, 2);
  cut(2, 1);
  let isFlushed = false;
  here.say("during", () => {
    isFlushed = true;
  });
  there.say("back");
  await whatIsNotCutHasArrived();
  expect([there.text, here.text, isFlushed, here.closed, there.closed]).toEqual(["before ", "", false, false, false]);
  expect(here.connection.unsentBytes).toBe(6);
  links.heal();
  await until(() => there.text === "before during" && here.text === "back" && isFlushed);
  here.connection.destroy();
  await until(() => there.ended || there.closed);
});

test("one direction may be cut alone", async () => {
  const [here, there] = await connected();
  cut(2, 1);
  here.say("hello");
  await until(() => there.text === "hello");
  there.say("answer");
  await whatIsNotCutHasArrived();
  expect(here.text).toBe("");
  links.heal(1, 2);
  await until(() => here.text === "answer");
  here.connection.destroy();
});

test("a side that ends meanwhile is not heard of before the way is healed, whichever side it is", async () => {
  const [here, there] = await connected();
  const [other, itsPeer] = await connected();
  cut(1, 2);
  cut(2, 1);
  here.say("lost");
  here.connection.destroy({ reset: true });
  itsPeer.connection.destroy({ reset: true });
  await until(() => here.closed);
  await whatIsNotCutHasArrived();
  expect([there.closed, there.ended, other.closed, other.ended]).toEqual([false, false, false, false]);
  links.heal();
  await until(() => there.closed && other.closed);
  // Whoever is gone sends nothing more.
  expect(there.text).toBe("");
});

test("a dial over a cut way takes its time and fails, or succeeds when it is healed meanwhile", async () => {
  cut(2, 1);
  const started = performance.now();
  await expect(one.connect(listener.address, { timeoutMs: 60 })).rejects.toMatchObject({ kind: "timeout" });
  expect(performance.now() - started).toBeGreaterThanOrEqual(59);
  const dial = one.connect(listener.address, { timeoutMs: 10_000 });
  await whatIsNotCutHasArrived();
  expect(accepted).toEqual([]);
  links.heal();
  const here = new End(await dial);
  here.say("here");
  await until(() => accepted[0]?.text === "here");
  here.connection.destroy();
});

test("a slow way brings everything late, in order and whole, in both directions", async () => {
  const [here, there] = await connected();
  links.direction(1, 2).delayMs = 50;
  links.direction(2, 1).delayMs = 50;
  const long = Array.from({ length: 20_000 }, (_, index) => `${index},`).join("");
  const started = performance.now();
  here.say(long);
  here.connection.end();
  await until(() => there.ended);
  expect(performance.now() - started).toBeGreaterThanOrEqual(49);
  expect(there.text).toBe(long);
  const back = performance.now();
  there.say(long);
  await until(() => here.text.length === long.length);
  expect(performance.now() - back).toBeGreaterThanOrEqual(49);
  expect(here.text).toBe(long);
  // Many pieces are on their way at once: a slow way is not a narrow one.
  expect(performance.now() - back).toBeLessThan(5000);
  here.connection.destroy();
});
