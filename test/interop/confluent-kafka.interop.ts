/** confluent-kafka for Python: today's librdkafka. */
import { describeClient } from "../support/client-contract.ts";
import { CODECS } from "../support/cluster-probe.ts";
import { ProgramClient } from "./support/program-client.ts";
import { findPython } from "./support/python.ts";
import { describeWith } from "./support/toolchain.ts";

describeWith("confluent-kafka", await findPython(), (python) => {
  const program = { ...python.program("confluent_kafka_client.py"), codecs: CODECS };
  describeClient((bootstrapServers) => new ProgramClient(program, bootstrapServers), CODECS);
});
