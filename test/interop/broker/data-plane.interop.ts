/** The expectations of our tests of the data plane, tried on Apache Kafka. */
import { afterAll, beforeAll, describe } from "vitest";
import { adminCases } from "../../broker/handlers/admin-cases.ts";
import { fetchCases } from "../../broker/handlers/fetch-cases.ts";
import { fetchSessionCases } from "../../broker/handlers/fetch-session-cases.ts";
import { idempotenceCases } from "../../broker/handlers/idempotence-cases.ts";
import { listOffsetsCases } from "../../broker/handlers/list-offsets-cases.ts";
import { logDirsCases } from "../../broker/handlers/log-dirs-cases.ts";
import { metadataCases } from "../../broker/handlers/metadata-cases.ts";
import { produceCases } from "../../broker/handlers/produce-cases.ts";
import type { DataPlane } from "../../support/data-plane.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { startApacheKafkaPlane } from "../support/apache-kafka-plane.ts";
import { describeWith } from "../support/toolchain.ts";

const kafka = await findApacheKafka();

describeWith("Apache Kafka answers as our tests say it does", kafka, (there) => {
  let plane: DataPlane;
  beforeAll(async () => {
    plane = await startApacheKafkaPlane(there);
  });
  afterAll(() => plane[Symbol.asyncDispose]());

  describe("Produce", () => produceCases(() => plane));
  describe("idempotence", () => idempotenceCases(() => plane));
  describe("Fetch", () => fetchCases(() => plane));
  describe("fetch sessions", () => fetchSessionCases(() => plane));
  describe("ListOffsets", () => listOffsetsCases(() => plane));
  describe("Metadata", () => metadataCases(() => plane));
  describe("DescribeLogDirs", () => logDirsCases(() => plane));
  describe("the rest", () => adminCases(() => plane));
});
