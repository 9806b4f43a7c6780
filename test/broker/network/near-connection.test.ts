/** What connections inside a process have to see to themselves, where others have a kernel. */
import { expect, test } from "vitest";
import { NearConnection } from "../../../broker/network/near-connection.ts";
import type { Receiver } from "../../../broker/network/network.ts";

const [HERE, THERE] = [
  { host: "127.0.0.1", port: 65_536 },
  { host: "127.0.0.1", port: 9092 },
];

/** Turns that are run by hand. */
class Turns {
  private due: (() => void)[] = [];
  readonly later = (run: () => void): void => void this.due.push(run);

  /** Runs what is due now; false when there was nothing. */
  next(): boolean {
    const due = this.due;
    this.due = [];
    for (const run of due) run();
    return due.length > 0;
  }

  all(): void {
    while (this.next());
  }
}

class Taker implements Receiver {
  text = "";
  sizeBytes = 0;
  readonly events: string[] = [];
  goesOn = true;
  private readonly memory: Buffer;

  constructor(memoryBytes = 4) {
    this.memory = Buffer.alloc(memoryBytes);
  }

  target = (): Buffer => this.memory;

  received(sizeBytes: number): boolean {
    if (sizeBytes <= 8) this.text += this.memory.toString("latin1", 0, sizeBytes);
    this.sizeBytes += sizeBytes;
    return this.goesOn;
  }

  ended = (): void => void this.events.push("ended");
  closed = (error: Error | undefined): void => void this.events.push(error === undefined ? "closed" : "reset");
}

function pair(turns: Turns) {
  const here = new NearConnection(HERE, THERE, turns.later);
  const there = new NearConnection(THERE, HERE, turns.later);
  NearConnection.join(here, there);
  return { here, there };
}

test("what is written is referred to until it is flushed, and flushed once it is read", () => {
  const turns = new Turns();
  const { here, there } = pair(turns);
  const memory = Buffer.from("0123456789");
  here.write([memory.subarray(0, 5), memory.subarray(5)], () => memory.fill("x"));
  turns.all();
  expect([memory.toString(), here.unsentBytes]).toEqual(["0123456789", 10]);
  const taker = new Taker();
  taker.goesOn = false;
  there.receive(taker);
  turns.all();
  expect([taker.text, memory.toString(), here.unsentBytes]).toEqual(["0123", "0123456789", 6]);
  taker.goesOn = true;
  there.resume();
  turns.all();
  expect([taker.text, memory.toString(), here.unsentBytes]).toEqual(["0123456789", "xxxxxxxxxx", 0]);
});

test("what a writer wrote before it went comes whole, though its memory is used again", () => {
  const turns = new Turns();
  const { here, there } = pair(turns);
  const memory = Buffer.from("0123456789");
  const taker = new Taker();
  taker.goesOn = false;
  there.receive(taker);
  here.write([memory.subarray(0, 6), memory.subarray(6)], () => memory.fill("x"));
  here.write([Buffer.from("!")]);
  turns.all();
  here.destroy();
  turns.all();
  expect([taker.text, memory.toString()]).toEqual(["0123", "xxxxxxxxxx"]);
  taker.goesOn = true;
  there.resume();
  turns.all();
  expect(taker.text).toBe("0123456789!");
});

test("whoever waits for an answer and goes is known to be gone once all it sent is read, or somebody writes", () => {
  for (const writes of [false, true]) {
    const turns = new Turns();
    const { here, there } = pair(turns);
    const taker = new Taker();
    there.receive(taker);
    here.write([Buffer.from("?")]);
    turns.all();
    here.destroy();
    if (writes) there.write([Buffer.from("to nobody")]);
    turns.all();
    expect([taker.text, taker.events]).toEqual(["?", writes ? ["reset"] : ["ended", "closed"]]);
  }
});

test("whoever goes with bytes unread resets the other side, and what it wrote is lost", () => {
  const turns = new Turns();
  const { here, there } = pair(turns);
  const [own, other] = [new Taker(), new Taker()];
  here.receive(own);
  there.receive(other);
  let flushed = 0;
  here.write([Buffer.from("unread")], () => flushed++);
  there.write([Buffer.from("lost")], () => flushed++);
  there.destroy();
  turns.all();
  expect([other.text, other.events, own.events, flushed]).toEqual(["", ["closed"], ["reset"], 2]);
});

test("a connection that has much to read leaves turns to others", () => {
  const turns = new Turns();
  const { here, there } = pair(turns);
  const taker = new Taker(64 * 1024);
  there.receive(taker);
  here.write([Buffer.alloc(7 * 1024 * 1024)]);
  const perTurn: number[] = [];
  for (let before = 0; turns.next(); before = taker.sizeBytes) perTurn.push((taker.sizeBytes - before) / 1024 / 1024);
  expect(perTurn).toEqual([2, 2, 2, 1]);
});

test("nothing is told in the turn that causes it", () => {
  const turns = new Turns();
  const { here, there } = pair(turns);
  const [own, other] = [new Taker(), new Taker()];
  here.receive(own);
  there.receive(other);
  here.write([Buffer.from("a")]);
  here.end();
  expect([other.text, other.events]).toEqual(["", []]);
  turns.all();
  expect([other.text, other.events]).toEqual(["a", ["ended"]]);
  there.end();
  expect([own.events, other.events]).toEqual([[], ["ended"]]);
  turns.all();
  expect([own.events, other.events]).toEqual([
    ["ended", "closed"],
    ["ended", "closed"],
  ]);
});

test("so much is read of one connection in a turn, however much the reader has room for", () => {
  const turns = new Turns();
  const { here, there } = pair(turns);
  const taker = new Taker(8 << 20);
  there.receive(taker);
  here.write([Buffer.alloc(5 << 20)]);
  const sizes: number[] = [];
  while (turns.next()) sizes.push(taker.sizeBytes);
  expect(sizes.slice(0, 3)).toEqual([2 << 20, 4 << 20, 5 << 20]);
});
