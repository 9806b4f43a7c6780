/**
 * Records through a share group of 1, 3 and 10 members, on Odradek and on Apache Kafka, in one run: Kafka's own tools
 * produce, and read and acknowledge.
 *
 * Owns: the load. Speed holds the members' share: they run on the same machine. What the server takes is its CPU seconds.
 * Settings: BENCH_SCALE (of the records), BENCH_PEERS, BENCH_ROUNDS.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IncrementalAlterConfigs } from "../../protocol/messages/configs.ts";
import { type ApacheKafka, findApacheKafka } from "../../test/interop/support/apache-kafka.ts";
import { Missing } from "../../test/interop/support/toolchain.ts";
import { removeBuiltPackage } from "../../test/support/odradek-command.ts";
import { WireAsker } from "../../test/support/wire-asker.ts";
import { addressOf, createTopic } from "./kafka/admin.ts";
import { type PeerName, type Server, serverOf } from "./kafka/servers.ts";

export interface ShareRow {
  readonly measurement: string;
  readonly peer: string;
  readonly "records/s": number;
  readonly "MB/s": number;
  readonly "server CPU s/GB": number;
}

const PEERS: readonly PeerName[] = ["odradek", "apache-kafka"];
const MEMBERS = [1, 3, 10];
const PARTITIONS = 4;
const VALUE_BYTES = 1024;
const RECORDS = 300_000;
const GROUP_RESOURCE = 32;
const TOOL_TIMEOUT_MS = 120_000;
/** How many records must be read for the warm-up: the JIT of both sides, and the internal topics. */
const WARM_RECORDS = 20_000;

export async function benchShare(): Promise<ShareRow[]> {
  const kafka = await findApacheKafka();
  if (kafka instanceof Missing) {
    console.log(`not measured: ${kafka.reason}`);
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), "bench-share-"));
  const names = process.env.BENCH_PEERS?.split(",");
  const peers = PEERS.filter((peer) => names === undefined || names.includes(peer));
  const rounds = Number(process.env.BENCH_ROUNDS ?? 1);
  const rows: ShareRow[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      for (const peer of peers) {
        rows.push(...(await measure(peer, join(folder, `${peer}-${round}`), kafka)));
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await removeBuiltPackage();
  }
  return rows;
}

async function measure(peer: PeerName, folder: string, kafka: ApacheKafka): Promise<ShareRow[]> {
  const server = await serverOf(peer, 1, folder);
  if (server instanceof Missing) {
    console.log(`skipped: ${peer}: ${server.reason}`);
    return [];
  }
  await server.start();
  try {
    await through(server, "warm", 1, WARM_RECORDS, kafka);
    const rows: ShareRow[] = [];
    for (const members of MEMBERS) {
      const records = Math.round(RECORDS * Number(process.env.BENCH_SCALE ?? 1));
      const figures = await through(server, `share-${members}`, members, records, kafka);
      const row = { measurement: `a share group of ${members}, ${VALUE_BYTES} B records`, peer, ...figures };
      // A run takes minutes: what is known is told.
      console.error(`${row.measurement}, ${peer}: ${Math.round(row["records/s"])} records/s`);
      rows.push(row);
    }
    return rows;
  } finally {
    await server.drop();
  }
}

async function through(
  server: Server,
  topic: string,
  members: number,
  records: number,
  kafka: ApacheKafka,
): Promise<Omit<ShareRow, "measurement" | "peer">> {
  const { bootstrap } = server;
  const group = `group-${topic}`;
  await createTopic(bootstrap, topic, PARTITIONS, 1);
  await startsAtTheBeginning(bootstrap, group);
  await kafka.run(
    "org.apache.kafka.tools.ProducerPerformance",
    [
      ...["--topic", topic, "--num-records", String(records), "--record-size", String(VALUE_BYTES)],
      ...["--throughput", "-1", "--bootstrap-server", bootstrap],
    ],
    { timeoutMs: TOOL_TIMEOUT_MS },
  );
  const before = server.cpuSeconds();
  const output = await kafka.run(
    "org.apache.kafka.tools.ShareConsumerPerformance",
    [
      ...["--bootstrap-server", bootstrap, "--topic", topic, "--group", group, "--hide-header"],
      ...["--num-records", String(records), "--threads", String(members), "--timeout", "30000"],
    ],
    { timeoutMs: TOOL_TIMEOUT_MS },
  );
  const cpuSeconds = server.cpuSeconds() - before;
  // start, end, MB, MB/s, records/s, records, fetch time
  const line = output.split("\n").find((one) => /^\d{4}-\d\d-\d\d /.test(one)) ?? "";
  const [, , megabytes = NaN, megabytesPerSecond = NaN, recordsPerSecond = NaN] = line.split(",").map(Number);
  if (Number.isNaN(recordsPerSecond)) throw new Error(`the tool said something else: ${output}`);
  return {
    "records/s": recordsPerSecond,
    "MB/s": megabytesPerSecond,
    "server CPU s/GB": cpuSeconds / (megabytes / 1024),
  };
}

async function startsAtTheBeginning(bootstrap: string, group: string): Promise<void> {
  using asker = await WireAsker.open(addressOf(bootstrap));
  const configs = [{ name: "share.auto.offset.reset", configOperation: 0, value: "earliest" }];
  const resources = [{ resourceType: GROUP_RESOURCE, resourceName: group, configs }];
  const { responses } = await asker.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
  if (responses[0]?.errorCode !== 0) throw new Error(`group ${group}: error ${responses[0]?.errorCode}`);
}
