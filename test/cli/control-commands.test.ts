/** The commands over the control API, on a cluster that runs in this process. */
import { PassThrough, Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommandLine } from "../../cli/command-line.ts";
import { watchCommand } from "../../cli/control/watch-command.ts";
import { type ControlledCluster, startControlled } from "../support/controlled-cluster.ts";

let cluster: ControlledCluster;

beforeAll(async () => {
  cluster = await startControlled(3);
  await cluster.createTopic("payments");
});
afterAll(() => cluster.end());

async function runAt(port: number, args: readonly string[]): Promise<string> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io = { stdin: Readable.from([]), stdout, stderr, onStopAsked: () => () => {} };
  await runCommandLine([...args, "--control-port", String(port)], io);
  return String(stdout.read() ?? "");
}

/** What a command prints. */
async function run(...args: string[]): Promise<string> {
  return runAt(cluster.listener.address.port, args);
}

test("nodes lists nodes and the controller, as a table and as JSON", async () => {
  const [head, ...lines] = (await run("nodes")).trimEnd().split("\n");
  expect(head).toMatch(/^NODE +STATE +ADDRESS +LEADS +RACK +PID$/);
  expect(lines.map((line) => line.split(/ +/).slice(0, 2))).toEqual([
    ["1", "running"],
    ["2", "running"],
    ["3", "running"],
    ["controller", "running"],
  ]);
  const json = (await run("nodes", "--json"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(json.map(({ id }) => id)).toEqual([1, 2, 3]);
});

test("kill, restart, pause and resume say what holds when they return", async () => {
  expect(await run("kill", "2")).toBe("node 2 is stopped\n");
  expect(await cluster.client.do("GET", "/nodes/2")).toMatchObject({ state: "stopped", fenced: true });
  expect(await run("restart", "2")).toBe("node 2 is running\n");
  expect(await run("pause", "3")).toBe("node 3 is paused\n");
  await expect(run("resume", "1")).rejects.toThrow("node 1 is running, not paused");
  expect(await run("resume", "3")).toBe("node 3 is running\n");
  await expect(run("kill", "9")).rejects.toThrow("there is no node 9");
  await expect(run("kill", "x")).rejects.toThrow(/must be one of a node's id, controller/);
  await expect(run("kill")).rejects.toThrow(/Not enough .*see odradek kill --help/);
});

test("cut and heal tell which ways are not open", async () => {
  expect(await run("cut", "1", "2")).toBe("1 -> 2  cut\n2 -> 1  cut\n");
  expect(await run("cut", "3", "clients", "--one-way", "--delay", "5")).toContain("3 -> clients  5 ms slower\n");
  expect(await run("heal", "3")).toBe("1 -> 2  cut\n2 -> 1  cut\n");
  expect(await run("heal")).toBe("every way is open\n");
  await expect(run("cut", "1", "2", "--delay", "long")).rejects.toThrow("--delay needs milliseconds");
});

test("faults are added, listed, removed and cleared", async () => {
  expect(await run("faults")).toBe("no rules are in force\n");
  const added = await run("faults", "add", "--api", "Produce", "--error", "NOT_LEADER_OR_FOLLOWER", "--times", "3");
  expect(added).toMatch(
    /ID +FIRED +OCCASIONS +RULE\n\d+ +0 +0 +api=Produce errorCode=NOT_LEADER_OR_FOLLOWER times=3\n/,
  );
  await run("faults", "add", "--disk", "slow", "--node", "2", "--delay", "5", "--once");
  const json = (await run("faults", "--json"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(json[1].rule).toEqual({ disk: "slow", node: 2, delayMs: 5, once: true });
  await run("faults", "remove", String(json[0].id));
  expect(await run("faults", "clear")).toBe("no rules are in force\n");
  await expect(run("faults", "add", "--api", "Produze", "--error", "1")).rejects.toThrow(/name of an API/);
  await expect(run("faults", "drop")).rejects.toThrow(/knows add, remove and clear/);
});

test("watch prints what happens until it is asked to stop", async () => {
  let printed = "";
  let stop: () => void = () => {};
  const onStopAsked = (asked: () => void): (() => void) => {
    stop = asked;
    return () => {};
  };
  const watching = watchCommand.run(
    { "control-port": String(cluster.listener.address.port), types: "node-paused,node-resumed" },
    { stdout: { write: (text: string) => (printed += text) }, onStopAsked },
  );
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(printed)) {
      // Events from before the request came in are not told.
      await run("pause", "1");
      await run("resume", "1");
    }
  };
  await until(/node 1 is paused\n.*node 1 goes on\n/s);
  stop();
  await watching;
});

test("without a cluster a command says so", async () => {
  await expect(runAt(1, ["nodes"])).rejects.toThrow(/no cluster answers at http:\/\/127.0.0.1:1/);
});
