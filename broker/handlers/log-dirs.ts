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
  { path, isOffline, totalBytes, usableBytes, logs }: DirectoryDescription,
  isAsked: (log: PartitionLog) => boolean,
  broker: Broker,
): Directory {
  if (isOffline) return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, logDir: path, topics: [] };
  const isCordoned = broker.config.settings.cordonedLogDirs?.includes(path) ?? false;
  return {
    errorCode: ErrorCode.NONE,
    logDir: path,
    topics: topicsOf(logs.filter(isAsked), broker),
    ...{ totalBytes, usableBytes, isCordoned },
  };
}

function topicsOf(logs: readonly PartitionLog[], broker: Broker): Topics {
  const byTopic = new Map<string, Topics[number]["partitions"][number][]>();
  for (const log of logs) {
    const partitions = byTopic.get(log.topic) ?? [];
    byTopic.set(log.topic, partitions);
    partitions.push({
      partitionIndex: log.partition,
      partitionSize: log.sizeBytes,
      offsetLag: offsetLag(log, broker),
      isFutureKey: false,
    });
  }
  return Array.from(byTopic, ([name, partitions]) => ({ name, partitions }));
}

/** How far the log is behind the high watermark. */
function offsetLag(log: PartitionLog, { partitions }: Broker): number {
  if (log.offline || partitions.get(log.topic, log.partition)?.log !== log) return UNKNOWN_LAG;
  return Math.max(0, log.highWatermark - log.logEndOffset);
}
