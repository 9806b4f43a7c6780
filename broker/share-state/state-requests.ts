/**
 * The five things that may be asked about the state of share partitions, each both ways: of a coordinator in this process, and of
 * another broker, several partitions of one group in one request.
 */
import type { ErrorCode } from "../../protocol/error-codes.ts";
import {
  DeleteShareGroupState,
  InitializeShareGroupState,
  ReadShareGroupState,
  ReadShareGroupStateSummary,
  WriteShareGroupState,
} from "../../protocol/messages/share-state.ts";
import type { Api } from "../../protocol/schema/api.ts";
import type { Encode, Message } from "../../protocol/schema/message.ts";
import type { Later } from "../dispatch/answer.ts";
import type { PeerBrokers } from "../network/peer-brokers.ts";
import { refusal, refusedState, refusedSummary } from "./decisions.ts";
import { coordinatorKey, type SharePartitionKey } from "./share-partition-key.ts";
import type {
  InitialShareState,
  PersisterResult,
  SharePersister,
  ShareState,
  ShareStateChange,
  ShareStateSummary,
} from "./share-persister.ts";

export interface StateCall<P> {
  readonly key: SharePartitionKey;
  readonly body: P;
}

/** @typeParam P what is said of a partition. @typeParam R what is answered for it. */
export interface StateRequest<P, R extends PersisterResult> {
  readonly name: string;
  /** Asks a coordinator of this process. */
  here(coordinator: SharePersister, call: StateCall<P>): Later<R>;
  /** Asks another broker; results by coordinator key. @throws RpcError. */
  there(
    peers: Pick<PeerBrokers, "call">,
    brokerId: number,
    calls: readonly StateCall<P>[],
    timeoutMs: number,
  ): Promise<Map<string, R>>;
  refused(errorCode: ErrorCode): R;
}

interface LeaderOnly {
  readonly leaderEpoch: number;
}

export const INITIALIZE = stateRequest<InitialShareState, PersisterResult>(
  InitializeShareGroupState,
  (coordinator, { key, body }) => coordinator.initialize(key, body),
  refusal,
);
export const READ = stateRequest<LeaderOnly, ShareState>(
  ReadShareGroupState,
  (coordinator, { key, body }) => coordinator.read(key, body.leaderEpoch),
  (code) => refusedState(refusal(code)),
);
export const WRITE = stateRequest<ShareStateChange, PersisterResult>(
  WriteShareGroupState,
  (coordinator, { key, body }) => coordinator.write(key, body),
  refusal,
);
export const DELETE = stateRequest<object, PersisterResult>(
  DeleteShareGroupState,
  (coordinator, { key }) => coordinator.delete(key),
  refusal,
);
export const READ_SUMMARY = stateRequest<LeaderOnly, ShareStateSummary>(
  ReadShareGroupStateSummary,
  (coordinator, { key, body }) => coordinator.readSummary(key, body.leaderEpoch),
  (code) => refusedSummary(refusal(code)),
);

/** All five APIs have one form: groupId, topics of { topicId, partitions }, and results of the same. */
function stateRequest<P extends object, R extends PersisterResult>(
  api: Api,
  here: StateRequest<P, R>["here"],
  refused: (errorCode: ErrorCode) => R,
): StateRequest<P, R> {
  return {
    name: api.request.name,
    here,
    refused,
    async there(peers, brokerId, calls, timeoutMs) {
      const groupId = (calls[0] as StateCall<P>).key.groupId;
      const byTopic = new Map<string, object[]>();
      for (const { key, body } of calls) {
        const partitions = byTopic.get(key.topicId);
        if (partitions === undefined) byTopic.set(key.topicId, [{ partition: key.partition, ...body }]);
        else partitions.push({ partition: key.partition, ...body });
      }
      const request = { groupId, topics: [...byTopic].map(([topicId, partitions]) => ({ topicId, partitions })) };
      const response = (await peers.call(brokerId, api, request as Encode<Message>, timeoutMs)) as unknown as {
        readonly results: readonly { topicId: string; partitions: readonly (R & { partition: number })[] }[];
      };
      const results = new Map<string, R>();
      for (const { topicId, partitions } of response.results) {
        for (const result of partitions) {
          results.set(coordinatorKey({ groupId, topicId, partition: result.partition }), result);
        }
      }
      return results;
    },
  };
}
