import { describe, expect, test } from "vitest";
import { type MemoryClaimant, RequestMemory } from "../../../broker/network/request-memory.ts";

/** Claims until it has what it wants, and tells when. */
class Claimant implements MemoryClaimant {
  granted = 0;
  private readonly memory: RequestMemory;
  private readonly name: string;
  private readonly told: string[];
  private wanted = 0;

  constructor(memory: RequestMemory, name: string, told: string[]) {
    this.memory = memory;
    this.name = name;
    this.told = told;
  }

  want(sizeBytes: number): void {
    this.wanted = sizeBytes;
    this.roomFreed();
  }

  roomFreed(): void {
    if (!this.memory.claim(this, this.wanted)) return;
    this.granted += this.wanted;
    this.told.push(this.name);
  }

  finish(): void {
    const { granted } = this;
    this.granted = 0;
    this.memory.leave(this);
    this.memory.give(granted);
  }
}

describe("a node's memory for requests", () => {
  test("one may exceed the limit, the others wait in line", () => {
    const memory = new RequestMemory(100);
    const told: string[] = [];
    const [a, b, c] = ["a", "b", "c"].map((name) => new Claimant(memory, name, told)) as [Claimant, Claimant, Claimant];
    a.want(80);
    b.want(80);
    c.want(30);
    expect([told, memory.usedBytes, memory.waiting]).toEqual([["a", "b"], 160, 1]);
    b.want(1000);
    expect([told.length, memory.usedBytes]).toEqual([3, 1160]);
    a.finish();
    expect([memory.usedBytes, memory.waiting]).toEqual([1080, 1]);
    b.finish();
    expect([told, memory.usedBytes, memory.waiting]).toEqual([["a", "b", "b", "c"], 30, 0]);
  });

  test("who waits is served in order, as far as there is room", () => {
    const memory = new RequestMemory(100);
    const told: string[] = [];
    const [first, second, ...rest] = ["0", "1", "2", "3", "4"].map((name) => new Claimant(memory, name, told));
    first?.want(100);
    second?.want(50);
    for (const claimant of rest) claimant.want(60);
    expect([told, memory.waiting]).toEqual([["0", "1"], 3]);
    first?.finish();
    expect([told, memory.usedBytes, memory.waiting]).toEqual([["0", "1"], 50, 3]);
    second?.finish();
    expect([told, memory.usedBytes, memory.waiting]).toEqual([["0", "1", "2"], 60, 2]);
    for (const claimant of rest) claimant.finish();
    expect([memory.usedBytes, memory.waiting]).toEqual([0, 0]);
  });

  test("who leaves the line is not served", () => {
    const memory = new RequestMemory(10);
    const told: string[] = [];
    const [a, b, c] = ["a", "b", "c"].map((name) => new Claimant(memory, name, told)) as [Claimant, Claimant, Claimant];
    a.want(10);
    b.want(10);
    c.want(10);
    memory.leave(c);
    a.finish();
    b.finish();
    expect([told, memory.usedBytes, memory.waiting]).toEqual([["a", "b"], 0, 0]);
  });

  test("memory ahead of the bytes only while half is free", () => {
    const memory = new RequestMemory(100);
    expect([memory.hasRoomFor(50), memory.hasRoomFor(51)]).toEqual([true, false]);
    memory.add(30);
    expect([memory.hasRoomFor(20), memory.hasRoomFor(21)]).toEqual([true, false]);
  });
});
