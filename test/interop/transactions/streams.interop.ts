/** R140: Kafka Streams with exactly_once_v2, whose threads are a classic group. */
import { findApacheKafka } from "../support/apache-kafka.ts";
import { testExactlyOnce } from "../support/streams-exactly-once.ts";
import { describeWith } from "../support/toolchain.ts";

describeWith("Kafka Streams", await findApacheKafka(), (kafka) => testExactlyOnce(kafka, "classic", "R140"));
