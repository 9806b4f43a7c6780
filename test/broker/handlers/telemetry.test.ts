import { afterAll, beforeAll, describe } from "vitest";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { telemetryCases } from "./telemetry-cases.ts";

let plane: DataPlane;
beforeAll(async () => {
  plane = await startDataPlane();
});
afterAll(() => plane[Symbol.asyncDispose]());

describe("as Apache Kafka answers", () => telemetryCases(() => plane));
