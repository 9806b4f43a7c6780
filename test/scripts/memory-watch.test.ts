/** What a soak says of memory: from readings, not from one of them. */
import { expect, it } from "vitest";
import { MemoryWatch } from "../../scripts/soak/memory-watch.ts";

/** A reading a second, of 300 for the nodes but for what is told. */
function watched(seconds: number, nodesAt: (second: number) => number = () => 300): MemoryWatch {
  const watch = new MemoryWatch();
  for (let second = 1; second <= seconds; second++) {
    watch.take(second * 1000, { nodes: nodesAt(second), parent: 70 });
  }
  return watch;
}

it("compares the second minute with the last, whatever single readings and the first minute say", () => {
  const nodesAt = (second: number): number => (second < 60 || second % 10 === 0 ? 900 : second > 240 ? 330 : 300);
  expect(watched(300, nodesAt).growth).toEqual({
    settled: { nodes: 300, parent: 70 },
    end: { nodes: 330, parent: 70 },
  });
});

it("says nothing of a run that ends within a minute, or in which nothing could be read", () => {
  expect(watched(50).growth).toBeUndefined();
  expect(new MemoryWatch().growth).toBeUndefined();
});
