/** Records of __transaction_state. */
import { array, int8, int16, int32, int64, string } from "../schema/field.ts";
import { message } from "../schema/message.ts";

/** Type 0: a transactional id. */
export const TransactionLogKey = message("TransactionLogKey", "0", "none", {
  transactionalId: string(),
});

/** Its state; v1 flexible, with the ids before and after (KIP-890). */
export const TransactionLogValue = message("TransactionLogValue", "0-1", "1+", {
  producerId: int64(),
  previousProducerId: int64({ tag: 0, taggedVersions: "1+", default: -1 }),
  nextProducerId: int64({ tag: 1, taggedVersions: "1+", default: -1 }),
  producerEpoch: int16(),
  nextProducerEpoch: int16({ tag: 3, taggedVersions: "1+", default: -1 }),
  transactionTimeoutMs: int32(),
  transactionStatus: int8(),
  transactionPartitions: array(
    {
      topic: string(),
      partitionIds: array(int32()),
    },
    { nullable: "0+" },
  ),
  transactionLastUpdateTimestampMs: int64(),
  transactionStartTimestampMs: int64(),
  clientTransactionVersion: int16({ tag: 2, taggedVersions: "1+", default: 0 }),
});
