/**
 * What `import "odradek"` gives: clusters in this process, and the names needed to talk about them.
 */
export type { ClusterEvent } from "./cluster/cluster-events.ts";
export {
  type Cluster,
  type ClusterOptions,
  type NodeHandle,
  startCluster,
  type TopicOptions,
} from "./cluster/start-cluster.ts";
export { ErrorCode, errorName } from "./protocol/error-codes.ts";
export { KafkaError } from "./protocol/kafka-error.ts";
