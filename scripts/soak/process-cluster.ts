/**
 * A soak's cluster as users start it: `odradek start --isolation process`, each node a process, handled over the control API.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateTopics } from "../../protocol/messages/topics.ts";
import { ControlClient } from "../../test/support/control-client.ts";
import { removeBuiltPackage, startCommand } from "../../test/support/odradek-command.ts";
import { WireClient } from "../../test/support/wire-client.ts";
import { NODES, PARTITIONS, type SoakCluster, TOPIC } from "./soak-cluster.ts";

interface NodeStatus {
  readonly address: string;
  readonly processId: number | null;
}
interface TopicStatus {
  readonly partitions: readonly { readonly leader: number }[];
}

/** Logs say where the control API is. */
const CONTROL_AT = /"address":"(http:[^"]+)","msg":"control API"/;

export async function clusterOfProcesses(settings: Readonly<Record<string, string>>): Promise<SoakCluster> {
  const directory = mkdtempSync(join(tmpdir(), "odradek-soak-"));
  const command = await startCommand([
    ...["start", "--nodes", String(NODES), "--isolation", "process", "--port", "0", "--control-port", "0"],
    ...["--data-dir", directory],
    ...Object.entries(settings).flatMap(([name, value]) => ["--set", `${name}=${value}`]),
  ]);
  const bootstrapServers = (await command.ready).join(",");
  while (!CONTROL_AT.test(command.output.stderr)) await new Promise((resolve) => setTimeout(resolve, 10));
  const control = new ControlClient(CONTROL_AT.exec(command.output.stderr)?.[1] as string);
  const movesMs: number[] = [];
  const events = control.events("?types=leader-moved");
  const listening = (async () => {
    for await (const { msSinceDown } of events) if (typeof msSinceDown === "number") movesMs.push(msSinceDown);
  })().catch(() => {}); // it ends with the cluster
  const nodeOf = (node: number): Promise<NodeStatus> => control.do<NodeStatus>("GET", `/nodes/${node}`);
  const processIds = new Set<number>();
  const processes = async (): Promise<void> => {
    const { nodes } = await control.do<{ nodes: NodeStatus[] }>("GET", "/nodes");
    for (const { processId } of nodes) if (processId !== null) processIds.add(processId);
  };
  await createTopic((await nodeOf(1)).address);
  await processes();
  return {
    ...{ bootstrapServers, movesMs, canLosePower: false },
    addressOf: async (node) => (await nodeOf(node)).address,
    leaders: async () => {
      const { partitions } = await control.do<TopicStatus>("GET", `/topics/${TOPIC}`);
      return partitions.map(({ leader }) => leader);
    },
    inSync: async (timeoutMs) => {
      await control.do("POST", "/wait", { for: "in-sync", topic: TOPIC, timeoutMs });
    },
    kill: async (node) => {
      await control.do("POST", `/nodes/${node}/kill`);
    },
    restart: async (node) => {
      await control.do("POST", `/nodes/${node}/restart`);
      await processes();
    },
    pause: async (node) => {
      await control.do("POST", `/nodes/${node}/pause`);
    },
    resume: async (node) => {
      await control.do("POST", `/nodes/${node}/resume`);
    },
    cut: async (a, b, oneWay) => {
      await control.do("POST", "/network/cut", { a, b, oneWay });
    },
    heal: async () => {
      await control.do("POST", "/network/heal");
    },
    memory: () => ({
      nodes: [...processIds].reduce((sum, pid) => sum + residentBytes(pid), 0),
      parent: residentBytes(command.process.pid ?? 0),
    }),
    end: async () => {
      command.process.kill("SIGTERM");
      const { exitCode } = await command.ended;
      await listening;
      rmSync(directory, { recursive: true, force: true });
      await removeBuiltPackage();
      const left = [...processIds].filter((pid) => residentBytes(pid) > 0);
      return [
        ...(exitCode === 0 ? [] : [`odradek ended with ${exitCode}: ${command.output.stderr.slice(-2000)}`]),
        ...left.map((pid) => `process ${pid} is left behind`),
      ];
    },
  };
}

async function createTopic(address: string): Promise<void> {
  const client = await WireClient.connect(address);
  const configs = [{ name: "min.insync.replicas", value: "2" }];
  const topic = { name: TOPIC, numPartitions: PARTITIONS, replicationFactor: NODES, assignments: [], configs };
  const { topics } = await client.request(CreateTopics, 5, { topics: [topic], timeoutMs: 10_000, validateOnly: false });
  client.close();
  if (topics[0]?.errorCode !== 0) throw new Error(`CreateTopics: ${topics[0]?.errorCode}`);
}

/** 0 of a process that is gone, and where the system does not tell. */
function residentBytes(processId: number): number {
  const file = `/proc/${processId}/status`;
  if (!existsSync(file)) return 0;
  try {
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(file, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
