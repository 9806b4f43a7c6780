import { afterAll, beforeAll, describe } from "vitest";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { idempotenceCases } from "./idempotence-cases.ts";

let plane: DataPlane;
beforeAll(async () => {
  plane = await startDataPlane();
});
afterAll(() => plane[Symbol.asyncDispose]());

describe("as Apache Kafka answers", () => idempotenceCases(() => plane));
