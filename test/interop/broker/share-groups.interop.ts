/** The expectations of our tests of share groups and of their state, tried on Apache Kafka. */
import { afterAll, beforeAll } from "vitest";
import { SHARE_GROUP_SETTINGS, shareGroupCases } from "../../broker/handlers/share-group-cases.ts";
import { shareRecordCases } from "../../broker/handlers/share-record-cases.ts";
import { shareStateCases } from "../../broker/handlers/share-state-cases.ts";
import type { DataPlane } from "../../support/data-plane.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { startApacheKafkaPlane } from "../support/apache-kafka-plane.ts";
import { describeWith } from "../support/toolchain.ts";

describeWith("Apache Kafka answers share groups as our tests say it does", await findApacheKafka(), (kafka) => {
  let plane: DataPlane;
  beforeAll(async () => {
    plane = await startApacheKafkaPlane(kafka, { settings: SHARE_GROUP_SETTINGS });
  });
  afterAll(() => plane[Symbol.asyncDispose]());

  shareStateCases(() => plane);
  shareGroupCases(() => plane);
  shareRecordCases(() => plane);
});
