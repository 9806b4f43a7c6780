import { afterAll, beforeAll, describe } from "vitest";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { STREAMS_GROUP_SETTINGS, streamsGroupCases } from "./streams-group-cases.ts";

let plane: DataPlane;
beforeAll(async () => {
  plane = await startDataPlane({
    features: new Map([
      ["streams.version", 1],
      ["group.version", 1],
    ]),
    configs: new Map(Object.entries(STREAMS_GROUP_SETTINGS)),
  });
});
afterAll(() => plane[Symbol.asyncDispose]());

describe("as Apache Kafka answers", () => streamsGroupCases(() => plane));
