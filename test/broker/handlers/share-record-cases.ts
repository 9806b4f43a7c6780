/** What Apache Kafka writes of a share group and of its state (KIP-932), record by record. */
import { expect, test } from "vitest";
import { GROUP_RECORD_TYPES } from "../../../broker/groups/group-record-types.ts";
import { InternalTopic } from "../../../broker/metadata/internal-topics.ts";
import { SHARE_STATE_RECORD_TYPES } from "../../../broker/share-state/stored-state.ts";
import type { RecordTypes } from "../../../broker/state-machine/coordinator-record.ts";
import { partitionOfKey } from "../../../broker/state-machine/key-partition.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Fetch } from "../../../protocol/messages/fetch.ts";
import { FindCoordinator } from "../../../protocol/messages/find-coordinator.ts";
import { DeleteGroups } from "../../../protocol/messages/groups-admin.ts";
import { Metadata } from "../../../protocol/messages/metadata.ts";
import { AlterShareGroupOffsets, ShareGroupHeartbeat } from "../../../protocol/messages/share-group.ts";
import {
  InitializeShareGroupState,
  ReadShareGroupState,
  WriteShareGroupState,
} from "../../../protocol/messages/share-state.ts";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { RecordIterator } from "../../../protocol/records/record-iterator.ts";
import { ZERO_UUID } from "../../../protocol/uuid.ts";
import { type DataPlane, newTopic } from "../../support/data-plane.ts";
import { WireAsker } from "../../support/wire-asker.ts";

let made = 0;

/** A record as it is compared: its type, and its value without what differs from run to run. */
type Written = readonly [type: number, value: object | null];

async function partitionFor(asker: WireAsker, topic: string, key: string): Promise<number> {
  const request = { topics: [{ topicId: ZERO_UUID, name: topic }], allowAutoTopicCreation: false };
  const { topics } = await asker.ask(Metadata, 12, { ...request, includeTopicAuthorizedOperations: false });
  return partitionOfKey(key, topics[0]?.partitions.length ?? 0);
}

async function written(
  asker: WireAsker,
  topic: string,
  types: RecordTypes,
  key: string,
  groupId: string,
): Promise<Written[]> {
  const partition = await partitionFor(asker, topic, key);
  const all: Written[] = [];
  for (let fetchOffset = 0; ; ) {
    const answer = await asker.ask(Fetch, 11, {
      ...{ maxWaitMs: 0, minBytes: 0, maxBytes: 1 << 20, sessionId: 0, sessionEpoch: -1, forgottenTopicsData: [] },
      ...{
        isolationLevel: 0,
        topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 1 << 20 }] }],
      },
    });
    const before = fetchOffset;
    for (const batch of new BatchIterator(answer.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0))) {
      fetchOffset = batch.nextOffset;
      for (const record of new RecordIterator(batch, batch.records)) {
        const stored = types.decode(record.key as Buffer, record.value);
        if (stored === undefined || (stored.key as { groupId?: string }).groupId !== groupId) continue;
        all.push([stored.type.id, stored.value === null ? null : steady(stored.value)]);
      }
    }
    if (fetchOffset === before) return all;
  }
}

const NOT_COMPARED =
  /^(metadataHash|assignmentTimestamp|createTimestamp|writeTimestamp|topicId|topicName|unknownTaggedFields)$/;

function steady(value: object): object {
  return JSON.parse(
    JSON.stringify(value, (name, inner) =>
      NOT_COMPARED.test(name) ? undefined : typeof inner === "bigint" ? 0 : inner,
    ),
  );
}

export function shareRecordCases(planeOf: () => DataPlane): void {
  async function open(keyType: number, key: string): Promise<WireAsker> {
    const asker = await WireAsker.open(planeOf().address);
    while ((await asker.ask(FindCoordinator, 6, { keyType, coordinatorKeys: [key] })).coordinators[0]?.errorCode !== 0);
    return asker;
  }

  async function until<R extends { readonly errorCode: number }>(ask: () => Promise<R>): Promise<R> {
    for (;;) {
      const answer = await ask();
      if (
        answer.errorCode !== ErrorCode.COORDINATOR_LOAD_IN_PROGRESS &&
        answer.errorCode !== ErrorCode.NOT_COORDINATOR
      ) {
        return answer;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  test("R178, R180: of a member that joins, reads and leaves, and of its group that is deleted", async () => {
    const { name } = await newTopic(planeOf(), { partitionCount: 2 });
    const groupId = `written-${++made}`;
    using asker = await open(0, groupId);
    const beat = (memberEpoch: number, subscribedTopicNames: string[] | null) =>
      asker.ask(ShareGroupHeartbeat, 1, { groupId, memberId: "m", memberEpoch, rackId: null, subscribedTopicNames });
    const joined = await until(() => beat(0, [name]));
    let { memberEpoch } = joined;
    while (memberEpoch === joined.memberEpoch) ({ memberEpoch } = await beat(memberEpoch, null));
    await beat(-1, null);
    const group = () => written(asker, InternalTopic.CONSUMER_OFFSETS, GROUP_RECORD_TYPES, groupId, groupId);
    const both = [{ partitions: [0, 1] }];
    const life: Written[] = [
      [10, { rackId: null, clientId: "test", clientHost: "/127.0.0.1", subscribedTopicNames: [name] }],
      [11, { epoch: 2 }],
      [13, { topicPartitions: [] }],
      [12, { assignmentEpoch: 2 }],
      [14, { memberEpoch: 2, previousMemberEpoch: 0, state: 0, assignedPartitions: [] }],
      [15, { initializingTopics: both, initializedTopics: [], deletingTopics: [] }],
      [15, { initializingTopics: [], initializedTopics: both, deletingTopics: [] }],
      [11, { epoch: 3 }],
      [13, { topicPartitions: both }],
      [12, { assignmentEpoch: 3 }],
      [14, { memberEpoch: 3, previousMemberEpoch: 2, state: 0, assignedPartitions: both }],
      [14, null],
      [13, null],
      [10, null],
      [11, { epoch: 4 }],
    ];
    expect(await group()).toEqual(life);
    expect((await asker.ask(DeleteGroups, 2, { groupsNames: [groupId] })).results[0]?.errorCode).toBe(0);
    expect((await group()).slice(life.length)).toEqual([
      [15, { initializingTopics: [], initializedTopics: [], deletingTopics: [{}] }],
      [12, null],
      [15, null],
      [11, null],
    ]);
  });

  test("R181: of offsets that are set", async () => {
    const { name } = await newTopic(planeOf(), { partitionCount: 2 });
    const groupId = `written-${++made}`;
    using asker = await open(0, groupId);
    const topics = [{ topicName: name, partitions: [{ partitionIndex: 1, startOffset: 0 }] }];
    await until(() => asker.ask(AlterShareGroupOffsets, 0, { groupId, topics }));
    const one = [{ partitions: [1] }];
    expect(await written(asker, InternalTopic.CONSUMER_OFFSETS, GROUP_RECORD_TYPES, groupId, groupId)).toEqual([
      [15, { initializingTopics: one, initializedTopics: [], deletingTopics: [] }],
      [15, { initializingTopics: [], initializedTopics: one, deletingTopics: [] }],
    ]);
  });

  test("R175: of the state of a share partition", async () => {
    const { topicId } = await newTopic(planeOf(), { partitionCount: 1 });
    const groupId = `written-${++made}`;
    const key = `${groupId}:${topicId}:0`;
    using asker = await open(2, key);
    const ask = (said: object) =>
      ({ groupId, topics: [{ topicId, partitions: [{ partition: 0, ...said }] }] }) as never;
    await until(async () => {
      const { results } = await asker.ask(InitializeShareGroupState, 0, ask({ stateEpoch: 3, startOffset: -1 }));
      return results[0]?.partitions[0] as { errorCode: number };
    });
    const batch = { firstOffset: 2, lastOffset: 4, deliveryState: 2, deliveryCount: 1 };
    await asker.ask(ReadShareGroupState, 0, ask({ leaderEpoch: 7 }));
    await asker.ask(
      WriteShareGroupState,
      1,
      ask({ stateEpoch: 3, leaderEpoch: 7, startOffset: 2, deliveryCompleteCount: 3, stateBatches: [batch] }),
    );
    const state = { snapshotEpoch: 0, leaderEpoch: 7, stateBatches: [] };
    expect(await written(asker, InternalTopic.SHARE_GROUP_STATE, SHARE_STATE_RECORD_TYPES, key, groupId)).toEqual([
      [0, { ...state, stateEpoch: 3, leaderEpoch: 0, startOffset: -1, deliveryCompleteCount: -1 }],
      [1, { ...state, startOffset: -1, deliveryCompleteCount: -1 }],
      [1, { ...state, startOffset: 2, deliveryCompleteCount: 3, stateBatches: [batch] }],
    ]);
  });
}
