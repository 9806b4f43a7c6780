/** The checker on histories written by hand, good and bad. */
import { describe, expect, test } from "vitest";
import { type CheckOptions, checkHistory } from "./checker.ts";
import type { Operation, Outcome, Step } from "./history.ts";

let clockMs = 0;

/** "s0/1@5": sends value 1 to key 0, at offset 5; "s0/1": its offset is not known; "p0/1@5 0/2@6": polls. */
function op(process: number, outcome: Outcome, text: string, repositioned = false): Operation {
  const steps = text.split(", ").map((part): Step => {
    const places = part.slice(1).split(" ");
    const values = places.map((place) => {
      const [key, value, offset] = place.split(/[/@]/);
      return { key: Number(key), value: Number(value), offset: offset === undefined ? undefined : Number(offset) };
    });
    if (part.startsWith("p")) return { kind: "poll", values: values.map((v) => ({ ...v, offset: v.offset ?? -1 })) };
    return { kind: "send", ...(values[0] as (typeof values)[number]) };
  });
  return { process, outcome, steps, repositioned, startedMs: clockMs++, endedMs: clockMs++ };
}

function failures(history: readonly Operation[], options: CheckOptions = {}): string[] {
  return [...new Set(checkHistory(history, options).failures.map(({ kind }) => kind))].sort();
}

function allowed(history: readonly Operation[]): string[] {
  return checkHistory(history).allowed.map(({ kind }) => kind);
}

describe("good histories", () => {
  test("the empty one", () => expect(failures([], { polledToEnd: true })).toEqual([]));

  test("everything sent is polled in order, with gaps where markers are", () => {
    const history = [
      op(0, "ok", "s0/1@0, s0/2@1"),
      op(1, "ok", "s0/3@3"),
      op(2, "ok", "p0/1@0 0/2@1"),
      op(2, "ok", "p0/3@3"),
    ];
    expect(failures(history, { polledToEnd: true })).toEqual([]);
  });

  test("what was aborted is not read", () => {
    expect(failures([op(0, "failed", "s0/1@0"), op(0, "ok", "s0/2@2"), op(1, "ok", "p0/2@2")])).toEqual([]);
  });

  test("what nobody knows may be there or not", () => {
    expect(failures([op(0, "unknown", "s0/1"), op(1, "ok", "s0/2@1"), op(2, "ok", "p0/2@1")])).toEqual([]);
    expect(failures([op(0, "unknown", "s0/1@0"), op(1, "ok", "s0/2@1"), op(2, "ok", "p0/1@0 0/2@1")])).toEqual([]);
  });

  test("two transactions whose sends interleave", () => {
    const history = [
      op(0, "ok", "s0/1@0, s0/3@2"),
      op(1, "ok", "s0/2@1, s0/4@3"),
      op(2, "ok", "p0/1@0 0/2@1 0/3@2 0/4@3"),
    ];
    expect(failures(history)).toEqual([]);
    expect(allowed(history)).toEqual(["internal-send-skip", "internal-send-skip", "write-cycle"]);
  });

  test("a process that is given other positions", () => {
    const history = [op(0, "ok", "s0/1@0, s0/2@1"), op(1, "ok", "p0/1@0 0/2@1"), op(1, "ok", "p0/1@0 0/2@1", true)];
    expect(failures(history)).toEqual([]);
  });
});

describe("bad histories", () => {
  test("two values at one offset", () => {
    expect(failures([op(0, "ok", "p0/1@0"), op(1, "ok", "p0/2@0")])).toEqual(["inconsistent-offsets"]);
    expect(failures([op(0, "ok", "s0/1@0"), op(1, "ok", "p0/2@0")])).toContain("inconsistent-offsets");
  });

  test("a value at two offsets", () => {
    expect(failures([op(0, "ok", "s0/1@0"), op(1, "ok", "p0/1@0 0/1@1")])).toContain("duplicate");
  });

  test("a write that is lost: something after it was read", () => {
    const history = [op(0, "ok", "s0/1@0"), op(0, "ok", "s0/2@1"), op(1, "ok", "p0/2@1")];
    expect(failures(history)).toEqual(["lost-write"]);
    // Not before: it may be on its way.
    expect(failures(history.slice(0, 2))).toEqual([]);
  });

  test("half of a transaction of which nobody knew is read, and the other half is lost", () => {
    const history = [op(0, "unknown", "s0/1@0, s1/1@0"), op(0, "ok", "s1/2@1"), op(1, "ok", "p0/1@0 1/2@1")];
    expect(failures(history)).toEqual(["lost-write"]);
  });

  test("what was aborted is read", () => {
    expect(failures([op(0, "failed", "s0/1@0"), op(1, "ok", "p0/1@0")])).toEqual(["aborted-read"]);
  });

  test("a transaction reads what it is about to commit", () => {
    expect(failures([op(0, "ok", "s0/1@0, p0/1@0")])).toEqual(["precommitted-read"]);
  });

  test("polls that leave something out or go back, within an operation", () => {
    const sent = op(0, "ok", "s0/1@0, s0/2@1, s0/3@2");
    const all = op(3, "ok", "p0/1@0 0/2@1 0/3@2");
    expect(failures([sent, all, op(1, "ok", "p0/1@0 0/3@2")])).toEqual(["internal-poll-skip"]);
    expect(failures([sent, all, op(1, "ok", "p0/2@1 0/1@0")])).toEqual(["internal-nonmonotonic-poll"]);
  });

  test("and from one operation to the next, save in groups", () => {
    const sent = op(0, "ok", "s0/1@0, s0/2@1, s0/3@2");
    const all = op(3, "ok", "p0/1@0 0/2@1 0/3@2");
    const skipping = [sent, all, op(1, "ok", "p0/1@0"), op(1, "ok", "p0/3@2")];
    const goingBack = [sent, all, op(1, "ok", "p0/1@0 0/2@1"), op(1, "ok", "p0/2@1")];
    expect(failures(skipping)).toEqual(["poll-skip"]);
    expect(failures(goingBack)).toEqual(["nonmonotonic-poll"]);
    for (const history of [skipping, goingBack]) expect(failures(history, { subscribes: true })).toEqual([]);
  });

  test("sends that go down, within an operation and from one to the next", () => {
    expect(failures([op(0, "ok", "s0/1@1, s0/2@0")])).toEqual(["internal-nonmonotonic-send"]);
    expect(failures([op(0, "ok", "s0/1@1"), op(0, "ok", "s0/2@0")])).toEqual(["nonmonotonic-send"]);
    expect(failures([op(0, "ok", "s0/1@1"), op(1, "ok", "s0/2@0")])).toEqual([]);
  });

  test("an acknowledged write that nobody has seen at the end", () => {
    const history = [op(0, "ok", "s0/1@0"), op(0, "ok", "s0/2"), op(1, "ok", "p0/1@0")];
    expect(failures(history)).toEqual([]);
    expect(failures(history, { polledToEnd: true })).toEqual(["unseen"]);
  });

  test("a torn transaction: a part of it is seen at the end, and a part is not", () => {
    const history = [op(0, "unknown", "s0/1@0, s1/1"), op(1, "ok", "p0/1@0")];
    expect(failures(history)).toEqual([]);
    expect(failures(history, { polledToEnd: true })).toEqual(["unseen"]);
  });

  test("two transactions that have each read the other", () => {
    const history = [op(0, "ok", "s0/1@0, p1/1@0"), op(1, "ok", "s1/1@0, p0/1@0")];
    expect(failures(history)).toEqual(["read-cycle"]);
    expect(failures([history[0] as Operation, { ...(history[1] as Operation), outcome: "unknown" }])).toEqual([
      "read-cycle",
    ]);
  });

  test("three in a ring", () => {
    const ring = [op(0, "ok", "s0/1@0, p2/1@0"), op(1, "ok", "s1/1@0, p0/1@0"), op(2, "ok", "s2/1@0, p1/1@0")];
    expect(failures(ring)).toEqual(["read-cycle"]);
    expect(failures(ring.slice(0, 2))).toEqual([]);
  });
});

test("what was seen is told", () => {
  const history = [
    op(0, "ok", "s0/1@0, s0/2@1"),
    op(0, "failed", "s0/3@2"),
    op(1, "unknown", "s0/4"),
    op(2, "ok", "p0/1@0"),
  ];
  const { seen } = checkHistory(history);
  expect(seen).toMatchObject({ operations: 4, sends: 4, polled: 1, committed: 1, aborted: 1, unknown: 1 });
  expect(seen.realtimeLagMs).toBeGreaterThan(0);
});
