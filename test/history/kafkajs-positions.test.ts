/** What kafkajs may be excused for, told by hand as its events come. */
import { beforeEach, describe, expect, test } from "vitest";
import { KafkajsPositions } from "./kafkajs-positions.ts";

let positions: KafkajsPositions;
beforeEach(() => {
  positions = new KafkajsPositions();
  positions.joined();
});

function fetched(node: number): void {
  positions.fetchStarted(node);
  positions.fetchEnded(node);
}

/** Hands out a batch of partition 0; gives whether it is one that kafkajs went elsewhere for. */
function batch(firstOffset: number, lastOffset: number): boolean {
  const isElsewhere = positions.batchStarted(0, firstOffset);
  for (let offset = firstOffset; offset <= lastOffset; offset++) positions.movedTo(0, offset + 1);
  return isElsewhere;
}

/** The group is at 10, and has committed that. */
function atTen(): void {
  fetched(1);
  batch(0, 9);
  positions.commitEnded(0, 10);
}

test("a batch that goes on is no other place", () => {
  atTen();
  fetched(1);
  expect(batch(10, 12)).toBe(false);
});

test("a batch that comes again for no reason of kafkajs is not excused", () => {
  atTen();
  fetched(1);
  batch(10, 12);
  fetched(1);
  expect(batch(10, 12)).toBe(false);
});

test("the old and the new leader asked from one offset: both batches, and no third", () => {
  atTen();
  positions.fetchStarted(1);
  positions.fetchStarted(2);
  positions.fetchEnded(1);
  expect(batch(10, 12)).toBe(false);
  positions.fetchEnded(2);
  expect(batch(10, 12)).toBe(true);
  fetched(2);
  expect(batch(10, 12)).toBe(false);
});

describe("a join", () => {
  test("begins at what was committed, once", () => {
    atTen();
    fetched(1);
    batch(10, 12);
    positions.joined();
    fetched(1);
    expect(batch(10, 12)).toBe(true);
    fetched(1);
    expect(batch(10, 12)).toBe(false);
  });

  test("begins there too when a batch from before it comes first", () => {
    atTen();
    positions.fetchStarted(1);
    positions.joined();
    positions.fetchEnded(1);
    expect(batch(10, 12)).toBe(false);
    fetched(2);
    expect(batch(10, 12)).toBe(true);
  });

  test("does not begin before what was committed", () => {
    atTen();
    positions.joined();
    fetched(1);
    expect(batch(5, 9)).toBe(false);
  });

  test("begins before it when a lower offset may have been committed since", () => {
    atTen();
    positions.movedTo(0, 6);
    positions.joined();
    fetched(1);
    expect(batch(7, 9)).toBe(true);
  });
});
