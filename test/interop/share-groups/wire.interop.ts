/** The expectations of our tests of share groups, tried on Apache Kafka. */
import { afterAll, beforeAll } from "vitest";
import { shareFetchCases } from "../../broker/handlers/share-fetch-cases.ts";
import type { DataPlane } from "../../support/data-plane.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { startApacheKafkaPlane } from "../support/apache-kafka-plane.ts";
import { describeWith } from "../support/toolchain.ts";

describeWith(
  "Apache Kafka answers members of share groups as our tests say it does",
  await findApacheKafka(),
  (kafka) => {
    let plane: DataPlane;
    beforeAll(async () => {
      plane = await startApacheKafkaPlane(kafka, {});
    });
    afterAll(() => plane[Symbol.asyncDispose]());

    shareFetchCases(() => plane);
  },
);
