/** The simple assignor: even, complete, and moving little. */
import { describe, expect, test } from "vitest";
import type { Assignment } from "../../../../broker/groups/consumer/assignment.ts";
import { assignSimply, type SimpleMember } from "../../../../broker/groups/share/simple-assignor.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const TOPICS = ["a", "b", "c"];

function partitionsOf(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function member(index: number, topicIds: readonly string[], assignment: Assignment = new Map()): SimpleMember {
  return { memberId: `m${String(index).padStart(3, "0")}`, topicIds, assignment };
}

function sizeOf(assignment: Assignment | undefined): number {
  return [...(assignment?.values() ?? [])].reduce((sum, partitions) => sum + partitions.length, 0);
}

function countReaders(assigned: ReadonlyMap<string, Assignment>): Map<string, number> {
  const readers = new Map<string, number>();
  for (const assignment of assigned.values()) {
    for (const [topicId, partitions] of assignment) {
      for (const partition of partitions) {
        const name = `${topicId}:${partition}`;
        readers.set(name, (readers.get(name) ?? 0) + 1);
      }
    }
  }
  return readers;
}

describe("R179: the simple assignor", () => {
  test.each([
    [1, 1],
    [1, 6],
    [2, 6],
    [4, 6],
    [6, 6],
    [7, 6],
    [12, 6],
    [20, 6],
    [3, 1],
    [200, 7],
  ])(
    "%i members and %i partitions: as even as can be, everybody reads, everything is read",
    (memberCount, partitionCount) => {
      const members = Array.from({ length: memberCount }, (_, index) => member(index, ["a"]));
      const assigned = assignSimply(members, true, () => partitionsOf(partitionCount));
      const sizes = members.map(({ memberId }) => sizeOf(assigned.get(memberId)));
      expect(Math.min(...sizes)).toBeGreaterThanOrEqual(1);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      const readers = [...countReaders(assigned).values()];
      expect(readers).toHaveLength(partitionCount);
      expect(Math.max(...readers)).toBe(Math.ceil(memberCount / partitionCount));
    },
  );

  test("nothing may be read yet: nobody gets anything", () => {
    const assigned = assignSimply([member(0, ["a"])], true, () => []);
    expect(assigned.get("m000")?.size).toBe(0);
  });

  test("members of different topics: each topic is spread by itself, over those who read it", () => {
    const members = [member(0, ["a"]), member(1, ["b"]), member(2, ["a", "b"])];
    const assigned = assignSimply(members, false, () => partitionsOf(4));
    expect(
      Object.fromEntries([...assigned].map(([id, own]) => [id, [...own].map(([topic, all]) => [topic, all.length])])),
    ).toEqual({
      m000: [["a", 2]],
      m001: [["b", 2]],
      m002: [
        ["a", 2],
        ["b", 2],
      ],
    });
  });

  test("what can stay stays: assigning again moves nothing", () => {
    const members = Array.from({ length: 5 }, (_, index) => member(index, ["a", "b"]));
    const first = assignSimply(members, true, () => partitionsOf(7));
    const again = members.map(({ memberId, topicIds }) => ({
      memberId,
      topicIds,
      assignment: first.get(memberId) as Assignment,
    }));
    expect(assignSimply(again, true, () => partitionsOf(7))).toEqual(first);
  });

  test("one member more takes only its part", () => {
    const members = Array.from({ length: 3 }, (_, index) => member(index, ["a"]));
    const first = assignSimply(members, true, () => partitionsOf(12));
    const more = [
      ...members.map(({ memberId, topicIds }) => ({
        memberId,
        topicIds,
        assignment: first.get(memberId) as Assignment,
      })),
      member(3, ["a"]),
    ];
    const second = assignSimply(more, true, () => partitionsOf(12));
    for (const { memberId } of members) {
      const before = new Set(first.get(memberId)?.get("a"));
      expect(
        second
          .get(memberId)
          ?.get("a")
          ?.every((partition) => before.has(partition)),
      ).toBe(true);
    }
    expect(sizeOf(second.get("m003"))).toBe(3);
  });

  test.each(partitionsOf(40))(
    "whatever came before, all that may be read is read, by subscribers only (seed %i)",
    (seed) => {
      const random = new SeededRandom(seed);
      let assigned = new Map<string, Assignment>();
      for (let round = 0; round < 6; round++) {
        const counts = new Map(TOPICS.map((topic) => [topic, random.below(6)]));
        const homogeneous = random.oneIn(2);
        const members = Array.from({ length: 1 + random.below(9) }, (_, index) => {
          const topicIds = homogeneous ? TOPICS : TOPICS.filter(() => random.oneIn(2));
          return { ...member(index, topicIds), assignment: assigned.get(member(index, []).memberId) ?? new Map() };
        });
        assigned = assignSimply(members, homogeneous, (topicId) => partitionsOf(counts.get(topicId) ?? 0));
        const readers = countReaders(assigned);
        for (const topic of TOPICS) {
          const isRead = members.some(({ topicIds }) => topicIds.includes(topic));
          for (const partition of partitionsOf(6)) {
            const expected = isRead && partition < (counts.get(topic) ?? 0);
            expect((readers.get(`${topic}:${partition}`) ?? 0) > 0).toBe(expected);
          }
        }
        for (const { memberId, topicIds } of members) {
          for (const [topic, partitions] of assigned.get(memberId) as Assignment) {
            expect(topicIds).toContain(topic);
            expect(new Set(partitions).size).toBe(partitions.length);
          }
        }
      }
    },
  );
});
