import { afterAll, beforeAll, describe } from "vitest";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { shareFetchCases } from "./share-fetch-cases.ts";

let plane: DataPlane;
beforeAll(async () => {
  plane = await startDataPlane({ features: new Map([["share.version", 1]]) });
});
afterAll(() => plane[Symbol.asyncDispose]());

describe("as Apache Kafka answers", () => shareFetchCases(() => plane));
