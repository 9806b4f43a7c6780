/**
 * What `import "odradek"` gives: clusters in this process, and the names needed to talk about them.
 */
export type { ClientTelemetryPush } from "./broker/telemetry/client-telemetry.ts";
export type { ClusterEvent } from "./cluster/cluster-events.ts";
export type { ClusterOptions, TopicOptions } from "./cluster/cluster-options.ts";
export type { ClusterSnapshot } from "./cluster/cluster-snapshot.ts";
export type { ClusterNetwork, LinkOptions } from "./cluster/faults/cluster-network.ts";
export {
  type DiskFaultRule,
  type FaultRule,
  FaultRuleError,
  type RequestFaultRule,
} from "./cluster/faults/fault-rule.ts";
export type { Fault } from "./cluster/faults/fault-rules.ts";
export type { LinkEnd, LinkFault } from "./cluster/faults/links.ts";
export type { ControllerHandle, NodeHandle } from "./cluster/node-handle.ts";
export { type Cluster, type FaultSet, startCluster } from "./cluster/start-cluster.ts";
export type { WaitOptions } from "./cluster/wait-until.ts";
export { ErrorCode, errorName } from "./protocol/error-codes.ts";
export { KafkaError } from "./protocol/kafka-error.ts";
