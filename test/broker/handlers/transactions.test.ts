import { afterAll, beforeAll, describe } from "vitest";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { transactionalDataCases } from "./transactional-data-cases.ts";
import { transactionalOffsetCases } from "./transactional-offsets-cases.ts";
import { transactionCases } from "./transactions-cases.ts";

let plane: DataPlane;
beforeAll(async () => {
  plane = await startDataPlane({
    features: new Map([["transaction.version", 2]]),
    configs: new Map([["transaction.abort.timed.out.transaction.cleanup.interval.ms", "100"]]),
  });
});
afterAll(() => plane[Symbol.asyncDispose]());

describe("as Apache Kafka answers", () => {
  transactionCases(() => plane);
  transactionalDataCases(() => plane);
  transactionalOffsetCases(() => plane);
});
