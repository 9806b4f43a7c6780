import { describe, expect, test } from "vitest";
import { LayeredMap } from "../../../cluster/metadata/layered-map.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

describe("LayeredMap", () => {
  test("a map keeps its content when another is made from it", () => {
    const one = LayeredMap.empty<string, number>().with(
      new Map([
        ["a", 1],
        ["b", 2],
      ]),
    );
    const two = one.with(
      new Map<string, number | undefined>([
        ["a", undefined],
        ["c", 3],
      ]),
    );
    expect([...one]).toEqual([
      ["a", 1],
      ["b", 2],
    ]);
    expect([...two]).toEqual([
      ["b", 2],
      ["c", 3],
    ]);
    expect(two.has("a")).toBe(false);
    expect(two.get("a")).toBeUndefined();
    expect(two.size).toBe(2);
  });

  test("nothing changed is the same map; removing what is not there changes nothing", () => {
    const map = LayeredMap.empty<string, number>().with(new Map([["a", 1]]));
    expect(map.with(new Map())).toBe(map);
    expect([...map.with(new Map([["b", undefined]]))]).toEqual([["a", 1]]);
  });

  test("it behaves as a Map through many generations, and old generations stay", () => {
    const random = new SeededRandom(7);
    let map = LayeredMap.empty<number, number>();
    let model = new Map<number, number>();
    const generations: { map: LayeredMap<number, number>; model: Map<number, number> }[] = [];
    for (let step = 0; step < 400; step++) {
      const changes = new Map<number, number | undefined>();
      for (let i = random.below(4); i >= 0; i--) {
        changes.set(random.below(200), random.oneIn(3) ? undefined : random.below(1000));
      }
      map = map.with(changes);
      model = new Map(model);
      for (const [key, value] of changes) {
        if (value === undefined) model.delete(key);
        else model.set(key, value);
      }
      generations.push({ map, model });
    }
    const sorted = (entries: Iterable<[number, number]>) => [...entries].sort(([a], [b]) => a - b);
    for (const generation of generations) {
      expect(generation.map.size).toBe(generation.model.size);
      const keys = Array.from({ length: 200 }, (_, key) => key);
      expect(keys.map((key) => generation.map.get(key))).toEqual(keys.map((key) => generation.model.get(key)));
      expect(sorted(generation.map)).toEqual(sorted(generation.model));
    }
  });
});
