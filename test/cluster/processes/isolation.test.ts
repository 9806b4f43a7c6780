/** `--isolation process`: nodes that are killed and stopped as processes are, under one supervisor, through the control API. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CreateTopics } from "../../../protocol/messages/topics.ts";
import { ControlClient } from "../../support/control-client.ts";
import { type RunningCommand, removeBuiltPackage, startCommand } from "../../support/odradek-command.ts";
import { RawClient } from "../../support/raw-client.ts";

const directory = mkdtempSync(join(tmpdir(), "odradek-isolation-"));
const SETTINGS = ["broker.session.timeout.ms=1500", "broker.heartbeat.interval.ms=200", "replica.lag.time.max.ms=500"];

let command: RunningCommand;
let control: ControlClient;

interface NodeStatus {
  readonly id: number;
  readonly state: string;
  readonly address: string;
  readonly processId: number;
  readonly fenced: boolean;
}
interface TopicStatus {
  readonly partitions: readonly {
    readonly leader: number;
    readonly inSyncReplicas: number[];
    readonly highWatermark: number;
  }[];
}

beforeAll(async () => {
  command = await startCommand([
    ...[
      "start",
      "--nodes",
      "3",
      "--isolation",
      "process",
      "--port",
      "0",
      "--control-port",
      "0",
      "--data-dir",
      directory,
    ],
    ...SETTINGS.flatMap((setting) => ["--set", setting]),
  ]);
  await command.ready;
  await until(() => /"address":"(http:[^"]+)"/.test(command.output.stderr));
  control = new ControlClient(/"address":"(http:[^"]+)"/.exec(command.output.stderr)?.[1] as string);
});
afterAll(async () => {
  command.process.kill("SIGTERM");
  const { exitCode } = await command.ended;
  rmSync(directory, { recursive: true });
  await removeBuiltPackage();
  expect(exitCode).toBe(0);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const nodeStatus = (id: number): Promise<NodeStatus> => control.do<NodeStatus>("GET", `/nodes/${id}`);
const partition = async (topic: string) => (await control.do<TopicStatus>("GET", `/topics/${topic}`)).partitions[0];

async function createTopic(name: string): Promise<void> {
  using raw = await RawClient.open((await nodeStatus(1)).address);
  const configs = [{ name: "min.insync.replicas", value: "2" }];
  const topics = [{ name, numPartitions: 1, replicationFactor: 3, assignments: [], configs }];
  const answer = await raw.asker.ask(CreateTopics, 7, { topics, timeoutMs: 10_000, validateOnly: false });
  expect(answer.topics[0]?.errorCode).toBe(0);
  await control.do("POST", "/wait", { for: "in-sync", topic: name });
}

async function produce(topic: string, value = "x"): Promise<{ errorCode: number; baseOffset: number } | undefined> {
  for (;;) {
    const leader = (await partition(topic))?.leader as number;
    using raw = await RawClient.open((await nodeStatus(leader)).address);
    const [answer] = await raw.produce(topic, [0], value);
    // Its metadata is a moment behind the controller's.
    if (answer?.errorCode !== 6) return answer;
  }
}

/** State of a process as the system has it: "T" is stopped. */
function systemState(processId: number): string | undefined {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${processId}/stat`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

test("each node is a process; a kill is SIGKILL, a pause SIGSTOP, and what was acknowledged is there afterwards", async () => {
  await createTopic("t");
  const ids = (await control.do<{ nodes: NodeStatus[] }>("GET", "/nodes")).nodes.map(({ processId }) => processId);
  expect(new Set([...ids, command.process.pid]).size).toBe(4);
  expect(await produce("t")).toEqual({ errorCode: 0, baseOffset: 0 });
  const first = (await partition("t"))?.leader as number;
  const killed = (await nodeStatus(first)).processId;
  await control.do("POST", `/nodes/${first}/kill`);
  expect(systemState(killed)).toBeUndefined();
  expect(await nodeStatus(first)).toMatchObject({ state: "stopped", fenced: true, processId: null });
  await control.do("POST", "/wait", { for: "leader", topic: "t", partition: 0, not: first });
  expect(await produce("t")).toEqual({ errorCode: 0, baseOffset: 1 });
  await control.do("POST", `/nodes/${first}/restart`);
  await control.do("POST", "/wait", { for: "in-sync", topic: "t" });

  const second = (await partition("t"))?.leader as number;
  const paused = await nodeStatus(second);
  await control.do("POST", `/nodes/${second}/pause`);
  if (process.platform === "linux") expect(systemState(paused.processId)).toBe("T");
  // The kernel accepts for it, and nobody answers.
  using atPaused = await RawClient.open(paused.address);
  await expect(atPaused.produce("t", [0], "x", { patienceMs: 100 })).rejects.toThrow();
  await control.do("POST", "/wait", { for: "leader", topic: "t", partition: 0, not: second });
  expect(await produce("t")).toEqual({ errorCode: 0, baseOffset: 2 });
  await control.do("POST", `/nodes/${second}/resume`);
  await control.do("POST", "/wait", { for: "in-sync", topic: "t" });
  expect((await partition("t"))?.highWatermark).toBe(3);
});

test("ways between processes are cut and healed, and rules strike in them and are counted", async () => {
  await createTopic("u");
  const leader = (await partition("u"))?.leader as number;
  const far = [1, 2, 3].find((id) => id !== leader) as number;
  await control.do("POST", "/network/cut", { a: leader, b: far });
  expect(await produce("u")).toEqual({ errorCode: 0, baseOffset: 0 });
  expect((await partition("u"))?.inSyncReplicas).not.toContain(far);
  await control.do("POST", "/network/heal");
  await control.do("POST", "/wait", { for: "in-sync", topic: "u" });

  await control.do("POST", "/network/cut", { a: leader, b: "clients" });
  using cut = await RawClient.open((await nodeStatus(leader)).address);
  await expect(cut.produce("u", [0], "x", { patienceMs: 200 })).rejects.toThrow();
  expect((await partition("u"))?.inSyncReplicas).toHaveLength(3);
  await control.do("POST", "/network/heal");

  const { id } = await control.do<{ id: number }>("POST", "/faults", {
    api: "Produce",
    topic: "u",
    errorCode: 2,
    once: true,
  });
  expect((await produce("u"))?.errorCode).toBe(2);
  expect((await produce("u"))?.errorCode).toBe(0);
  let fired = 0;
  while (fired === 0) ({ fired } = await control.do<{ fired: number }>("GET", `/faults/${id}`));
  expect(fired).toBe(1);
});

test("a reset heals, resumes and restarts, and every node is empty", async () => {
  await createTopic("v");
  await control.do("POST", "/network/cut", { a: 1, b: "controller" });
  await control.do("POST", "/nodes/2/pause");
  await control.do("POST", "/nodes/3/kill");
  await control.do("POST", "/faults", { api: "Metadata", errorCode: 13 });
  await control.do("POST", "/reset");
  const { nodes } = await control.do<{ nodes: NodeStatus[] }>("GET", "/nodes");
  expect(nodes.map(({ state }) => state)).toEqual(["running", "running", "running"]);
  expect(await control.do("GET", "/topics")).toEqual({ topics: [] });
  expect(await control.do("GET", "/faults")).toEqual({ faults: [] });
  await createTopic("v");
  expect(await produce("v")).toEqual({ errorCode: 0, baseOffset: 0 });
});
