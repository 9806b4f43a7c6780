/**
 * R209: streams groups change hands with the directory they lie in: Odradek coordinates them, Apache Kafka goes on, and Odradek takes
 * them back. Each finds the groups as the other left them, and no member notices: not an epoch moves.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { IncrementalAlterConfigs } from "../../../protocol/messages/configs.ts";
import { StreamsGroupDescribe, StreamsGroupHeartbeat } from "../../../protocol/messages/streams-group.ts";
import type { Decode, Encode } from "../../../protocol/schema/message.ts";
import { internalTopic, NO_TASK_IDS, subtopology, topology } from "../../broker/groups/streams/streams-client.ts";
import { removeBuiltPackage } from "../../support/odradek-command.ts";
import type { WireAsker } from "../../support/wire-asker.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { createTopic, PATIENCE_MS, untilDone, withNode } from "../support/handed-over.ts";
import { apacheKafkaOver, odradekOver } from "../support/node-over-directory.ts";
import { describeWith } from "../support/toolchain.ts";

const GROUP = "app";
const GROUP_RESOURCE = 32;
const TOPOLOGY = topology(
  subtopology("0", ["orders"], { repartitionSinkTopics: ["app-repartition"] }),
  subtopology("1", ["bills"], {
    repartitionSourceTopics: [internalTopic("app-repartition")],
    stateChangelogTopics: [
      { ...internalTopic("app-changelog"), topicConfigs: [{ key: "cleanup.policy", value: "compact" }] },
    ],
  }),
);

type Request = Partial<Encode<typeof StreamsGroupHeartbeat.request>>;
type Described = Decode<typeof StreamsGroupDescribe.response>["groups"][number];

afterAll(removeBuiltPackage);

/** A thread, from whichever node it is served. */
class Thread {
  epoch = 0;
  tasks = "";
  private readonly memberId: string;
  private readonly first: Request;
  private owned: Request = NO_TASK_IDS;

  constructor(memberId: string, processId: string, more: Request = {}) {
    this.memberId = memberId;
    this.first = { topology: TOPOLOGY, processId, rebalanceTimeoutMs: 60_000, clientTags: [], ...more };
  }

  join(asker: WireAsker): Promise<void> {
    return this.heartbeat(asker, { memberEpoch: 0, ...NO_TASK_IDS, ...this.first });
  }

  async heartbeat(asker: WireAsker, request: Request = {}): Promise<void> {
    const { memberId, epoch: memberEpoch, owned } = this;
    const body = { groupId: GROUP, memberId, memberEpoch, endpointInformationEpoch: -1, ...owned, ...request };
    const answer = await untilDone(() => asker.ask(StreamsGroupHeartbeat, 0, body));
    expect([memberId, answer.errorCode, answer.errorMessage]).toEqual([memberId, 0, null]);
    this.epoch = answer.memberEpoch;
    const { activeTasks, standbyTasks } = answer;
    if (activeTasks === null || standbyTasks === null) return;
    this.owned = { activeTasks, standbyTasks, warmupTasks: [] };
    this.tasks = JSON.stringify([inOrder(activeTasks), inOrder(standbyTasks)]);
  }
}

function inOrder(tasks: readonly { subtopologyId: string; partitions: number[] }[]) {
  return [...tasks].sort((a, b) => (a.subtopologyId < b.subtopologyId ? -1 : 1));
}

/** Members in an order of their own: each coordinator has another. */
async function describeGroup(asker: WireAsker): Promise<Described> {
  const request = { groupIds: [GROUP], includeAuthorizedOperations: false };
  const group = await untilDone(async () => (await asker.ask(StreamsGroupDescribe, 0, request)).groups[0] as Described);
  const members = [...group.members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  return { ...group, members };
}

/** Heartbeats until the group is stable, and every member has something to do. */
async function settle(asker: WireAsker, threads: readonly Thread[]): Promise<Described> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    for (const thread of threads) await thread.heartbeat(asker);
    const group = await describeGroup(asker);
    const busy = group.members.every(({ assignment }) => assignment.activeTasks.length > 0);
    if (group.groupState === "Stable" && busy) return group;
    if (performance.now() > deadline) throw new Error(`not stable: ${JSON.stringify(group)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describeWith("Apache Kafka", await findApacheKafka(), (kafka) => {
  test("R209: goes on with our streams groups, and we with its", async () => {
    const folder = mkdtempSync(join(tmpdir(), "odradek-streams-"));
    const directory = join(folder, "data");
    const threads = [
      new Thread("one", "p1", { rackId: "r1", userEndpoint: { host: "host-1", port: 4000 } }),
      new Thread("two", "p1"),
      new Thread("three", "p2", { clientTags: [{ key: "zone", value: "z" }] }),
    ];
    const late = new Thread("late", "p3");
    const told = (all: readonly Thread[]) => all.map(({ epoch, tasks }) => [epoch, tasks]);
    try {
      const ours = await withNode(odradekOver(directory), "SIGKILL", [GROUP], async (asker) => {
        await createTopic(asker, "orders", 5);
        await createTopic(asker, "bills", 4);
        const standby = { name: "streams.num.standby.replicas", configOperation: 0, value: "1" };
        const resources = [{ resourceType: GROUP_RESOURCE, resourceName: GROUP, configs: [standby] }];
        const altered = await asker.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
        expect(altered.responses[0]?.errorCode).toBe(0);
        for (const thread of threads) await thread.join(asker);
        return settle(asker, threads);
      });
      const before = told(threads);
      const [theirs, after] = await withNode(
        apacheKafkaOver(kafka, join(directory, "1"), folder),
        "SIGTERM",
        [GROUP],
        async (asker) => {
          for (const thread of threads) await thread.heartbeat(asker);
          expect(told(threads)).toEqual(before);
          // Until the group changes it tells the topology as members said it, without the partitions that its topics have.
          const found = await describeGroup(asker);
          expect(found.topology?.subtopologies?.length).toBe(2);
          expect({ ...found, topology: ours.topology }).toEqual(ours);
          await late.join(asker);
          const stable = await settle(asker, [...threads, late]);
          return [stable, told([...threads, late])] as const;
        },
      );
      await withNode(odradekOver(directory), "SIGTERM", [GROUP], async (asker) => {
        for (const thread of [...threads, late]) await thread.heartbeat(asker);
        expect(told([...threads, late])).toEqual(after);
        expect(await describeGroup(asker)).toEqual(theirs);
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
