/** Comparing images: everything in them, whatever the order of their maps. */
import { expect } from "vitest";
import type { ClusterImage } from "../../../cluster/metadata/cluster-image.ts";
import { imageRecords } from "../../../cluster/metadata/image-records.ts";
import { encodeMetadataRecord } from "../../../cluster/metadata/metadata-record-serde.ts";

/** Fails unless two images hold the same, as of the same offset. */
export function sameImage(actual: ClusterImage, expected: ClusterImage): void {
  expect(contents(actual)).toEqual(contents(expected));
  expect({ offset: actual.offset, leaderEpoch: actual.leaderEpoch }).toEqual({
    offset: expected.offset,
    leaderEpoch: expected.leaderEpoch,
  });
  expect([...actual.topics.keys()].sort()).toEqual([...actual.topicsById.values()].map((topic) => topic.name).sort());
}

/** Every record of the image as text, in one order; with it the bytes are the same. */
export function contents(image: ClusterImage): string[] {
  return [...imageRecords(image)]
    .map((record) => {
      const text = `${record.type} ${JSON.stringify(record.data)}`;
      return `${text} ${encodeMetadataRecord(record).toString("hex")}`;
    })
    .sort();
}
