import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { NodeDisk } from "../../storage/node-disk.ts";
import { claim } from "../../storage/node-lock-claim.ts";
import { describeDisk, kindOf } from "./disk-contract.ts";

const base = mkdtempSync(join(tmpdir(), "odradek-disk-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

function newRoot(): string {
  return mkdtempSync(join(base, "d-"));
}

describeDisk("node-disk", () => ({ disk: new NodeDisk(), root: newRoot() }));
describeDisk("node-disk with two descriptors", () => ({ disk: new NodeDisk({ maxOpenFiles: 2 }), root: newRoot() }));

describe("node-disk", () => {
  test("open files are bounded, and the others are opened again when they are used", async () => {
    const disk = new NodeDisk({ maxOpenFiles: 8 });
    const root = newRoot();
    disk.makeDirectory(`${root}/t-0`);
    const files = Array.from({ length: 50 }, (_, i) => disk.open(`${root}/t-0/${i}`, { create: true }));
    expect(disk.openFiles).toBeLessThanOrEqual(8);
    for (const [i, file] of files.entries()) file.append([Buffer.from(`file ${i}`)]);
    disk.rename(`${root}/t-0`, `${root}/t-1`);
    for (const file of files) file.append([Buffer.from(" moved")]);
    await Promise.all(files.map((file) => file.sync()));
    expect(disk.openFiles).toBeLessThanOrEqual(8);
    for (const i of files.keys()) expect(disk.readFile(`${root}/t-1/${i}`).toString()).toBe(`file ${i} moved`);
    for (const file of files) file.close();
    expect(disk.openFiles).toBe(0);
  });

  test("a file closed during a sync lets go of its descriptor afterwards", async () => {
    const disk = new NodeDisk();
    const file = disk.open(`${newRoot()}/a`, { create: true });
    file.append([Buffer.alloc(1_000_000)]);
    const sync = file.sync();
    const read = file.readLarge(0, Buffer.alloc(1_000_000));
    file.close();
    await sync;
    expect(await read).toBe(1_000_000);
    expect(disk.openFiles).toBe(0);
  });

  test("links lead where they point, and what is neither file nor directory is other", () => {
    const disk = new NodeDisk();
    const root = newRoot();
    disk.makeDirectory(`${root}/dir`);
    symlinkSync(`${root}/dir`, `${root}/link`);
    symlinkSync(`${root}/none`, `${root}/broken`);
    expect(disk.list(root).map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      "broken other",
      "dir directory",
      "link directory",
    ]);
  });

  test("a short write is cut back and tells why", () => {
    // A limit on the size of files is the one shortage that needs no device of its own: the kernel writes up to it.
    const path = `${newRoot()}/a.log`;
    const program = `
      import { NodeDisk } from "./storage/node-disk.ts";
      process.on("SIGXFSZ", () => {});
      const file = new NodeDisk().open(${JSON.stringify(path)}, { create: true });
      file.append([Buffer.alloc(1000, 1)]);
      let kind;
      try { file.append([Buffer.alloc(1000, 2), Buffer.alloc(100_000, 2)]); } catch (error) { kind = error.kind; }
      const size = file.sizeBytes;
      file.append([Buffer.alloc(24, 3)]);
      process.stdout.write(JSON.stringify({ kind, size, after: file.sizeBytes }));`;
    const out = execFileSync(
      "bash",
      ["-c", 'ulimit -f 4; exec "$0" --import tsx --input-type=module -e "$1"', process.execPath, program],
      {
        encoding: "utf8",
      },
    );
    expect(JSON.parse(out)).toEqual({ kind: "full", size: 1000, after: 1024 });
  });

  test("B95: a process that may open few files works with those", () => {
    const root = newRoot();
    const program = `
      import { NodeDisk } from "./storage/node-disk.ts";
      const disk = new NodeDisk();
      const greedy = new NodeDisk({ maxOpenFiles: 4096 });
      const files = [];
      for (let i = 0; i < 200; i++) files.push(disk.open(${JSON.stringify(root)} + "/a" + i, { create: true }));
      const few = disk.openFiles;
      for (let i = 0; i < 200; i++) files.push(greedy.open(${JSON.stringify(root)} + "/b" + i, { create: true }));
      for (const file of files) file.append([Buffer.from("x")]);
      for (const file of files) file.append([Buffer.from("y")]);
      await Promise.all(files.map((file) => file.sync()));
      process.stdout.write(JSON.stringify({ few, sizes: new Set(files.map((file) => file.sizeBytes)).size }));`;
    const out = execFileSync(
      "bash",
      ["-c", 'ulimit -n 120; exec "$0" --import tsx --input-type=module -e "$1"', process.execPath, program],
      { encoding: "utf8" },
    );
    expect(JSON.parse(out)).toEqual({ few: expect.any(Number), sizes: 1 });
    expect(JSON.parse(out).few).toBeLessThanOrEqual(60);
  });

  test("B95: what may not be written is denied", () => {
    const disk = new NodeDisk();
    const root = newRoot();
    // Modes do not bind root; a constant of the kernel does.
    const path = process.getuid?.() === 0 ? "/proc/sys/kernel/ostype" : `${root}/f`;
    if (path === `${root}/f`) {
      disk.writeFile(path, "x");
      chmodSync(path, 0o444);
    }
    expect(kindOf(() => disk.open(path, { create: false }))).toBe("denied");
    expect(kindOf(() => disk.writeFile(path, "y"))).toBe("denied");
    expect(disk.readFile(path).length).toBeGreaterThan(0);
  });
});

/** A process that takes the lock, says so, and stays. */
function holder(lock: string, call: string) {
  const program = `
    import { NodeDisk } from "./storage/node-disk.ts";
    import { claim } from "./storage/node-lock-claim.ts";
    ${call}(${JSON.stringify(lock)});
    console.log("locked");
    setInterval(() => {}, 1000);`;
  return spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

describe("a directory's lock", () => {
  const ways: [string, string, (lock: string) => unknown][] = [
    ["the kernel's lock", "new NodeDisk().lock", (lock) => new NodeDisk().lock(lock).release()],
    ["a claim, where the kernel's is not to be had", "claim", (lock) => claim(lock)()],
  ];
  for (const [name, call, take] of ways) {
    test(`R93: ${name} refuses a second process and vanishes with the first, killed`, async () => {
      const root = newRoot();
      const lock = `${root}/.lock`;
      const first = holder(lock, call);
      await once(first.stdout, "data");
      expect(kindOf(() => take(lock))).toBe("locked");
      first.kill("SIGKILL");
      await once(first, "exit");
      take(lock);
      expect(readdirSync(root).filter((entry) => entry !== ".lock")).toEqual([]);
    });
  }

  test("R93: many directories of one process are locked side by side", () => {
    const disk = new NodeDisk();
    const locks = Array.from({ length: 5 }, () => disk.lock(`${newRoot()}/.lock`));
    for (const lock of locks) lock.release();
    const root = newRoot();
    const lock = disk.lock(`${root}/.lock`);
    expect(kindOf(() => new NodeDisk().lock(`${root}/../${root.split("/").at(-1)}/.lock`))).toBe("locked");
    lock.release();
    expect(existsSync(`${root}/.lock`)).toBe(true);
  });
});
