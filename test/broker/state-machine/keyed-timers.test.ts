import { beforeEach, describe, expect, it } from "vitest";
import { KeyedTimers } from "../../../broker/state-machine/keyed-timers.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

let clock: ManualClock;
let due: string[];
let timers: KeyedTimers<string>;

beforeEach(() => {
  clock = new ManualClock();
  due = [];
  timers = new KeyedTimers(clock, (_, event) => due.push(event));
});

describe("KeyedTimers", () => {
  it("has one deadline per key, the one set last", () => {
    timers.schedule("a", 100, "a1");
    timers.schedule("b", 50, "b1");
    timers.schedule("a", 200, "a2");
    clock.advance(150);
    expect(due).toEqual(["b1"]);
    timers.schedule("a", 10, "a3");
    clock.advance(10);
    expect(due).toEqual(["b1", "a3"]);
    clock.advance(1000);
    expect([due, timers.size, clock.pending]).toEqual([["b1", "a3"], 0, 0]);
  });

  it("what is set within a millisecond is due as if set when that began", () => {
    clock.advance(0.9);
    timers.schedule("a", 100, "a1");
    clock.advance(99.1);
    expect(due).toEqual(["a1"]);
  });

  it("what is cancelled does not come, also when it is set anew", () => {
    timers.schedule("a", 100, "a1");
    timers.cancel("a");
    timers.cancel("nothing");
    timers.schedule("a", 300, "a2");
    clock.advance(299);
    expect(due).toEqual([]);
    clock.advance(1);
    expect(due).toEqual(["a2"]);
  });

  it("R158: a member whose sign of life was read after a stall is alive, others are not", () => {
    timers.schedule("heard", 100, "heard", true);
    timers.schedule("silent", 100, "silent", true);
    timers.schedule("gone", 100, "gone", true);
    clock.stall(600, () => {
      timers.schedule("heard", 100, "heard", true);
      timers.cancel("gone");
    });
    expect(due).toEqual(["silent"]);
    clock.advance(100);
    expect(due).toEqual(["silent", "heard"]);
  });

  it("R158: a phase ends only after what came during a stall was read, however long it was", () => {
    timers.schedule("joined by all meanwhile", 100, "joined by all meanwhile");
    timers.schedule("began anew meanwhile", 100, "began anew meanwhile");
    timers.schedule("over", 100, "over");
    clock.stall(9000, () => {
      timers.cancel("joined by all meanwhile");
      timers.schedule("began anew meanwhile", 50, "began anew meanwhile");
    });
    expect(due).toEqual(["over"]);
    clock.advance(50);
    expect(due).toEqual(["over", "began anew meanwhile"]);
  });

  it("R158: a long stall counts against nobody, deadlines of other kinds come", () => {
    timers.schedule("member", 10_000, "member", true);
    timers.schedule("phase", 10_000, "phase");
    clock.advance(9000);
    clock.stall(60_000);
    expect(due).toEqual(["phase"]);
    clock.advance(9999);
    expect(due).toEqual(["phase"]);
    clock.advance(1);
    expect(due).toEqual(["phase", "member"]);
  });

  it("a deadline may set and cancel others when it comes", () => {
    timers = new KeyedTimers(clock, (key, event) => {
      due.push(event);
      if (key === "a") {
        timers.schedule("c", 10, "c");
        timers.cancel("d");
      }
    });
    timers.schedule("a", 10, "a");
    timers.schedule("d", 20, "d");
    clock.advance(100);
    expect(due).toEqual(["a", "c"]);
  });

  it("closing ends all, in the middle of a turn too", () => {
    timers = new KeyedTimers(clock, (_, event) => {
      due.push(event);
      timers.close();
    });
    timers.schedule("a", 10, "a");
    timers.schedule("b", 10, "b");
    timers.schedule("c", 10, "c", true);
    clock.advance(100);
    expect([due, clock.pending]).toEqual([["a"], 0]);
  });

  it("many deadlines, moved about, come in the order of their times", () => {
    const random = new SeededRandom(5);
    const expected = new Map<string, number>();
    for (let i = 0; i < 20_000; i++) {
      const key = `k${random.below(500)}`;
      if (random.oneIn(5)) {
        timers.cancel(key);
        expected.delete(key);
      } else {
        const delayMs = random.below(10_000);
        timers.schedule(key, delayMs, key, random.oneIn(2));
        expected.set(key, clock.monotonicMs() + delayMs);
      }
    }
    expect(timers.size).toBe(expected.size);
    const times = new Map<string, number>();
    for (let at = 0; at < 10_000; at += 10) {
      clock.advance(10);
      for (const key of due.splice(0)) times.set(key, clock.monotonicMs());
    }
    expect(times.size).toBe(expected.size);
    for (const [key, at] of expected) expect(Math.abs((times.get(key) as number) - at)).toBeLessThanOrEqual(10);
  });
});
