/**
 * Where a leader's log of one partition starts and ends, asked with ListOffsets as a replica.
 */
import type { RpcClient } from "../../broker/network/rpc-client.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { ListOffsets } from "../../protocol/messages/list-offsets.ts";
import type { FollowedPartition, LeaderBounds } from "./follower-fetch.ts";

const VERSION = 9;
const LATEST = -1;
const EARLIEST = -2;

/** Undefined when the leader does not say. @throws RpcError. */
export async function askBounds(
  client: RpcClient,
  brokerId: number,
  followed: FollowedPartition,
  timeoutMs: number,
): Promise<LeaderBounds | undefined> {
  const { partition, leaderEpoch } = followed;
  const ask = async (timestamp: number): Promise<number | undefined> => {
    const asked = { partitionIndex: partition.index, currentLeaderEpoch: leaderEpoch, timestamp };
    const topics = [{ name: partition.topic, partitions: [asked] }];
    const { body } = await client.call(
      ListOffsets,
      { replicaId: brokerId, isolationLevel: 0, topics },
      { version: VERSION, timeoutMs },
    );
    const answer = body.topics[0]?.partitions[0];
    return answer?.errorCode === ErrorCode.NONE ? answer.offset : undefined;
  };
  const [logStartOffset, logEndOffset] = await Promise.all([ask(EARLIEST), ask(LATEST)]);
  return logStartOffset === undefined || logEndOffset === undefined ? undefined : { logStartOffset, logEndOffset };
}
