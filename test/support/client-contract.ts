/**
 * What every client must be able to do with a broker: create a topic, produce with each codec it can use, read alone and in a
 * group of two members of which one leaves.
 *
 * Owns: the cases, and looking at the cluster over the wire to see that it happened. Leaves to each client's adapter: how.
 */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BrokerUnderTest, startBrokerUnderTest } from "./broker-under-test.ts";
import { ClusterProbe, type Codec } from "./cluster-probe.ts";

export interface Sent {
  readonly key: string;
  readonly value: string;
}

export interface Received extends Sent {
  readonly partition: number;
  readonly offset: number;
}

/** A running member of a group. */
export interface Member {
  /** Leaves the group as a client that is closed does, and ends. */
  leave(): Promise<void>;
}

export interface ClientUnderTest {
  /** Codecs it can write and read. */
  readonly codecs: readonly Codec[];
  /** Undefined when it has no such call and relies on topics that come with their first use. */
  readonly createTopic: ((topic: string, partitions: number) => Promise<void>) | undefined;
  /** Produces and waits for every acknowledgement. */
  produce(topic: string, codec: Codec, records: readonly Sent[]): Promise<void>;
  /** Reads `count` records of all partitions from their beginning, without a group. */
  readAlone(topic: string, count: number): Promise<Received[]>;
  /** Joins a group; without a committed offset it reads from the beginning. */
  join(topic: string, group: string, receive: (record: Received) => void): Promise<Member>;
}

const PARTITIONS = 4;
const RECORDS = 60;
/** Members notice each other by heartbeats, three seconds apart by default. */
const GROUP_TIMEOUT_MS = 60_000;

/** `count` records whose values are worth compressing. */
function records(prefix: string, count = RECORDS): Sent[] {
  return Array.from({ length: count }, (_, i) => ({
    key: `${prefix}-${i}`,
    value: `${prefix} ${i} ${"odradek ".repeat(20)}`,
  }));
}

const byKey = (a: Sent, b: Sent) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
const sent = ({ key, value }: Sent): Sent => ({ key, value });

/** Registers the cases of a client, each against the broker under test. */
export function describeClient(
  makeClient: (bootstrapServers: string) => Promise<ClientUnderTest> | ClientUnderTest,
  codecs: readonly Codec[],
): void {
  let broker: BrokerUnderTest;
  let probe: ClusterProbe;
  let client: ClientUnderTest;
  const run = randomBytes(4).toString("hex");

  beforeAll(async () => {
    broker = await startBrokerUnderTest();
    probe = new ClusterProbe(broker.bootstrapServers);
    client = await makeClient(broker.bootstrapServers);
  });
  afterAll(async () => {
    await probe?.close();
    await broker?.stop();
  });

  async function createTopic(topic: string): Promise<void> {
    if (client.createTopic === undefined) await probe.createTopic(topic, PARTITIONS);
    else await client.createTopic(topic, PARTITIONS);
    await probe.untilServed(topic, PARTITIONS);
  }

  test("creates a topic", async () => {
    const topic = `created-${run}`;
    if (client.createTopic === undefined) await client.produce(topic, "none", records("first", 1));
    else await client.createTopic(topic, PARTITIONS);
    const partitions = client.createTopic === undefined ? 1 : PARTITIONS;
    await probe.until(`${topic} is there`, async () => (await probe.partitionCount(topic)) === partitions);
  });

  test.each(codecs.map((codec) => [codec] as const))("produces with %s and reads it back", async (codec) => {
    const topic = `codec-${codec}-${run}`;
    await createTopic(topic);
    const all = records(codec);
    await client.produce(topic, codec, all);
    expect([...new Set(await probe.storedCodecs(topic))]).toEqual([codec]);
    const received = await client.readAlone(topic, all.length);
    expect(received.map(sent).sort(byKey)).toEqual([...all].sort(byKey));
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const offsets = received.filter((record) => record.partition === partition).map((record) => record.offset);
      expect(offsets).toEqual(offsets.map((_, i) => i));
    }
  });

  describe("a group of two", () => {
    const topic = `group-${run}`;
    const group = `readers-${run}`;

    test("shares the partitions, hands them over when one leaves, and loses nothing", async () => {
      const total = 3 * RECORDS;
      const first = new Inbox();
      const second = new Inbox();
      const seen = () => new Set([...first.keys, ...second.keys]).size;
      const until = (what: string, holds: () => boolean | Promise<boolean>) =>
        probe.until(what, async () => holds(), GROUP_TIMEOUT_MS);
      const shared = async (members: number) => {
        const { state, assignments } = await probe.group(group);
        const each = assignments.every((partitions) => partitions.length === PARTITIONS / members);
        const all =
          assignments
            .flat()
            .sort((a, b) => a - b)
            .join() === "0,1,2,3";
        return state === "Stable" && assignments.length === members && each && all;
      };

      await createTopic(topic);
      await client.produce(topic, "none", records("one"));
      const leaving = await client.join(topic, group, (record) => first.receive(record));
      await until("the first member reads all there is", () => seen() === RECORDS);

      const staying = await client.join(topic, group, (record) => second.receive(record));
      await until("each member has half of the partitions", () => shared(2));
      const before = { first: first.keys.size, second: second.keys.size };
      await client.produce(topic, "none", records("two"));
      // A fetch that was under way when the partitions moved may still bring the first one what the second reads as well.
      const readOn = () => first.keys.size > before.first && second.keys.size > before.second;
      await until("the members read on together", () => seen() === 2 * RECORDS && readOn());

      await leaving.leave();
      await until("the member that stays has all partitions", () => shared(1));
      await client.produce(topic, "none", records("three"));
      await until("it reads them", () => records("three").every(({ key }) => second.keys.has(key)));
      expect(seen()).toBe(total);

      await staying.leave();
      await until("the group is empty", async () => (await probe.group(group)).state === "Empty");
      await until("what was read is committed", async () => (await probe.committed(group, topic)) === total);
    });
  });
}

/** What a member received. */
class Inbox {
  readonly keys = new Set<string>();

  receive(record: Received): void {
    this.keys.add(record.key);
  }
}
