/**
 * DescribeLogDirs (key 35): the directories of this broker with the replicas in them. v4 sizes of volumes (KIP-827), v5 cordoned
 * directories (KIP-1066).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { DescribeLogDirs } from "../../protocol/messages/log-dirs.ts";
import type { Encode } from "../../protocol/schema/message.ts";
import type { DirectoryDescription } from "../../storage/log-directories-options.ts";
import type { PartitionLog } from "../../storage/partition-log.ts";
import type { Broker } from "../broker.ts";
import { isCordoned } from "../config/cordoned-directories.ts";
import type { Handler } from "../dispatch/handler.ts";

type Directory = Encode<(typeof DescribeLogDirs)["response"]>["results"][number];
type Topics = Directory["topics"];

/** Of a log whose partition is not held here. */
const UNKNOWN_LAG = -1;

export const handleDescribeLogDirs: Handler<typeof DescribeLogDirs> = ({ topics }, { broker }) => {
  const asked =
    topics === null ? undefined : new Set(topics.flatMap(({ topic, partitions }) => partitions.map(keyOf(topic))));
  const isAsked = ({ topic, partition }: PartitionLog): boolean => asked?.has(keyOf(topic)(partition)) ?? true;
  return {
    errorCode: ErrorCode.NONE,
    results: broker.logDirectories().map((directory) => describe(directory, isAsked, broker)),
  };
};

const keyOf = (topic: string) => (partition: number) => `${topic}-${partition}`;

function describe(
  { path, isOffline, totalBytes, usableBytes, logs, futures }: DirectoryDescription,
  isAsked: (log: PartitionLog) => boolean,
  broker: Broker,
): Directory {
  if (isOffline) return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, logDir: path, topics: [] };
  return {
    errorCode: ErrorCode.NONE,
    logDir: path,
    topics: topicsOf(logs.filter(isAsked), futures.filter(isAsked), broker),
    ...{ totalBytes, usableBytes, isCordoned: isCordoned(broker.config.settings, path) },
  };
}

function topicsOf(logs: readonly PartitionLog[], futures: readonly PartitionLog[], broker: Broker): Topics {
  const byTopic = new Map<string, Topics[number]["partitions"][number][]>();
  const add = (log: PartitionLog, offsetLag: number, isFutureKey: boolean): void => {
    const partitions = byTopic.get(log.topic) ?? [];
    byTopic.set(log.topic, partitions);
    partitions.push({ partitionIndex: log.partition, partitionSize: log.sizeBytes, offsetLag, isFutureKey });
  };
  for (const log of logs) add(log, offsetLag(log, broker), false);
  for (const log of futures) add(log, futureLag(log, broker), true);
  return Array.from(byTopic, ([name, partitions]) => ({ name, partitions }));
}

/** How far a log that is being filled is behind the one it is filled from. */
function futureLag(log: PartitionLog, { partitions }: Broker): number {
  const current = partitions.get(log.topic, log.partition)?.log;
  return current === undefined || current.offline ? UNKNOWN_LAG : current.logEndOffset - log.logEndOffset;
}

/** How far the log is behind the high watermark. */
function offsetLag(log: PartitionLog, { partitions }: Broker): number {
  if (log.offline || partitions.get(log.topic, log.partition)?.log !== log) return UNKNOWN_LAG;
  return Math.max(0, log.highWatermark - log.logEndOffset);
}
