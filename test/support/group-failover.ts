/**
 * What a group must come through with any client: three members, one of them killed, the coordinator's node killed in the middle of
 * the rebalance, one member added, the node back.
 *
 * Owns: the story, and what must hold: every acknowledged record reaches a member, each partition has one owner, commits never go
 * back. Leaves to each client: joining as a member that can be killed.
 */
import { Kafka, logLevel } from "kafkajs";
import { expect, test } from "vitest";
import { type Cluster, startCluster } from "../../cluster/start-cluster.ts";
import type { Member, Received } from "./client-contract.ts";
import { ClusterProbe, type GroupView } from "./cluster-probe.ts";

/** A member that ends without goodbye when it is killed. */
export interface MortalMember extends Member {
  kill(): Promise<void>;
}

export interface GroupClient {
  join(
    bootstrapServers: string,
    topic: string,
    group: string,
    receive: (record: Received) => void,
  ): Promise<MortalMember>;
  /** The partitions of each member, where the assignor leaves no choice; balanced ones in any case. */
  readonly assignments?: ReadonlyMap<number, readonly (readonly number[])[]>;
  /** Whoever stays keeps what it has as far as balance allows. */
  readonly isSticky?: boolean;
  /** classic when left out. */
  readonly protocol?: GroupView["type"];
}

/** What the members of the programs under test are started with. */
export const MEMBER_SESSION_MS = 2000;
const TOPIC = "orders";
const GROUP = "readers";
const PARTITIONS = 6;
const PATIENCE_MS = 20_000;
/** Until another node has the group: a fraction of a second, on a machine that does nothing else. */
const FAILOVER_MS = 5000;
/** Three for each generation there is to see. */
export const RANGE: ReadonlyMap<number, readonly (readonly number[])[]> = new Map([
  [
    2,
    [
      [0, 1, 2],
      [3, 4, 5],
    ],
  ],
  [
    3,
    [
      [0, 1],
      [2, 3],
      [4, 5],
    ],
  ],
]);
export const ROUND_ROBIN: ReadonlyMap<number, readonly (readonly number[])[]> = new Map([
  [
    2,
    [
      [0, 2, 4],
      [1, 3, 5],
    ],
  ],
  [
    3,
    [
      [0, 3],
      [1, 4],
      [2, 5],
    ],
  ],
]);

/** Registers the story of a client. */
export function testGroupFailover(name: string, client: GroupClient): void {
  test(name, async () => {
    await using cluster = await startCluster({
      nodes: 3,
      settings: {
        "group.min.session.timeout.ms": 500,
        // Of the consumer protocol, in which the cluster says how long.
        "group.consumer.min.session.timeout.ms": 500,
        "group.consumer.session.timeout.ms": MEMBER_SESSION_MS,
        "group.consumer.min.heartbeat.interval.ms": 100,
        "group.consumer.heartbeat.interval.ms": 200,
      },
    });
    await cluster.createTopic(TOPIC, { partitions: PARTITIONS, configs: { "min.insync.replicas": "2" } });
    await using story = await Story.begin(cluster, client);
    await story.run();
  });
}

class Story implements AsyncDisposable {
  private readonly cluster: Cluster;
  private readonly client: GroupClient;
  private readonly probe: ClusterProbe;
  private readonly records: RecordSource;
  private readonly members = new Set<MortalMember>();
  private readonly received = new Set<string>();

  static async begin(cluster: Cluster, client: GroupClient): Promise<Story> {
    return new Story(cluster, client, await RecordSource.start(cluster.bootstrapServers));
  }

  private constructor(cluster: Cluster, client: GroupClient, records: RecordSource) {
    this.cluster = cluster;
    this.client = client;
    this.records = records;
    this.probe = new ClusterProbe(cluster.bootstrapServers);
  }

  async run(): Promise<void> {
    const { cluster, probe } = this;
    const first = await this.join();
    await Promise.all([this.join(), this.join()]);
    const three = await this.shared(3);
    await this.until("members read", () => this.received.size > 0);
    await this.until("something is committed", async () => (await probe.committed(GROUP, TOPIC)) > 0);

    const committed = await probe.committedOffsets(GROUP, TOPIC);
    const coordinator = await probe.coordinatorId(GROUP);
    await first.kill();
    this.members.delete(first);
    await cluster.node(coordinator).kill();
    const killedMs = performance.now();
    await this.until("another node coordinates", async () => (await probe.group(GROUP)).memberIds.length > 0);
    expect(performance.now() - killedMs).toBeLessThan(FAILOVER_MS);
    expect(await probe.coordinatorId(GROUP)).not.toBe(coordinator);
    const two = await this.shared(2);
    const after = await probe.committedOffsets(GROUP, TOPIC);
    for (const [partition, offset] of committed) expect(after.get(partition)).toBeGreaterThanOrEqual(offset);
    if (this.client.isSticky === true) expectKept(three, two);

    await this.join();
    const again = await this.shared(3);
    if (this.client.isSticky === true) expectKept(again, two);
    await cluster.node(coordinator).restart();
    await cluster.waitUntil.fullyReplicated(TOPIC);

    const produced = await this.records.stop();
    const missing = (): string[] => produced.filter((value) => !this.received.has(value));
    await this.until(
      "every acknowledged record is received",
      () => missing().length === 0,
      () => `${missing().length} of ${produced.length} missing: ${missing().slice(0, 20)};`,
    );
    await Promise.all([...this.members].map((member) => member.leave()));
    this.members.clear();
    await this.until("the group is empty", async () => (await probe.group(GROUP)).state === "Empty");
    // Who reads again from what is committed finds nothing new: what was read was committed at the end.
    await this.until("all is committed", async () => (await probe.committed(GROUP, TOPIC)) >= produced.length);
  }

  private async join(): Promise<MortalMember> {
    const { client, cluster } = this;
    const member = await client.join(cluster.bootstrapServers, TOPIC, GROUP, ({ value }) => {
      this.received.add(value);
    });
    this.members.add(member);
    return member;
  }

  /** Waits until so many members share the partitions as their assignor must. */
  private async shared(members: number): Promise<GroupView> {
    let view: GroupView = { type: "none", state: "", memberIds: [], assignments: [] };
    await this.until(
      `${members} members share the partitions`,
      async () => {
        view = await this.probe.group(GROUP);
        return view.state === "Stable" && view.assignments.length === members && isShared(view, members);
      },
      () => JSON.stringify(view),
    );
    const { assignments, protocol = "classic" } = this.client;
    expect(view.type).toBe(protocol);
    if (assignments !== undefined) {
      const sorted = [...view.assignments].sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
      expect(sorted).toEqual(assignments.get(members));
    }
    return view;
  }

  /** Conditions are looked at again when a node that was asked is gone. */
  private until(what: string, holds: () => boolean | Promise<boolean>, last = () => ""): Promise<void> {
    const tried = async (): Promise<boolean> => {
      try {
        return await holds();
      } catch {
        return false;
      }
    };
    return this.probe.until(what, tried, PATIENCE_MS).catch((error: Error) => {
      throw new Error(`${error.message}; ${last()} ${this.received.size} received`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.members].map((member) => member.kill()));
    await this.records.stop();
    await this.probe.close();
  }
}

function isShared({ assignments }: GroupView, members: number): boolean {
  const all = assignments.flat().sort((a, b) => a - b);
  const balanced = assignments.every((partitions) => partitions.length === PARTITIONS / members);
  return balanced && all.join() === [...Array(PARTITIONS).keys()].join();
}

/** The member of the smaller share kept nothing but what it had in the larger. */
function expectKept(smaller: GroupView, larger: GroupView): void {
  let kept = 0;
  smaller.memberIds.forEach((id, index) => {
    const at = larger.memberIds.indexOf(id);
    if (at < 0) return;
    kept++;
    expect(larger.assignments[at]).toEqual(expect.arrayContaining([...(smaller.assignments[index] ?? [])]));
  });
  expect(kept).toBe(2);
}

/** Records that come all the time, a few a second to each partition, until stopped. */
class RecordSource {
  private readonly producer: ReturnType<Kafka["producer"]>;
  private readonly acknowledged: string[] = [];
  private running = true;
  private readonly ended: Promise<void>;

  static async start(bootstrapServers: string): Promise<RecordSource> {
    const kafka = new Kafka({
      brokers: bootstrapServers.split(","),
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 20, maxRetryTime: 200, retries: 100 },
    });
    const producer = kafka.producer();
    await producer.connect();
    return new RecordSource(producer);
  }

  private constructor(producer: ReturnType<Kafka["producer"]>) {
    this.producer = producer;
    this.ended = this.produce();
  }

  private async produce(): Promise<void> {
    for (let turn = 0; this.running; turn++) {
      const messages = Array.from({ length: PARTITIONS }, (_, partition) => ({
        ...{ partition, key: `${turn}`, value: `${turn}-${partition}` },
      }));
      const answers = await this.producer.send({ topic: TOPIC, acks: -1, messages });
      // kafkajs passes over partitions whose leader moved, while it tried again, to a broker that had answered already.
      const answered = new Set(answers.map(({ partition }) => partition));
      for (const { partition, value } of messages) if (answered.has(partition)) this.acknowledged.push(value);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Values of the records that were acknowledged. */
  async stop(): Promise<readonly string[]> {
    if (!this.running) return this.acknowledged;
    this.running = false;
    await this.ended;
    await this.producer.disconnect();
    return this.acknowledged;
  }
}
