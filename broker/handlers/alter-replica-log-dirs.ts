/**
 * AlterReplicaLogDirs (key 34): where the replicas of this broker are to lie (KIP-113).
 *
 * Owns: the checks in Kafka's order. Leaves to the logs of the node: making the replica there, or moving it.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type { AlterReplicaLogDirs } from "../../protocol/messages/log-dirs.ts";
import type { DirectoryDescription } from "../../storage/log-directories-options.ts";
import type { Broker } from "../broker.ts";
import { isCordoned } from "../config/cordoned-directories.ts";
import type { Handler } from "../dispatch/handler.ts";

/** Of the directory a replica would be moved in: "topic-partition.uuid-future". */
const FUTURE_SUFFIX_LENGTH = ".-future".length + 32;
const MAX_NAME_LENGTH = 255;

export const handleAlterReplicaLogDirs: Handler<typeof AlterReplicaLogDirs> = ({ dirs }, { broker }) => {
  // Of a replica that is named twice the last place counts.
  const paths = new Map<string, Map<number, string>>();
  for (const { path, topics } of dirs) {
    for (const { name, partitions } of topics) {
      const ofTopic = paths.get(name) ?? new Map<number, string>();
      paths.set(name, ofTopic);
      for (const index of partitions) ofTopic.set(index, path);
    }
  }
  const directories = new Map(broker.logDirectories().map((directory) => [directory.path, directory]));
  return {
    results: Array.from(paths, ([topicName, partitions]) => ({
      topicName,
      partitions: Array.from(partitions, ([partitionIndex, path]) => ({
        partitionIndex,
        errorCode: outcome(() => place(broker, directories.get(path), topicName, partitionIndex)),
      })),
    })),
  };
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
function place(broker: Broker, directory: DirectoryDescription | undefined, topic: string, index: number): void {
  if (`${topic}-${index}`.length + FUTURE_SUFFIX_LENGTH > MAX_NAME_LENGTH) {
    throw new KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION);
  }
  if (directory === undefined) throw new KafkaError(ErrorCode.LOG_DIR_NOT_FOUND);
  if (directory.isOffline) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR);
  const partition = broker.partitions.get(topic, index);
  if (partition?.log.offline === true) throw new KafkaError(ErrorCode.KAFKA_STORAGE_ERROR);
  const isThere = partition !== undefined && partition.log.directoryId === directory.directoryId;
  if (!isThere && isCordoned(broker.config.settings, directory.path))
    throw new KafkaError(ErrorCode.INVALID_REPLICA_ASSIGNMENT);
  broker.placeLog(topic, index, directory.path);
  broker.partitions.require(topic, index, broker.image);
}
