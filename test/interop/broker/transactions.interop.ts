/** The expectations of our tests of transactions, and of security that there is none, tried on Apache Kafka. */
import { afterAll, beforeAll } from "vitest";
import { telemetryCases } from "../../broker/handlers/telemetry-cases.ts";
import { transactionalDataCases } from "../../broker/handlers/transactional-data-cases.ts";
import { transactionalOffsetCases } from "../../broker/handlers/transactional-offsets-cases.ts";
import { transactionCases } from "../../broker/handlers/transactions-cases.ts";
import { unsecuredCases } from "../../broker/handlers/unsecured-cases.ts";
import type { DataPlane } from "../../support/data-plane.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { startApacheKafkaPlane } from "../support/apache-kafka-plane.ts";
import { describeWith } from "../support/toolchain.ts";

const SETTINGS = { "transaction.abort.timed.out.transaction.cleanup.interval.ms": "100" };

describeWith("Apache Kafka answers as our tests say it does", await findApacheKafka(), (kafka) => {
  let plane: DataPlane;
  beforeAll(async () => {
    plane = await startApacheKafkaPlane(kafka, { settings: SETTINGS });
  });
  afterAll(() => plane[Symbol.asyncDispose]());

  transactionCases(() => plane);
  transactionalDataCases(() => plane);
  transactionalOffsetCases(() => plane);
  telemetryCases(() => plane);
  unsecuredCases(() => plane);
});
