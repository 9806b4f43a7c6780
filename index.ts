/**
 * What `import "odradek"` gives: clusters in this process, and the names needed to talk about them.
 */
export { ErrorCode, errorName } from "./protocol/error-codes.ts";
export { KafkaError } from "./protocol/kafka-error.ts";
