import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PersistentMap } from "../../../broker/state-machine/persistent-map.ts";

/** Depth of the tree behind a map. */
function depth(map: PersistentMap<unknown>): number {
  interface Tree {
    readonly left?: Tree;
    readonly right?: Tree;
  }
  const of = (tree: Tree | undefined): number => (tree === undefined ? 0 : 1 + Math.max(of(tree.left), of(tree.right)));
  return of((map as unknown as { root: Tree | undefined }).root);
}

describe("PersistentMap", () => {
  it("is a map in the order of its keys, and older versions stay as they were", () => {
    const key = fc.string({ maxLength: 3 });
    const change = fc.oneof(fc.record({ key, value: fc.integer() }), fc.record({ key, value: fc.constant(undefined) }));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        let map = PersistentMap.empty<number>();
        const model = new Map<string, number>();
        const versions: [PersistentMap<number>, [string, number][]][] = [];
        for (const { key, value } of changes) {
          map = value === undefined ? map.without(key) : map.with(key, value);
          if (value === undefined) model.delete(key);
          else model.set(key, value);
          versions.push([map, [...model].sort(([a], [b]) => (a < b ? -1 : 1))]);
        }
        for (const [version, entries] of versions) {
          expect([...version.entries()]).toEqual(entries);
          expect(version.size).toBe(entries.length);
          for (const [key, value] of entries) expect(version.get(key)).toBe(value);
        }
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it("stays flat, whatever the order of keys", () => {
    let map = PersistentMap.empty<true>();
    const keys = Array.from({ length: 5000 }, (_, i) => String(i).padStart(5, "0"));
    for (const key of keys) map = map.with(key, true);
    expect(depth(map)).toBeLessThan(25);
    for (const key of keys.slice(0, 4900)) map = map.without(key);
    expect([map.size, depth(map) < 14]).toEqual([100, true]);
    for (const key of keys.slice(4900).reverse()) map = map.without(key);
    expect(map).toBe(PersistentMap.empty());
  });

  it("shares what does not change", () => {
    const map = PersistentMap.of([["a", 1] as const, ["b", 2] as const]);
    expect(map.without("c")).toBe(map);
    expect([...map.map((value) => value * 2).values()]).toEqual([2, 4]);
    expect([map.has("a"), map.has("__proto__"), map.get("constructor")]).toEqual([true, false, undefined]);
  });
});
