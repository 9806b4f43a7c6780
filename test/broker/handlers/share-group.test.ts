import { afterAll, beforeAll, describe } from "vitest";
import { type DataPlane, startDataPlane } from "../../support/data-plane.ts";
import { SHARE_GROUP_SETTINGS, shareGroupCases } from "./share-group-cases.ts";
import { shareRecordCases } from "./share-record-cases.ts";
import { shareStateCases } from "./share-state-cases.ts";

let plane: DataPlane;
beforeAll(async () => {
  plane = await startDataPlane({
    features: new Map([
      ["share.version", 1],
      ["group.version", 1],
    ]),
    configs: new Map(Object.entries(SHARE_GROUP_SETTINGS)),
  });
});
afterAll(() => plane[Symbol.asyncDispose]());

describe("as Apache Kafka answers", () => {
  shareStateCases(() => plane);
  shareGroupCases(() => plane);
  shareRecordCases(() => plane);
});
