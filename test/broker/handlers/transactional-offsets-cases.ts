/** What Apache Kafka answers to offsets inside transactions, and to who looks at transactions from outside. */
import { expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { DeleteGroups } from "../../../protocol/messages/groups-admin.ts";
import { ListTransactions } from "../../../protocol/messages/transactions-admin.ts";
import type { Encode } from "../../../protocol/schema/message.ts";
import { type DataPlane, newTopic } from "../../support/data-plane.ts";
import { freshName, WireTransaction } from "../../support/wire-transaction.ts";

const {
  NONE,
  ILLEGAL_GENERATION,
  INVALID_GROUP_ID,
  INVALID_PRODUCER_EPOCH: OLD_EPOCH,
  INVALID_PRODUCER_ID_MAPPING: OTHER_ID,
  INVALID_TXN_STATE: WRONG_STATE,
  TRANSACTION_ABORTABLE: ABORTABLE,
  UNKNOWN_MEMBER_ID,
  UNKNOWN_TOPIC_OR_PARTITION: UNKNOWN,
  UNSTABLE_OFFSET_COMMIT: UNSTABLE,
} = ErrorCode;

export function transactionalOffsetCases(planeOf: () => DataPlane): void {
  const begin = (transactionalId?: string) => WireTransaction.begin(planeOf(), transactionalId);
  const topicOf = async () => (await newTopic(planeOf())).name;

  test("TxnOffsetCommit of a group that was not added, in the terms of each version", async () => {
    using producer = await begin();
    const [topic, group] = [await topicOf(), freshName("group")];
    const code = (version: number) => producer.commitOffset(group, topic, 1, {}, version);
    for (const version of [0, 1, 2, 3]) expect(await code(version)).toBe(WRONG_STATE);
    expect(await code(4)).toBe(ABORTABLE);
    expect(await code(5)).toBe(NONE);
    expect((await producer.describe()).topics.map((entry) => entry.topic)).toEqual(["__consumer_offsets"]);
  });

  test("B78: TxnOffsetCommit of others, of unknown members, of no group, of no topic", async () => {
    using producer = await begin();
    using other = await begin();
    const [topic, group] = [await topicOf(), freshName("group")];
    await producer.addOffsets(group);
    const code = (request: object, version = 3) => producer.commitOffset(group, topic, 1, request, version);
    expect(await code({ producerId: other.producerId })).toBe(OTHER_ID);
    expect(await code({ transactionalId: freshName("nobody") })).toBe(OTHER_ID);
    expect(await code({ producerEpoch: 9 })).toBe(OLD_EPOCH);
    expect(await code({ memberId: "nobody", generationId: 1 })).toBe(ILLEGAL_GENERATION);
    expect(await producer.commitOffset("", topic, 1)).toBe(INVALID_GROUP_ID);
    expect(await producer.commitOffset(group, freshName("no-topic"), 1)).toBe(UNKNOWN);
    expect(await code({})).toBe(NONE);
    expect(await code({ memberId: "nobody", generationId: 1 })).toBe(UNKNOWN_MEMBER_ID);
  });

  test("R130, R131: offsets of an open transaction are seen by nobody, and stable answers wait for its end", async () => {
    using producer = await begin();
    const [topic, group] = [await topicOf(), freshName("group")];
    const offset = (requireStable: boolean) => producer.committedOffset(group, topic, requireStable);
    const commit = async (at: number, committed: boolean) => {
      await producer.settled(async () => (await producer.commitOffset(group, topic, at, {}, 5)) as number);
      await producer.ended(committed, 5);
    };
    await commit(3, true);
    expect(await offset(true)).toEqual({ code: NONE, offset: 3 });
    expect(await producer.settled(async () => (await producer.commitOffset(group, topic, 7, {}, 5)) as number)).toBe(
      NONE,
    );
    expect(await offset(false)).toEqual({ code: NONE, offset: 3 });
    expect(await offset(true)).toEqual({ code: UNSTABLE, offset: -1 });
    await producer.ended(false, 5);
    expect(await offset(true)).toEqual({ code: NONE, offset: 3 });
    await commit(9, true);
    // R131: the marker is answered when the group has the offsets.
    expect(await offset(true)).toEqual({ code: NONE, offset: 9 });
  });

  test("R132: a group with offsets of an open transaction", async () => {
    using producer = await begin();
    const [topic, group] = [await topicOf(), freshName("group")];
    await producer.addOffsets(group);
    expect(await producer.commitOffset(group, topic, 5)).toBe(NONE);
    const remove = async () => {
      const { results } = await producer.asker.ask(DeleteGroups, 2, { groupsNames: [group] });
      return results[0]?.errorCode;
    };
    // Who deletes the group means these offsets too; that none is deleted of itself is a matter of expiry.
    expect(await remove()).toBe(NONE);
    await producer.ended(true, 4);
    expect(await producer.committedOffset(group, topic, true)).toEqual({ code: NONE, offset: -1 });
  });

  test("R136: transactions by state, producer, duration and pattern", async () => {
    using open = await begin(freshName("list-open"));
    using done = await begin(freshName("list-done"));
    const topic = await topicOf();
    await open.add(topic);
    await done.add(topic);
    await done.ended(true);
    const list = async (request: Partial<Encode<(typeof ListTransactions)["request"]>>, version = 2) => {
      const none = { stateFilters: [], producerIdFilters: [] };
      const answer = await open.asker.ask(ListTransactions, version, { ...none, ...request });
      const ours = answer.transactionStates.filter(({ transactionalId }) => transactionalId.startsWith("list-"));
      return { ...answer, names: ours.map(({ transactionalId }) => transactionalId).sort() };
    };
    const both = [open.transactionalId, done.transactionalId].sort();
    expect((await list({}, 0)).names).toEqual(both);
    expect((await list({ stateFilters: ["Ongoing"] })).names).toEqual([open.transactionalId]);
    expect((await list({ producerIdFilters: [done.producerId] })).names).toEqual([done.transactionalId]);
    expect((await list({ durationFilter: 60_000 }, 1)).names).toEqual([]);
    expect((await list({ transactionalIdPattern: "list-o.*" })).names).toEqual([open.transactionalId]);
    expect((await list({ transactionalIdPattern: "list-o" })).names).toEqual([]);
    // One that takes others an age.
    expect((await list({ transactionalIdPattern: "(([a-z]+)+)+!" })).names).toEqual([]);
    expect(await list({ transactionalIdPattern: "(" })).toMatchObject({
      errorCode: ErrorCode.INVALID_REGULAR_EXPRESSION,
    });
    expect(await list({ stateFilters: ["Ongoing", "Nonsense"] })).toMatchObject({
      errorCode: NONE,
      unknownStateFilters: ["Nonsense"],
      names: [open.transactionalId],
    });
    expect((await list({ stateFilters: ["Nonsense"] })).names).toEqual([]);
    await open.ended(false);
  });

  test("DescribeTransactions: what is known of an id, and of none", async () => {
    using producer = await begin();
    const topic = await topicOf();
    const before = Date.now();
    await producer.add(topic);
    const { transactionalId, producerId } = producer;
    const state = await producer.describe();
    expect(state).toMatchObject({
      ...{ errorCode: NONE, transactionalId, transactionState: "Ongoing", transactionTimeoutMs: 60_000 },
      ...{ producerId, producerEpoch: 0, topics: [{ topic, partitions: [0] }] },
    });
    expect(Math.abs(state.transactionStartTimeMs - before)).toBeLessThan(10_000);
    const nobody = freshName("nobody");
    expect(await producer.describe(nobody)).toMatchObject({
      errorCode: ErrorCode.TRANSACTIONAL_ID_NOT_FOUND,
      transactionalId: nobody,
    });
    expect((await producer.describe("")).errorCode).toBe(ErrorCode.INVALID_REQUEST);
  });
}
