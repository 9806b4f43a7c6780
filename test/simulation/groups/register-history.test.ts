/** Histories of one register, and whether an order explains them. */
import { describe, expect, it } from "vitest";
import { NEVER_WRITTEN, RegisterHistory, type WriteOutcome } from "./register-history.ts";

type Step = readonly ["write", string, number, number, WriteOutcome] | readonly ["read", string, number, number];

function judged(steps: readonly Step[]): string | undefined {
  const history = new RegisterHistory();
  for (const [what, id, startedAt, endedAt, outcome] of steps) {
    if (what === "read") history.read(id, startedAt, endedAt);
    else {
      history.writing(id, startedAt);
      history.written(id, endedAt, outcome);
    }
  }
  return history.contradiction();
}

describe("V11: a committed offset is one register", () => {
  it.each<[string, Step[]]>([
    [
      "what was written is read",
      [
        ["write", "a", 1, 2, "done"],
        ["read", "a", 3, 4],
      ],
    ],
    [
      "nothing is read before",
      [
        ["read", NEVER_WRITTEN, 1, 2],
        ["write", "a", 3, 4, "done"],
      ],
    ],
    [
      "either of two at once",
      [
        ["write", "a", 1, 5, "done"],
        ["write", "b", 2, 6, "done"],
        ["read", "a", 7, 8],
      ],
    ],
    [
      "a write nobody heard of may come late",
      [
        ["write", "a", 1, 2, "unknown"],
        ["write", "b", 3, 4, "done"],
        ["read", "b", 5, 6],
        ["read", "a", 7, 8],
      ],
    ],
    [
      "or never",
      [
        ["write", "a", 1, 2, "unknown"],
        ["write", "b", 3, 4, "done"],
        ["read", "b", 5, 6],
      ],
    ],
    [
      "a read while it is written may see it or not",
      [
        ["write", "a", 1, 10, "done"],
        ["read", NEVER_WRITTEN, 2, 3],
        ["read", "a", 4, 5],
      ],
    ],
  ])("%s", (_what, steps) => {
    expect(judged(steps)).toBeUndefined();
  });

  it.each<[string, Step[]]>([
    [
      "an acknowledged write is lost",
      [
        ["write", "a", 1, 2, "done"],
        ["read", NEVER_WRITTEN, 3, 4],
      ],
    ],
    [
      "an older one is read",
      [
        ["write", "a", 1, 2, "done"],
        ["write", "b", 3, 4, "done"],
        ["read", "a", 5, 6],
      ],
    ],
    [
      "a refused one is read",
      [
        ["write", "a", 1, 2, "refused"],
        ["read", "a", 3, 4],
      ],
    ],
    ["one is read that nobody wrote", [["read", "a", 1, 2]]],
    [
      "one is read before it was written",
      [
        ["read", "a", 1, 2],
        ["write", "a", 3, 4, "done"],
      ],
    ],
    [
      "reads go back and forth",
      [
        ["write", "a", 1, 9, "done"],
        ["write", "b", 1, 9, "done"],
        ["read", "a", 2, 3],
        ["read", "b", 4, 5],
        ["read", "a", 6, 7],
      ],
    ],
  ])("not when %s", (_what, steps) => {
    expect(judged(steps)).toBeDefined();
  });
});
