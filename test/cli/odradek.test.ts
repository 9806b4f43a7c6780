/**
 * The `odradek` command, as a process: what it prints where, how it ends.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  builtPackage,
  type RunningCommand,
  removeBuiltPackage,
  runCommand,
  startCommand,
} from "../support/odradek-command.ts";

let directory: string;
const running: RunningCommand[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "odradek-cli-"));
  await builtPackage();
});
afterEach(async () => {
  for (const command of running.splice(0)) {
    command.process.kill("SIGKILL");
    await command.ended;
  }
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await removeBuiltPackage();
});

async function start(...args: string[]): Promise<RunningCommand> {
  const command = await startCommand(["start", "--data-dir", mkdtempSync(join(directory, "data-")), ...args]);
  running.push(command);
  return command;
}

function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.on("connect", () => socket.destroy());
    socket.on("error", () => resolve(false));
    socket.on("close", (hadError) => resolve(!hadError));
  });
}

/** The first of some ports that follow each other and are free, below those that systems hand out by themselves. */
async function freePorts(count: number): Promise<number> {
  for (let port = 20_000 + (process.pid % 1000) * 10; ; port += count) {
    const free = await Promise.all(Array.from({ length: count }, (_, index) => canListen("127.0.0.1", port + index)));
    if (free.every(Boolean)) return port;
  }
}

const portOf = (address: string): number => Number(address.split(":").at(-1));
const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");

describe("start", () => {
  it("says that it is ready in one line of standard output, and where data lies on standard error", async () => {
    const command = await start("--port", "0");
    const [address] = await command.ready;
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await canConnect("127.0.0.1", portOf(address as string))).toBe(true);
    command.process.kill("SIGTERM");
    const { exitCode, stdout, stderr } = await command.ended;
    expect(exitCode).toBe(0);
    expect(stdout).toBe(`ready ${address}\n`);
    const log = linesOf(stderr).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(log).toContainEqual(expect.objectContaining({ level: "info", msg: "data directory", nodes: 1 }));
    expect(log.at(-1)).toMatchObject({ msg: "stopped" });
  });

  it("listens on 127.0.0.1 and ::1 at one port, and only there", async () => {
    const hasIPv6 = await canListen("::1");
    const port = await freePorts(1);
    const command = await start("--port", String(port));
    expect(await command.ready).toEqual([`127.0.0.1:${port}`]);
    expect(await canConnect("127.0.0.1", port)).toBe(true);
    expect(await canConnect("::1", port)).toBe(hasIPv6);
    expect(await canConnect("127.0.0.2", port)).toBe(false);
  });

  it("starts nodes on the ports that follow", async () => {
    const port = await freePorts(3);
    const command = await start("--port", String(port), "--nodes", "3");
    expect(await command.ready).toEqual([0, 1, 2].map((index) => `127.0.0.1:${port + index}`));
  });

  it.each(["SIGINT", "SIGTERM"] as const)("stops cleanly on %s", async (signal) => {
    const command = await start("--port", "0");
    const [address] = await command.ready;
    command.process.kill(signal);
    expect(await command.ended).toMatchObject({ exitCode: 0, signal: null });
    expect(await canConnect("127.0.0.1", portOf(address as string))).toBe(false);
  });

  it("stops when the shell that npx put between has gone", async () => {
    const data = mkdtempSync(join(directory, "npx-"));
    const entry = join(await builtPackage(), "cli/odradek.js");
    // Two commands, so that the shell stays until it is killed.
    const line = `"${process.execPath}" "${entry}" start --port 0 --data-dir "${data}"; true`;
    const shell = spawn("sh", ["-c", line], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, npm_command: "exec" },
    });
    const address = await new Promise<string>((resolve) => {
      shell.stdout.once("data", (chunk: Buffer) => resolve(/^ready (.*)\n/.exec(chunk.toString())?.[1] ?? "none"));
    });
    // Standard output ends only when the node has ended too.
    const ended = new Promise((resolve) => shell.stdout.on("close", resolve));
    shell.kill("SIGTERM");
    await ended;
    expect(await canConnect("127.0.0.1", portOf(address))).toBe(false);
  });

  it("says in one line that a port is in use, and ends with 1", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const { exitCode, stdout, stderr } = await (await start("--port", String(port))).ended;
    server.close();
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `odradek: 127.0.0.1:${port} is in use; --port chooses another\n`,
    });
  });

  it("reads settings from a file and from --set, which goes before it, and warns once of each that does nothing", async () => {
    const file = join(directory, "server.properties");
    writeFileSync(
      file,
      "process.roles=broker,controller\nnode.id=1\nlog.dirs=elsewhere\nnum.network.threads = 3\nlog.retention.hours:\\\n  168\n",
    );
    const command = await start("--port", "0", "--config", file, "--set", "num.network.threads=2");
    await command.ready;
    command.process.kill("SIGTERM");
    const { stderr } = await command.ended;
    const warned = linesOf(stderr)
      .map((line) => JSON.parse(line) as { level: string; setting?: string })
      .filter(({ level }) => level === "warn")
      .map(({ setting }) => setting);
    expect(warned.sort()).toEqual(["log.dirs", "num.network.threads", "process.roles"]);
  });

  it("keeps data in a folder of the user's when none is named", async () => {
    const home = mkdtempSync(join(directory, "home-"));
    const command = await startCommand(["start", "--port", "0"], {
      XDG_DATA_HOME: home,
      HOME: home,
      LOCALAPPDATA: home,
    });
    running.push(command);
    await command.ready;
    command.process.kill("SIGTERM");
    const { stderr } = await command.ended;
    const { directory: used } = JSON.parse(linesOf(stderr).find((line) => line.includes("data directory")) as string);
    expect(used.startsWith(home)).toBe(true);
    expect(used.endsWith("odradek")).toBe(true);
  });

  it("does not fail when nobody reads what it says", async () => {
    const command = await start("--port", "0");
    const [address] = await command.ready;
    command.process.stdout?.destroy();
    command.process.stderr?.destroy();
    expect(await canConnect("127.0.0.1", portOf(address as string))).toBe(true);
    command.process.kill("SIGTERM");
    expect(await command.ended).toMatchObject({ exitCode: 0 });
  });
});

describe("a mistake", () => {
  it("is one line on standard error, and exit code 1, on the quick way and the other", async () => {
    for (const args of [
      ["start", "--port", "x"],
      ["start", "--prot", "5"],
    ]) {
      const { exitCode, stdout, stderr } = await runCommand(args);
      expect(exitCode).toBe(1);
      expect(stdout).toBe("");
      expect(linesOf(stderr)).toEqual([expect.stringMatching(/^odradek: /)]);
    }
  });
});

describe("help", () => {
  it("tells the commands, the options of start, the version; completes", async () => {
    const [help, startHelp, version, completion] = await Promise.all([
      runCommand(["--help"]),
      runCommand(["start", "--help"]),
      runCommand(["--version"]),
      runCommand(["completion"]),
    ]);
    expect(help).toMatchObject({ exitCode: 0, stderr: "" });
    expect(help.stdout).toContain("odradek start");
    for (const option of ["--port", "--host", "--nodes", "--data-dir", "--set", "--config"])
      expect(startHelp.stdout).toContain(option);
    expect(startHelp.stdout).toContain("[default: 9092]");
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(completion.stdout).toContain("odradek");
  });
});

describe("the quick way to start", () => {
  it("loads no package before the ready line", async () => {
    const folder = await builtPackage();
    const imported = new Set<string>();
    const follow = (file: string): void => {
      // Static imports only: what `import("...")` names is loaded when it is needed.
      for (const [, name] of readFileSync(file, "utf8").matchAll(/\b(?:from|import)\s*"([^"]+)"/g))
        if (name?.startsWith(".") === true) followOnce(join(dirname(file), name));
        else if (name !== undefined) imported.add(name);
    };
    const seen = new Set<string>();
    const followOnce = (file: string): void => {
      if (!seen.has(file)) follow(file);
      seen.add(file);
    };
    followOnce(join(folder, "cli/odradek.js"));
    for (const chunk of readdirSync(join(folder, "chunks")))
      if (/^start-command-.*\.js$/.test(chunk)) followOnce(join(folder, "chunks", chunk));
    expect(seen.size).toBeGreaterThan(2);
    expect(imported.size).toBeGreaterThan(2);
    expect([...imported].filter((name) => !name.startsWith("node:"))).toEqual([]);
  });
});

function canListen(host: string, port = 0): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
