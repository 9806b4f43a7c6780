import { afterAll, beforeAll, describe } from "vitest";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { unsecuredCases } from "./unsecured-cases.ts";

let plane: DataPlane;
beforeAll(async () => {
  plane = await startDataPlane();
});
afterAll(() => plane[Symbol.asyncDispose]());

describe("as Apache Kafka answers", () => unsecuredCases(() => plane));
