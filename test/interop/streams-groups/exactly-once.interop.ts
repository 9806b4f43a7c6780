/** R213: Kafka Streams with exactly_once_v2, whose threads are a streams group: its coordinator's node is killed as the others are. */
import { findApacheKafka } from "../support/apache-kafka.ts";
import { testExactlyOnce } from "../support/streams-exactly-once.ts";
import { describeWith } from "../support/toolchain.ts";

describeWith("Kafka Streams", await findApacheKafka(), (kafka) => testExactlyOnce(kafka, "streams", "R213"));
