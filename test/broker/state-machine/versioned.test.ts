import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Timeline, VersionedMap } from "../../../broker/state-machine/versioned.ts";

describe("VersionedMap", () => {
  it("holds what is so now and what was so at the high watermark, whatever the order of changes and commits", () => {
    const key = fc.constantFrom("a", "b", "__proto__");
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("set" as const),
        key,
        value: fc.integer({ min: 0, max: 9 }),
        written: fc.boolean(),
      }),
      fc.record({ kind: fc.constant("delete" as const), key, written: fc.boolean() }),
      fc.record({ kind: fc.constant("commit" as const), behind: fc.integer({ min: 0, max: 3 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const timeline = new Timeline();
        const map = new VersionedMap<string, number>(timeline);
        const now = new Map<string, number>();
        /** The map as it was at the end of each record: later changes without a record belong to the same end. */
        const history = [new Map<string, number>()];
        let committed = 0;
        for (const s of steps) {
          if (s.kind === "commit") {
            committed = Math.max(committed, timeline.endOffset - s.behind);
            timeline.commit(committed);
          } else {
            if (s.written) timeline.endOffset++;
            if (s.kind === "set") {
              map.set(s.key, s.value);
              now.set(s.key, s.value);
            } else {
              map.delete(s.key);
              now.delete(s.key);
            }
            history[timeline.endOffset] = new Map(now);
          }
          expect(new Map(map.entries())).toEqual(now);
          expect([...map.keys()].sort()).toEqual([...now.keys()].sort());
          expect(new Map(map.committedEntries())).toEqual(history[committed]);
        }
        timeline.commit(timeline.endOffset);
        expect([new Map(map.committedEntries()), map.size, timeline.size]).toEqual([now, now.size, 0]);
      }),
      { seed: 11, numRuns: 500 },
    );
  });

  it("keeps one waiting change per value and record, however often it changes", () => {
    const timeline = new Timeline();
    const map = new VersionedMap<string, number>(timeline);
    timeline.endOffset = 1;
    for (let i = 0; i < 1000; i++) map.set("a", i);
    expect(timeline.size).toBe(1);
    timeline.commit(1);
    expect([map.committed("a"), timeline.size]).toEqual([999, 0]);
  });
});
