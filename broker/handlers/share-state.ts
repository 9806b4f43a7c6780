/**
 * The state of share partitions (KIP-932), as brokers ask for it: InitializeShareGroupState (83), ReadShareGroupState (84),
 * WriteShareGroupState (85), DeleteShareGroupState (86), ReadShareGroupStateSummary (87).
 *
 * Owns: from requests to share partitions and back. A request that names no group, or a topic without partitions, is answered with
 * nothing. Write and summary v1 the count of records that are done with.
 */
import type {
  DeleteShareGroupState,
  InitializeShareGroupState,
  ReadShareGroupState,
  ReadShareGroupStateSummary,
  WriteShareGroupState,
} from "../../protocol/messages/share-state.ts";
import type { Later } from "../dispatch/answer.ts";
import type { Handler } from "../dispatch/handler.ts";
import type { SharePartitionKey } from "../share-state/share-partition-key.ts";
import type { PersisterResult } from "../share-state/share-persister.ts";
import { gather } from "../state-machine/reply.ts";

export const handleInitializeShareGroupState: Handler<typeof InitializeShareGroupState> = (request, { broker }) =>
  askEach(request, (key, said) => broker.shareCoordinator.initialize(key, said));

export const handleReadShareGroupState: Handler<typeof ReadShareGroupState> = (request, { broker }) =>
  askEach(request, (key, { leaderEpoch }) => broker.shareCoordinator.read(key, leaderEpoch));

export const handleWriteShareGroupState: Handler<typeof WriteShareGroupState> = (request, { broker }) =>
  askEach(request, (key, said) => broker.shareCoordinator.write(key, said));

export const handleDeleteShareGroupState: Handler<typeof DeleteShareGroupState> = (request, { broker }) =>
  askEach(request, (key) => broker.shareCoordinator.delete(key));

export const handleReadShareGroupStateSummary: Handler<typeof ReadShareGroupStateSummary> = (request, { broker }) =>
  askEach(request, (key) => broker.shareCoordinator.readSummary(key));

interface StateRequest<P> {
  readonly groupId: string;
  readonly topics: readonly { readonly topicId: string; readonly partitions: readonly P[] }[];
}

type StateResponse<R> = { results: { topicId: string; partitions: (R & { partition: number })[] }[] };

function askEach<P extends { readonly partition: number }, R extends PersisterResult>(
  { groupId, topics }: StateRequest<P>,
  ask: (key: SharePartitionKey, said: P) => Later<R>,
): StateResponse<R> | Later<StateResponse<R>> {
  if (groupId === "" || topics.some(({ partitions }) => partitions.length === 0)) return { results: [] };
  const asked = topics.flatMap(({ topicId, partitions }) => {
    return partitions.map((said) => ({ topicId, said, key: { groupId, topicId, partition: said.partition } }));
  });
  return gather(
    asked.map(({ key, said }) => ask(key, said)),
    (results) => {
      const byTopic = new Map<string, Map<number, R & { partition: number }>>();
      results.forEach((result, index) => {
        const { topicId, partition } = (asked[index] as (typeof asked)[number]).key;
        const known = byTopic.get(topicId) ?? new Map<number, R & { partition: number }>();
        byTopic.set(topicId, known.set(partition, { ...result, partition }));
      });
      return {
        results: [...byTopic].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions.values()] })),
      };
    },
  );
}
