/**
 * OffsetForLeaderEpoch (key 23): where the largest epoch not above the one asked for ends (KIP-101, KIP-279, KIP-320).
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf, KafkaError } from "../../protocol/kafka-error.ts";
import type { OffsetForLeaderEpoch } from "../../protocol/messages/offset-for-leader-epoch.ts";
import type { Handler } from "../dispatch/handler.ts";

export const handleOffsetForLeaderEpoch: Handler<typeof OffsetForLeaderEpoch> = (request, { broker }) => ({
  topics: request.topics.map((topic) => ({
    topic: topic.topic,
    partitions: topic.partitions.map((asked) => {
      try {
        const partition = broker.partitions.require(topic.topic, asked.partition, broker.image);
        partition.checkLeaderEpoch(asked.currentLeaderEpoch);
        partition.requireLeader();
        const end = partition.log.endOffsetForEpoch(asked.leaderEpoch);
        return { errorCode: ErrorCode.NONE, partition: asked.partition, ...end };
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        return { errorCode: errorCodeOf(error), partition: asked.partition, leaderEpoch: -1, endOffset: -1 };
      }
    }),
  })),
});
