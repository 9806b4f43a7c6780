/** ISR changes. */
import { defineApi } from "../schema/api.ts";
import { array, int8, int16, int32, int64, uuid } from "../schema/field.ts";
import { message } from "../schema/message.ts";

export const AlterPartitionRequest = message("AlterPartitionRequest", "2-3", "0+", {
  brokerId: int32(),
  brokerEpoch: int64({ default: -1 }),
  topics: array({
    topicId: uuid({ ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      leaderEpoch: int32(),
      newIsr: array(int32(), { versions: "0-2" }),
      newIsrWithEpochs: array(
        {
          brokerId: int32(),
          brokerEpoch: int64({ default: -1 }),
        },
        { versions: "3+" },
      ),
      leaderRecoveryState: int8({ default: 0 }),
      partitionEpoch: int32(),
    }),
  }),
});

export const AlterPartitionResponse = message("AlterPartitionResponse", "2-3", "0+", {
  throttleTimeMs: int32(),
  errorCode: int16(),
  topics: array({
    topicId: uuid({ ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      leaderId: int32(),
      leaderEpoch: int32(),
      isr: array(int32()),
      leaderRecoveryState: int8({ default: 0, ignorable: true }),
      partitionEpoch: int32(),
    }),
  }),
});

/** AlterPartition (key 56): a leader proposes the ISR of its partitions (KIP-497). v3 broker epochs (KIP-903). */
export const AlterPartition = defineApi({
  key: 56,
  request: AlterPartitionRequest,
  response: AlterPartitionResponse,
  listeners: ["controller"],
});
