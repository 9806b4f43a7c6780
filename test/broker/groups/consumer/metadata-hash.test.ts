/**
 * The hash of a group's topics is Kafka's: numbers here are those that Apache Kafka 4.3.1 computes of the same topics.
 */
import { describe, expect, it } from "vitest";
import { metadataHash } from "../../../../broker/groups/consumer/metadata-hash.ts";
import { xxh3 } from "../../../../broker/groups/consumer/xxh3.ts";
import type { BrokerImage, TopicImage } from "../../../../broker/metadata/metadata-image.ts";
import { clusterImage, topicImage } from "../group-world.ts";

const LONG_NAME = "a-topic-with-a-longer-name.than.most_of-them";
const brokers = [
  [1, "rack-2"],
  [2, "rack-1"],
  [3, null],
].map(([id, rack]) => ({ id, rack }) as BrokerImage);

function topic(name: string, id: string, partitionCount: number, replicas: readonly number[]): TopicImage {
  const image = topicImage(name, id, partitionCount);
  return { ...image, partitions: image.partitions.map((partition) => ({ ...partition, replicas })) };
}

const image = clusterImage(
  [
    topic("t1", "AAAAAAAAAAAAAAAAAAAA_Q", 4, [1]),
    topic("orders", "q83vASNFZ4mrze8BI0VniQ", 1, [3, 2, 1]),
    topic(LONG_NAME, "_4CAgICAgICAgICAgICAgA", 37, [2, 1]),
    topic("norack", "AAAAAAAAAAAAAAAAAAAA_w", 2, [3]),
  ],
  brokers,
);

describe("the hash of topics", () => {
  it.each([
    [["t1"], 6526889038298113630n],
    [["orders"], 5270940164273415106n],
    [[LONG_NAME], -2546231116760281929n],
    [["norack"], -196395129560657198n],
    [["norack", "t1", LONG_NAME, "orders"], -1382182862572840021n],
    [["t1", "there-is-none"], 6526889038298113630n],
    [["there-is-none"], 0n],
    [[], 0n],
  ])("%s", (names, hash) => {
    expect(metadataHash(names, image)).toBe(hash);
  });

  it("is another one for more partitions, another id or another rack", () => {
    const hashOf = (...args: Parameters<typeof topic>) => metadataHash(["t"], clusterImage([topic(...args)], brokers));
    const id = "AAAAAAAAAAAAAAAAAAAA_Q";
    const hashes = [
      hashOf("t", id, 4, [1]),
      hashOf("t", id, 5, [1]),
      hashOf("t", "AAAAAAAAAAAAAAAAAAAA_g", 4, [1]),
      hashOf("t", id, 4, [2]),
    ];
    expect(new Set(hashes).size).toBe(4);
    // Leaders and the order of replicas do not count.
    expect(hashOf("t", id, 4, [1, 2])).toBe(hashOf("t", id, 4, [2, 1]));
  });
});

describe("XXH3", () => {
  it("is the same for views into a larger buffer", () => {
    for (const length of [0, 1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1024, 1025, 5000]) {
      const bytes = Buffer.from(Array.from({ length }, (_, i) => i & 0xff));
      const view = Buffer.concat([Buffer.alloc(5), bytes, Buffer.alloc(3)]).subarray(5, 5 + length);
      expect(xxh3(view)).toBe(xxh3(bytes));
    }
  });
});
