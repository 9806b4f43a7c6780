/** Transactions of real clients: commits, aborts, fencing, offsets; on one node, and on three that are killed in turn. */
import { describe, expect, test } from "vitest";
import { type Cluster, startCluster } from "../../../cluster/start-cluster.ts";
import { startBrokerUnderTest } from "../../support/broker-under-test.ts";
import { ClusterProbe } from "../../support/cluster-probe.ts";
import { describeWith } from "../support/toolchain.ts";
import { ProgramError, TransactionProgram, type TransactionProgramCommand } from "../support/transaction-program.ts";
import { findTransactionProgram, TRANSACTION_PROGRAMS } from "../support/transaction-programs.ts";

const TEST_MS = 200_000;
/** Apache Kafka is tried as one node: those of several are killed in ways that only ours can be. */
const onlyOne = process.env.INTEROP_BROKER !== undefined || process.env.INTEROP_BOOTSTRAP !== undefined;

interface Place extends AsyncDisposable {
  readonly bootstrapServers: string;
  createTopic(name: string, options?: { readonly partitions?: number }): Promise<void>;
}

/** One node as a process of its own, whose topics have a name of their own; or three in this one. */
async function placeOf(nodes: number): Promise<Place> {
  if (nodes > 1) return await startCluster({ nodes });
  const broker = await startBrokerUnderTest();
  const probe = new ClusterProbe(broker.bootstrapServers);
  return {
    bootstrapServers: broker.bootstrapServers,
    createTopic: (name, { partitions = 1 } = {}) => probe.createTopic(name, partitions),
    [Symbol.asyncDispose]: async () => {
      await probe.close();
      await broker.stop();
    },
  };
}

function cases(command: TransactionProgramCommand): void {
  const start = (
    cluster: Pick<Cluster, "bootstrapServers">,
    transactionalId: string,
    group = `group-of-${transactionalId}`,
  ) => new TransactionProgram(command, cluster.bootstrapServers, transactionalId, group);

  describe.each(onlyOne ? [1] : [1, 3])("nodes: %i", (nodes) => {
    test(
      "what commits is read, in order, and what aborts is not",
      async () => {
        await using cluster = await placeOf(nodes);
        await cluster.createTopic("t", { partitions: 2 });
        await using client = start(cluster, "x");
        await client.ask("init");
        for (let i = 0; i < 10; i++) {
          await client.ask("begin");
          for (const partition of [0, 1]) await client.send("t", partition, `v${i}`);
          await client.ask(i % 2 === 0 ? "commit" : "abort");
        }
        await client.ask("assign", "t", "0,1");
        const read = await client.pollFor(10);
        for (const partition of [0, 1]) {
          const values = read.filter((record) => record.partition === partition).map(({ value }) => value);
          expect(values).toEqual(["v0", "v2", "v4", "v6", "v8"]);
        }
      },
      TEST_MS,
    );

    test(
      "R133: a second producer of the id fences the first in the middle of a transaction",
      async () => {
        await using cluster = await placeOf(nodes);
        await cluster.createTopic("t");
        await using zombie = start(cluster, "x");
        await using heir = start(cluster, "x");
        await zombie.ask("init");
        await zombie.ask("begin");
        await zombie.send("t", 0, "lost");
        await heir.ask("init");
        const late = await zombie.send("t", 0, "late").then(
          () => zombie.ask("commit").catch((error: unknown) => error),
          (error: unknown) => error,
        );
        expect(late).toBeInstanceOf(ProgramError);
        expect((late as ProgramError).message).toMatch(/fenced|epoch|fatal/i);
        await heir.ask("begin");
        await heir.send("t", 0, "kept");
        await heir.ask("commit");
        await heir.ask("assign", "t", "0");
        expect((await heir.pollFor(1)).map(({ value }) => value)).toEqual(["kept"]);
      },
      TEST_MS,
    );
  });

  test.skipIf(onlyOne)(
    "R140, V12: a copy with its offsets in the transactions, while each node is killed in turn: each record once, in order",
    async () => {
      await using cluster = await startCluster({ nodes: 3 });
      const configs = { "min.insync.replicas": "2" };
      await cluster.createTopic("in", { partitions: 2, configs });
      await cluster.createTopic("out", { partitions: 2, configs });
      await using source = start(cluster, "source");
      const count = 60;
      await source.ask("init");
      await source.ask("begin");
      for (let i = 0; i < 2 * count; i++) await source.send("in", i % 2, `v${i}`);
      await source.ask("commit");
      await using copier = start(cluster, "copier");
      await copier.ask("init");
      await copier.ask("assign", "in", "0,1");
      let copied = 0;
      const victims = [1, 2, 3];
      for (let turn = 0; copied < 2 * count; turn++) {
        const polled = await copier.poll(300);
        if (polled.length === 0) continue;
        if (turn > 0 && victims.length > 0) await killed(cluster, victims.shift() as number);
        copied += await copyOnce(copier, polled);
      }
      for (const victim of victims) await killed(cluster, victim);
      await copier.ask("assign", "out", "0,1");
      const read = await copier.pollFor(2 * count);
      read.push(...(await copier.poll(1000)));
      for (const partition of [0, 1]) {
        const expected = Array.from({ length: count }, (_, i) => `v${2 * i + partition}`);
        expect(read.filter((record) => record.partition === partition).map(({ value }) => value)).toEqual(expected);
      }
    },
    TEST_MS,
  );
}

/** Copies in one transaction, or not at all: how many. */
async function copyOnce(
  copier: TransactionProgram,
  polled: readonly { readonly partition: number; readonly value: string }[],
): Promise<number> {
  try {
    await copier.ask("begin");
    for (const { partition, value } of polled) await copier.send("out", partition, value);
    await copier.ask("offsets");
    await copier.ask("commit");
    return polled.length;
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    await copier.ask("abort").catch(() => copier.ask("init"));
    await copier.ask("rewind");
    return 0;
  }
}

/** Kills a node without goodbye, and brings it back. */
async function killed(cluster: Cluster, node: number): Promise<void> {
  await cluster.node(node).kill();
  await cluster.waitUntil.nodeFenced(node);
  await cluster.node(node).restart();
}

for (const name of TRANSACTION_PROGRAMS) describeWith(name, await findTransactionProgram(name), cases);
