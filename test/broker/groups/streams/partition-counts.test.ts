/**
 * How many partitions internal topics have to have, and tasks there are.
 */
import { describe, expect, it } from "vitest";
import { configureTopology } from "../../../../broker/groups/streams/topology/configured-topology.ts";
import { streamsTopology } from "../../../../broker/groups/streams/topology/streams-topology.ts";
import { ErrorCode } from "../../../../protocol/error-codes.ts";
import { clusterImage, topicImage } from "../group-world.ts";
import { internalTopic, type Subtopology, subtopology } from "./streams-client.ts";

const image = clusterImage([
  topicImage("two", "AAAAAAAAAAAAAAAAAAAB_A", 2),
  topicImage("five", "AAAAAAAAAAAAAAAAAAAB_Q", 5),
]);

function configured(...subtopologies: Subtopology[]) {
  return configureTopology(streamsTopology({ epoch: 0, subtopologies } as never), image);
}

/** "name:partitions" of what is missing. */
function missing(...subtopologies: Subtopology[]): string[] {
  return configured(...subtopologies)
    .missingTopics.map(({ name, partitionCount }) => `${name}:${partitionCount}`)
    .sort();
}

function refused(...subtopologies: Subtopology[]) {
  try {
    configured(...subtopologies);
  } catch (error) {
    return error;
  }
  return undefined;
}

const reads = (...names: string[]) => ({ repartitionSourceTopics: names.map((name) => internalTopic(name)) });
const writes = (...repartitionSinkTopics: string[]) => ({ repartitionSinkTopics });
const joins = (sourceTopics: number[], repartitionSourceTopics: number[]) => ({
  copartitionGroups: [{ sourceTopics, sourceTopicRegex: [], repartitionSourceTopics }],
});

describe("counts", () => {
  it("R205: a repartition topic has as many as the widest input of who writes to it, along a chain", () => {
    const chain = [
      subtopology("c", [], { ...reads("r2"), stateChangelogTopics: [internalTopic("log")] }),
      subtopology("b", [], { ...reads("r1"), ...writes("r2") }),
      subtopology("a", ["two", "five"], writes("r1")),
    ];
    expect(missing(...chain)).toEqual(["log:5", "r1:5", "r2:5"]);
    expect([...(configured(...chain).subtopologies?.values() ?? [])].map(({ taskCount }) => taskCount)).toEqual([
      5, 5, 5,
    ]);
  });

  it("R205: one with a count of its own keeps it, and what follows follows it", () => {
    const own = { repartitionSourceTopics: [internalTopic("r", 7)] };
    expect(
      missing(
        subtopology("a", ["two"], writes("r")),
        subtopology("b", [], { ...own, stateChangelogTopics: [internalTopic("log")] }),
      ),
    ).toEqual(["log:7", "r:7"]);
  });

  it("R205: one that is joined with another topic has as many as that", () => {
    expect(
      missing(
        subtopology("a", ["two"], writes("r")),
        subtopology("b", ["five"], { ...reads("r"), ...joins([0], [0]) }),
      ),
    ).toEqual(["r:5"]);
    expect(
      missing(
        subtopology("a", ["two"], writes("r1")),
        subtopology("b", ["five"], writes("r2")),
        subtopology("c", [], { ...reads("r1", "r2"), ...joins([], [0, 1]) }),
      ),
    ).toEqual(["r1:5", "r2:5"]);
  });

  it("R204: one with a count of its own that is joined with another count is told", () => {
    const own = { repartitionSourceTopics: [internalTopic("r", 3)], ...joins([0], [0]) };
    const problem = configured(subtopology("a", ["two"], writes("r")), subtopology("b", ["five"], own)).problem;
    expect([problem?.status, problem?.message]).toEqual([
      2,
      "Number of partitions [3] of repartition topic [r] doesn't match number of partitions [5] of the source topic.",
    ]);
    const two = { repartitionSourceTopics: [internalTopic("r", 3), internalTopic("s", 4)], ...joins([], [0, 1]) };
    expect(configured(subtopology("a", ["two"], writes("r", "s")), subtopology("b", [], two)).problem?.message).toBe(
      "Following topics do not have the same number of partitions: [{r=3, s=4}]",
    );
  });

  it("R202: topologies that no topics would do for are refused", () => {
    const code = ErrorCode.STREAMS_INVALID_TOPOLOGY;
    expect(refused(subtopology("a", ["two"]), subtopology("b", [], reads("r")))).toMatchObject({
      code,
      message:
        "Failed to compute number of partitions for all repartition topics, because a repartition source topic is never used as a sink topic.",
    });
    const loop = [
      subtopology("a", [], { ...reads("s"), ...writes("r") }),
      subtopology("b", [], { ...reads("r"), ...writes("s") }),
    ];
    expect(refused(...loop)).toMatchObject({ code, message: expect.stringContaining("There may be loops") });
    const negative = { repartitionSourceTopics: [internalTopic("r", -1)] };
    expect(refused(subtopology("a", ["two"], negative))).toMatchObject({ code });
  });

  it("R202: what would take a broker too long is refused soon", () => {
    const many = Array.from({ length: 50_001 }, (_, i) => subtopology(String(i), ["two"]));
    expect(refused(...many)).toMatchObject({ message: "The topology has 100002 tasks, which is more than 100000." });
    // Each is written by the next: one more is known with each look at all of them.
    const chain = (length: number, ...others: string[]) =>
      Array.from({ length }, (_, i) =>
        subtopology(String(i).padStart(5, "0"), i === length - 1 ? ["two"] : [], {
          ...(i === length - 1 ? {} : reads(`r${i + 1}`)),
          ...writes(...others.map((name) => `${name}${i}`), `r${i}`),
        }),
      );
    expect(refused(...chain(400))).toBeUndefined();
    const wide = chain(400, ...Array.from({ length: 100 }, (_, i) => `other${i}-`));
    for (const endless of [chain(2000), wide]) {
      const began = performance.now();
      expect(refused(...endless)).toMatchObject({ message: expect.stringContaining("There may be loops") });
      expect(performance.now() - began).toBeLessThan(2000);
    }
  });
});
