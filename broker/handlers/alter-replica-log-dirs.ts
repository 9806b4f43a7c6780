/**
 * AlterReplicaLogDirs (key 34): where the replicas of this broker are to lie (KIP-113).
 *
 * Owns: the checks in Kafka's order. Leaves to the logs of the node: making the replica there, or moving it.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type { AlterReplicaLogDirs } from "../../protocol/messages/log-dirs.ts";
import type { Broker } from "../broker.ts";
import type { Handler } from "../dispatch/handler.ts";
import { isCordoned } from "./log-dirs.ts";

/** Of the directory a replica would be moved in: "topic-partition.uuid-future". */
const FUTURE_SUFFIX_LENGTH = ".-future".length + 32;
const MAX_NAME_LENGTH = 255;

export const handleAlterReplicaLogDirs: Handler<typeof AlterReplicaLogDirs> = ({ dirs }, { broker }) => {
  const topics = new Map<string, { partitionIndex: number; errorCode: number }[]>();
  for (const { path, topics: named } of dirs) {
    for (const { name, partitions } of named) {
      const results = topics.get(name) ?? [];
      topics.set(name, results);
      for (const index of partitions) {
        results.push({ partitionIndex: index, errorCode: outcome(() => place(broker, name, index, path)) });
      }
    }
  }
  return { results: Array.from(topics, ([topicName, partitions]) => ({ topicName, partitions })) };
};

function outcome(place: () => void): number {
  try {
    place();
    return ErrorCode.NONE;
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    // As the API told it before there was a better code.
    return error.code === ErrorCode.NOT_LEADER_OR_FOLLOWER ? ErrorCode.REPLICA_NOT_AVAILABLE : errorCodeOf(error);
  }
}

/**
 * The directory is remembered for a replica that is still to come.
 * @throws KafkaError why the replica will not lie there.
 */
function place(broker: Broker, topic: string, index: number, path: string): void {
  if (`${topic}-${index}`.length + FUTURE_SUFFIX_LENGTH > MAX_NAME_LENGTH) {
    throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION);
  }
  const directory = broker.logDirectories().find((one) => one.path === path);
  if (directory === undefined) throw new KafkaError(ErrorCode.LOG_DIR_NOT_FOUND);
  if (directory.isOffline) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR);
  const partition = broker.partitions.get(topic, index);
  if (partition?.log.offline === true) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR);
  const isThere = partition !== undefined && directory.logs.some((log) => log === partition.log);
  if (!isThere && isCordoned(broker, path)) throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  broker.placeLog(topic, index, path);
  broker.partitions.require(topic, index, broker.image);
}
