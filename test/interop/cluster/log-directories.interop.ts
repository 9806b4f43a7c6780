/** Apache Kafka's tools move a replica from one log directory of our node to another; the node is killed in the middle. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { DescribeLogDirs } from "../../../protocol/messages/log-dirs.ts";
import { CreateTopics } from "../../../protocol/messages/topics.ts";
import { removeBuiltPackage, startCommand } from "../../support/odradek-command.ts";
import { RawClient } from "../../support/raw-client.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { describeWith } from "../support/toolchain.ts";

const REASSIGN = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
const LOG_DIRS = "org.apache.kafka.tools.LogDirsCommand";
const VALUES = 200;
const VALUE = "v".repeat(100_000);
/** The copy takes some ten seconds. */
const THROTTLE_BYTES_PER_SECOND = 2_000_000;

describeWith("Apache Kafka's reassign-partitions with log_dirs", await findApacheKafka(), (kafka) => {
  afterAll(removeBuiltPackage);

  test("R214: moves a replica, over a kill of its node", async () => {
    const folder = mkdtempSync(join(tmpdir(), "odradek-log-dirs-"));
    const start = async () => {
      const node = await startCommand(["start", "--port", "0", "--data-dir", folder, "--set", "log.dirs=a,b"]);
      return { node, address: (await node.ready)[0] as string };
    };
    let { node, address } = await start();
    try {
      const partitions = { name: "t", numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
      {
        using client = await RawClient.open(address);
        await client.asker.ask(CreateTopics, 7, { topics: [partitions], timeoutMs: 10_000, validateOnly: false });
        for (let i = 0; i < VALUES; i++) expect((await client.produce("t", [0], VALUE))[0]?.baseOffset).toBe(i);
      }
      const placeOf = async (): Promise<string[]> => {
        using client = await RawClient.open(address);
        const { results } = await client.asker.ask(DescribeLogDirs, 4, { topics: [{ topic: "t", partitions: [0] }] });
        return results.filter(({ topics }) => topics.length > 0).map(({ logDir }) => logDir);
      };
      const [from = ""] = await placeOf();
      const to = join(folder, "1", from.endsWith("/a") ? "b" : "a");
      const file = join(folder, "reassignment.json");
      const move = { topic: "t", partition: 0, replicas: [1], log_dirs: [to] };
      writeFileSync(file, JSON.stringify({ version: 1, partitions: [move] }));
      const reassign = (...args: string[]): Promise<string> =>
        kafka.run(REASSIGN, ["--bootstrap-server", address, "--reassignment-json-file", file, ...args]);
      const throttle = ["--replica-alter-log-dirs-throttle", String(THROTTLE_BYTES_PER_SECOND)];
      expect(await reassign("--execute", ...throttle)).toContain(
        `Successfully started moving log directory to ${to} for replica t-0`,
      );
      const told = await kafka.run(LOG_DIRS, ["--bootstrap-server", address, "--describe", "--topic-list", "t"]);
      const { brokers } = JSON.parse(told.slice(told.indexOf("{"))) as {
        brokers: { logDirs: { logDir: string; partitions: { offsetLag: number; isFuture: boolean }[] }[] }[];
      };
      const future = brokers[0]?.logDirs.find(({ logDir }) => logDir === to)?.partitions[0];
      expect(future).toMatchObject({ isFuture: true });
      expect(future?.offsetLag).toBeGreaterThan(0);

      node.process.kill("SIGKILL");
      await node.ended;
      ({ node, address } = await start());
      expect(await placeOf()).toHaveLength(2);
      let verified = await reassign("--verify", "--preserve-throttles");
      while (verified.includes("replica t-0-1 is still in progress"))
        verified = await reassign("--verify", "--preserve-throttles");
      expect(verified).toContain("replica t-0-1 completed successfully");
      expect(await placeOf()).toEqual([to]);
      expect(await reassign("--verify")).toContain("Clearing broker-level throttles");
      using client = await RawClient.open(address);
      expect(await client.latest("t", 0)).toBe(VALUES);
      for (let offset = 0; offset < VALUES; offset += 50) {
        const { partitions: answers } = await client.fetch("t", [0], offset);
        expect(answers.get(0)?.sizeBytes).toBeGreaterThan(VALUE.length);
      }
    } finally {
      node.process.kill("SIGKILL");
      await node.ended;
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
