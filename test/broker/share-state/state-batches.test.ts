/** Batches of state combined, beside what each offset says when it is looked at alone. */
import { describe, expect, test } from "vitest";
import type { StateBatch } from "../../../broker/share-state/share-persister.ts";
import { combinedBatches } from "../../../broker/share-state/state-batches.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

function batch(firstOffset: number, lastOffset: number, deliveryState: number, deliveryCount: number): StateBatch {
  return { firstOffset, lastOffset, deliveryState, deliveryCount };
}

describe("batches of state, combined", () => {
  test("neighbours that say the same are one", () => {
    expect(combinedBatches([batch(0, 4, 2, 1)], [batch(5, 9, 2, 1)], -1)).toEqual([batch(0, 9, 2, 1)]);
    expect(combinedBatches([batch(0, 4, 2, 1)], [batch(6, 9, 2, 1)], -1)).toHaveLength(2);
    expect(combinedBatches([batch(0, 4, 2, 1)], [batch(5, 9, 0, 1)], -1)).toHaveLength(2);
  });

  test("of two batches the higher delivery count is kept, of equal ones the higher state", () => {
    expect(combinedBatches([batch(0, 9, 0, 1)], [batch(3, 5, 2, 1)], -1)).toEqual([
      batch(0, 2, 0, 1),
      batch(3, 5, 2, 1),
      batch(6, 9, 0, 1),
    ]);
    expect(combinedBatches([batch(0, 9, 2, 1)], [batch(3, 5, 0, 1)], -1)).toEqual([batch(0, 9, 2, 1)]);
    expect(combinedBatches([batch(0, 9, 2, 1)], [batch(3, 12, 0, 2)], -1)).toEqual([
      batch(0, 2, 2, 1),
      batch(3, 12, 0, 2),
    ]);
  });

  test("what lies below the start offset is cut, and -1 cuts nothing", () => {
    expect(combinedBatches([batch(0, 9, 0, 1), batch(20, 29, 2, 1)], [], 5)).toEqual([
      batch(5, 9, 0, 1),
      batch(20, 29, 2, 1),
    ]);
    expect(combinedBatches([batch(0, 9, 0, 1)], [batch(4, 4, 2, 2)], 10)).toEqual([]);
    expect(combinedBatches([batch(0, 9, 0, 1)], [], -1)).toEqual([batch(0, 9, 0, 1)]);
  });

  test("a batch that ends before it begins says nothing", () => {
    expect(combinedBatches([], [batch(9, 3, 2, 5), batch(1, 1, 0, 1)], 0)).toEqual([batch(1, 1, 0, 1)]);
  });

  test.each(Array.from({ length: 50 }, (_, seed) => seed))(
    "random batches say of each offset what is newest (seed %i)",
    (seed) => {
      const random = new SeededRandom(seed);
      const below = (n: number): number => random.below(n);
      const some = (): StateBatch[] =>
        Array.from({ length: below(12) }, () => {
          const first = below(40);
          return batch(first, first + below(10), [0, 2, 4][below(3)] as number, 1 + below(3));
        });
      const known = combinedBatches([], some(), -1);
      const added = some();
      const startOffset = below(3) === 0 ? -1 : below(40);
      const combined = combinedBatches(known, added, startOffset);
      const newest = (offset: number): string | undefined =>
        [...known, ...added]
          .filter((each) => offset >= startOffset && each.firstOffset <= offset && offset <= each.lastOffset)
          .sort((a, b) => b.deliveryCount - a.deliveryCount || b.deliveryState - a.deliveryState)
          .map((each) => `${each.deliveryCount}/${each.deliveryState}`)[0];
      for (let offset = 0; offset < 60; offset++) {
        const said = combined.filter((each) => each.firstOffset <= offset && offset <= each.lastOffset);
        expect(said.map((each) => `${each.deliveryCount}/${each.deliveryState}`)).toEqual(
          newest(offset) === undefined ? [] : [newest(offset)],
        );
      }
      combined.forEach((each, index) => {
        const next = combined[index + 1];
        if (next === undefined) return;
        expect(next.firstOffset).toBeGreaterThan(each.lastOffset);
        if (next.firstOffset === each.lastOffset + 1) {
          expect([next.deliveryCount, next.deliveryState]).not.toEqual([each.deliveryCount, each.deliveryState]);
        }
      });
    },
  );

  test("a hundred thousand batches over one another are combined at once", () => {
    const many = Array.from({ length: 100_000 }, (_, i) => batch(i, 200_000, 0, (i % 1000) + 1));
    const startMs = performance.now();
    const combined = combinedBatches([], many, -1);
    expect(combined.at(-1)).toMatchObject({ lastOffset: 200_000, deliveryCount: 1000 });
    expect(performance.now() - startMs).toBeLessThan(5000);
  });
});
