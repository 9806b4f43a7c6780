/** The control API over real HTTP: its document's examples, who may ask, what is refused, events. */
import { readFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { HttpListener } from "../../console/http.ts";
import type { ControlClient } from "../support/control-client.ts";
import { type ControlledCluster, startControlled } from "../support/controlled-cluster.ts";
import { RawClient } from "../support/raw-client.ts";

let cluster: ControlledCluster;
let listener: HttpListener;
let client: ControlClient;

beforeAll(async () => {
  cluster = await startControlled(3);
  ({ listener, client } = cluster);
});
afterAll(() => cluster.end());
beforeEach(async () => {
  await client.do("POST", "/reset");
  await cluster.createTopic("payments");
});

interface Example {
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
  readonly answer: unknown;
}

async function examples(): Promise<Example[]> {
  const text = await readFile(new URL("../../docs/control-api.md", import.meta.url), "utf8");
  const pairs = text.matchAll(/```http\n([A-Z]+) (\S+)\n([\s\S]*?)```\n\n```json\n([\s\S]*?)```/g);
  return [...pairs].map(([, method = "", path = "", body = "", answer = ""]) => ({
    ...{ method, path, body: body.trim() === "" ? undefined : body },
    answer: JSON.parse(answer),
  }));
}

/** What depends on the moment: ports, ids, who happens to lead. */
const VARIES = new Set([
  "address",
  "leads",
  "leader",
  "leaderEpoch",
  "replicas",
  "inSyncReplicas",
  "id",
  "highWatermark",
]);

/** Whether an answer is what an example shows: the same fields, and the same values but for those that vary, whose kind is the same. */
function expectLike(actual: unknown, shown: unknown, name: string): void {
  if (typeof shown !== "object" || shown === null) {
    if (VARIES.has(name.split(".").at(-1) as string)) expect(typeof actual, name).toBe(typeof shown);
    else expect(actual, name).toEqual(shown);
    return;
  }
  if (Array.isArray(shown)) {
    if (VARIES.has(name.split(".").at(-1) as string))
      expect([...(actual as unknown[])].sort(), name).toEqual([...shown].sort());
    else for (const [index, one] of shown.entries()) expectLike((actual as unknown[])[index], one, `${name}.${index}`);
    expect((actual as unknown[]).length, name).toBe(shown.length);
    return;
  }
  expect(Object.keys(actual as object).sort(), name).toEqual(Object.keys(shown).sort());
  for (const [field, value] of Object.entries(shown)) {
    expectLike((actual as Record<string, unknown>)[field], value, `${name}.${field}`);
  }
}

describe("who may ask", () => {
  /** fetch() does not let a program say who it is. */
  function statusWith(headers: Record<string, string>): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const asked = httpRequest(`${client.url}/nodes`, { headers }, (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode));
      });
      asked.on("error", reject);
      asked.end();
    });
  }

  test("programs of this machine, by whichever name it has for itself", async () => {
    const { port } = listener.address;
    expect(await statusWith({ host: `localhost:${port}` })).toBe(200);
    expect(await statusWith({ host: `[::1]:${port}` })).toBe(200);
    expect(await statusWith({ host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}` })).toBe(200);
  });

  test("no page of another origin, and no name that was made to lead here", async () => {
    const { port } = listener.address;
    expect(await statusWith({ host: `evil.example:${port}` })).toBe(403);
    expect(await statusWith({ host: `127.0.0.1.evil.example:${port}` })).toBe(403);
    expect(await statusWith({ host: `127.0.0.1:${port}`, origin: "http://evil.example" })).toBe(403);
    expect(await statusWith({ host: `127.0.0.1:${port}`, origin: "http://127.0.0.1:1" })).toBe(403);
    expect(await statusWith({ host: `127.0.0.1:${port}`, origin: "null" })).toBe(403);
  });
});

test("what makes no sense is refused, and says why", async () => {
  const asked = async (method: string, path: string, body?: unknown) => {
    const { status, body: answer } = await client.ask(method, path, body);
    return `${status} ${(answer as { error: string }).error}`;
  };
  expect(await asked("GET", "/nothing")).toMatch(/^404 there is nothing at/);
  expect(await asked("GET", "/nodes/9")).toMatch(/^404 there is no node 9/);
  expect(await asked("POST", "/nodes/x/kill")).toMatch(/^404 there is no node "x"/);
  expect(await asked("POST", "/nodes")).toMatch(/^405/);
  expect(await asked("POST", "/nodes/1/resume")).toMatch(/^409 node 1 is running, not paused/);
  expect(await asked("POST", "/nodes/1/kill", "{")).toMatch(/^400 the body is no JSON/);
  expect(await asked("POST", "/nodes/1/kill", { hard: true })).toMatch(/^400 unknown field "hard"/);
  expect(await asked("POST", "/network/cut", { a: 1 })).toMatch(/^400 b is a node id/);
  expect(await asked("POST", "/network/cut", { a: 1, b: 9 })).toMatch(/^400 there is no node 9/);
  expect(await asked("POST", "/faults", { api: "Produze", errorCode: 1 })).toMatch(/^400 api is the name/);
  expect(await asked("GET", "/faults/99")).toMatch(/^404 there is no fault 99/);
  expect(await asked("GET", "/topics/none")).toMatch(/^404 there is no topic none/);
  expect(await asked("POST", "/wait", { for: "leader", topic: "none", partition: 0, timeoutMs: 20 })).toMatch(/^504/);
  expect(await asked("POST", "/faults", `"${"x".repeat(100_000)}"`)).toMatch(/^413/);
});

test("events come as they happen: a node is killed, its partitions move, it comes back", async () => {
  const { partitions } = await client.do<{ partitions: { leader: number }[] }>("GET", "/topics/payments");
  const leader = partitions[0]?.leader as number;
  const seen: string[] = [];
  const events = client.events();
  // The request is out before the kill.
  const first = events.next();
  await client.do("GET", "/nodes");
  await client.do("POST", `/nodes/${leader}/kill`);
  await client.do("POST", "/wait", { for: "leader", topic: "payments", partition: 0, not: leader });
  await client.do("POST", `/nodes/${leader}/restart`);
  for (let next = await first; next.done !== true; next = await events.next()) {
    seen.push(String(next.value.type));
    if (next.value.type === "node-up" && next.value.node === leader) break;
  }
  await events.return(undefined);
  expect(seen[0]).toBe("node-down");
  expect(seen).toContain("node-fenced");
  expect(seen).toContain("leader-moved");
});

test("rules strike and are counted; a paused node and a cut way are seen", async () => {
  const { id } = await client.do<{ id: number }>("POST", "/faults", { api: "Produce", errorCode: 6, once: true });
  const { partitions } = await client.do<{ partitions: { leader: number }[] }>("GET", "/topics/payments");
  const { address } = await client.do<{ address: string }>("GET", `/nodes/${partitions[0]?.leader}`);
  using raw = await RawClient.open(address);
  expect((await raw.produce("payments", [0]))[0]?.errorCode).toBe(6);
  expect((await raw.produce("payments", [0]))[0]?.errorCode).toBe(0);
  expect(await client.do("GET", `/faults/${id}`)).toMatchObject({ fired: 1, occasions: 2 });
  const topic = await client.do<{ partitions: object[] }>("GET", "/topics/payments");
  expect(topic.partitions[0]).toMatchObject({ highWatermark: 1, logStartOffset: 0 });
});

test("the examples of docs/control-api.md are answered as it shows", async () => {
  const all = await examples();
  expect(all.length).toBeGreaterThan(15);
  // Faults have other ids here than in the document.
  const faults = new Map<string, string>();
  for (const { method, path, body, answer } of all) {
    const asked = path.replace(/(?<=^\/faults\/)\d+$/, (id) => faults.get(id) ?? id);
    const { status, body: actual } = await client.ask(method, asked, body);
    if (status === 201) faults.set(String((answer as { id: number }).id), String((actual as { id: number }).id));
    expect(status, `${method} ${path} ${JSON.stringify(actual)}`).toBeLessThan(300);
    expectLike(actual, answer, `${method} ${path}`);
  }
});
