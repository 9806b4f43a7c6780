/**
 * Consumer groups (KIP-848) change hands with the directory they lie in: Odradek coordinates them, Apache Kafka goes on, and Odradek
 * takes them back. Each finds the groups as the other left them, and no member notices: not an epoch moves.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Heartbeat, JoinGroup, SyncGroup } from "../../../protocol/messages/classic-group.ts";
import { ConsumerGroupDescribe, ConsumerGroupHeartbeat } from "../../../protocol/messages/consumer-group.ts";
import { OffsetCommit, OffsetFetch } from "../../../protocol/messages/group-offsets.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { subscription } from "../../broker/groups/group-world.ts";
import { removeBuiltPackage } from "../../support/odradek-command.ts";
import type { WireAsker } from "../../support/wire-asker.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { createTopic, untilDone, withNode } from "../support/handed-over.ts";
import { apacheKafkaOver, odradekOver } from "../support/node-over-directory.ts";
import { describeWith } from "../support/toolchain.ts";

const PATIENCE_MS = 30_000;
const GROUP = "readers";
const MIXED = "mixed";
const GROUPS = [GROUP, MIXED];
const REBALANCE_TIMEOUT_MS = 60_000;

type Request = Partial<Encode<typeof ConsumerGroupHeartbeat.request>>;
type Described = Decode<typeof ConsumerGroupDescribe.response>["groups"][number];

afterAll(removeBuiltPackage);

/** A member, from whichever node it is served. */
class Reader {
  epoch = 0;
  assigned = "";
  private readonly groupId: string;
  private readonly memberId: string;
  private readonly first: Request;
  private owned: { topicId: string; partitions: number[] }[] = [];

  constructor(groupId: string, memberId: string, first: Request) {
    this.groupId = groupId;
    this.memberId = memberId;
    this.first = first;
  }

  join(asker: WireAsker): Promise<void> {
    const request = { rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS, topicPartitions: [], ...this.first };
    return this.heartbeat(asker, { memberEpoch: 0, ...request });
  }

  async heartbeat(asker: WireAsker, request: Request = {}): Promise<void> {
    const { groupId, memberId, epoch, owned, first } = this;
    const instanceId = first.instanceId ?? null;
    const body = { groupId, memberId, memberEpoch: epoch, instanceId, topicPartitions: owned, ...request };
    const answer = await untilDone(() => asker.ask(ConsumerGroupHeartbeat, 1, body));
    expect([memberId, answer.errorCode, answer.errorMessage]).toEqual([memberId, 0, null]);
    this.epoch = answer.memberEpoch;
    if (answer.assignment === null) return;
    this.owned = answer.assignment.topicPartitions;
    this.assigned = JSON.stringify(this.owned);
  }
}

async function describeGroup(asker: WireAsker, groupId = GROUP): Promise<Described> {
  const request = { groupIds: [groupId], includeAuthorizedOperations: false };
  const group = await untilDone(
    async () => (await asker.ask(ConsumerGroupDescribe, 1, request)).groups[0] as Described,
  );
  return inOrder(group);
}

/** Members, topics and partitions in an order of their own: each coordinator has another. */
function inOrder(group: Described): Described {
  const sorted = (assignment: Described["members"][number]["assignment"]) => ({
    topicPartitions: assignment.topicPartitions
      .map((topic) => ({ ...topic, partitions: [...topic.partitions].sort((a, b) => a - b) }))
      .sort((a, b) => (a.topicName < b.topicName ? -1 : 1)),
  });
  const members = group.members.map((member) => ({
    ...member,
    subscribedTopicNames: [...member.subscribedTopicNames].sort(),
    assignment: sorted(member.assignment),
    targetAssignment: sorted(member.targetAssignment),
  }));
  return { ...group, members: members.sort((a, b) => (a.memberId < b.memberId ? -1 : 1)) };
}

/** Heartbeats until the group is stable; a target is computed once a second at most, an expression looked up every ten. */
async function settle(
  asker: WireAsker,
  readers: readonly Reader[],
  holds = (_: Described) => true,
): Promise<Described> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    for (const reader of readers) await reader.heartbeat(asker);
    const group = await describeGroup(asker);
    if (group.groupState === "Stable" && holds(group)) return group;
    if (performance.now() > deadline) throw new Error(`not stable: ${JSON.stringify(group)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A classic member in a group with a consumer: its generation is a member epoch. It joins again while there is a newer one. */
async function joinClassic(asker: WireAsker): Promise<{ memberId: string; generationId: number }> {
  const request = { groupId: MIXED, sessionTimeoutMs: 60_000, rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS };
  const protocols = [{ name: "range", metadata: subscription("orders") }];
  let memberId = "";
  for (;;) {
    const join = { ...request, memberId, protocolType: "consumer", protocols };
    const joined = await untilDone(() => asker.ask(JoinGroup, 3, join));
    const { generationId } = joined;
    expect(joined.errorCode).toBe(0);
    memberId = joined.memberId;
    const { errorCode } = await asker.ask(SyncGroup, 3, { groupId: MIXED, memberId, generationId, assignments: [] });
    if (errorCode === 0) return { memberId, generationId };
    expect(errorCode).toBe(ErrorCode.REBALANCE_IN_PROGRESS);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describeWith("Apache Kafka", await findApacheKafka(), (kafka) => {
  test("goes on with our consumer groups, and we with its", async () => {
    const folder = mkdtempSync(join(tmpdir(), "odradek-groups-"));
    const directory = join(folder, "data");
    const readers = [
      new Reader(GROUP, "by-name", { subscribedTopicNames: ["orders", "bills"], rackId: "r1" }),
      new Reader(GROUP, "static", { subscribedTopicNames: ["orders"], instanceId: "i1" }),
      new Reader(GROUP, "by-regex", {
        subscribedTopicRegex: "o.*s",
        subscribedTopicNames: ["bills"],
        serverAssignor: "range",
      }),
    ];
    const consumer = new Reader(MIXED, "consumer", { subscribedTopicNames: ["orders"] });
    const late = new Reader(GROUP, "late", { subscribedTopicRegex: ".*", serverAssignor: "uniform" });
    const topic = { name: "orders", partitions: [{ partitionIndex: 0, committedOffset: 7, committedMetadata: "" }] };
    const committed = async (asker: WireAsker, reader: Reader) => {
      const group = { groupId: GROUP, memberId: "by-name", memberEpoch: reader.epoch, topics: null };
      const answer = await asker.ask(OffsetFetch, 9, { groups: [group] });
      return answer.groups[0]?.topics[0]?.partitions[0]?.committedOffset;
    };
    try {
      const [ours, ourMixed, classic] = await withNode(odradekOver(directory), "SIGKILL", GROUPS, async (asker) => {
        await createTopic(asker, "orders", 7);
        await createTopic(asker, "bills", 4);
        for (const reader of readers) await reader.join(asker);
        const stable = await settle(asker, readers, ({ members }) =>
          members.every(({ assignment }) => assignment.topicPartitions.length > 0),
        );
        const [first] = readers as [Reader];
        const request = { groupId: GROUP, memberId: "by-name", generationIdOrMemberEpoch: first.epoch };
        expect(
          (await asker.ask(OffsetCommit, 9, { ...request, topics: [topic] })).topics[0]?.partitions[0]?.errorCode,
        ).toBe(0);
        await consumer.join(asker);
        const member = await joinClassic(asker);
        return [stable, await describeGroup(asker, MIXED), member] as const;
      });
      const epochs = readers.map(({ epoch }) => epoch);
      const [theirs, members] = await withNode(
        apacheKafkaOver(kafka, join(directory, "1"), folder),
        "SIGTERM",
        GROUPS,
        async (asker) => {
          expect(await describeGroup(asker)).toEqual(ours);
          expect(await describeGroup(asker, MIXED)).toEqual(ourMixed);
          const beat = { groupId: MIXED, ...classic };
          expect([0, 27]).toContain((await untilDone(() => asker.ask(Heartbeat, 4, beat))).errorCode);
          for (const reader of readers) await reader.heartbeat(asker);
          expect(readers.map(({ epoch }) => epoch)).toEqual(epochs);
          expect(await describeGroup(asker)).toEqual(ours);
          expect(await committed(asker, readers[0] as Reader)).toBe(7);
          await late.join(asker);
          const stable = await settle(asker, [...readers, late], (group) =>
            group.members.every(({ assignment }) => assignment.topicPartitions.length > 0),
          );
          return [stable, [...readers, late].map(({ epoch, assigned }) => [epoch, assigned])] as const;
        },
      );
      await withNode(odradekOver(directory), "SIGTERM", GROUPS, async (asker) => {
        expect(await describeGroup(asker)).toEqual(theirs);
        for (const reader of [...readers, late]) await reader.heartbeat(asker);
        expect([...readers, late].map(({ epoch, assigned }) => [epoch, assigned])).toEqual(members);
        expect(await describeGroup(asker)).toEqual(theirs);
        expect(await committed(asker, readers[0] as Reader)).toBe(7);
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
