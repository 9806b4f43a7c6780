/** The expectations of our tests of streams groups, tried on Apache Kafka. */
import { afterAll, beforeAll } from "vitest";
import { STREAMS_GROUP_SETTINGS, streamsGroupCases } from "../../broker/handlers/streams-group-cases.ts";
import type { DataPlane } from "../../support/data-plane.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { startApacheKafkaPlane } from "../support/apache-kafka-plane.ts";
import { describeWith } from "../support/toolchain.ts";

describeWith("Apache Kafka answers streams groups as our tests say it does", await findApacheKafka(), (kafka) => {
  let plane: DataPlane;
  beforeAll(async () => {
    plane = await startApacheKafkaPlane(kafka, { settings: STREAMS_GROUP_SETTINGS });
  });
  afterAll(() => plane[Symbol.asyncDispose]());

  streamsGroupCases(() => plane);
});
