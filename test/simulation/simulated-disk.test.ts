import { describe, expect, test } from "vitest";
import { describeDisk, kindOf, kindOfAsync } from "../storage/disk-contract.ts";
import { SeededRandom } from "./seeded-random.ts";
import { PowerCut, SimulatedDisk } from "./simulated-disk.ts";
import type { Unsynced } from "./simulated-inode.ts";

function newDisk(seed = "disk", volumeBytes?: number): SimulatedDisk {
  const disk = new SimulatedDisk({
    random: new SeededRandom(seed),
    ...(volumeBytes === undefined ? {} : { volumeBytes }),
  });
  disk.makeDirectory("/data");
  return disk;
}

describeDisk("the simulated disk", () => ({ disk: newDisk(), root: "/data" }));

/** Bytes that tell where they stand. */
function numbered(from: number, to: number): Buffer {
  const bytes = Buffer.alloc(to - from);
  for (let i = from; i < to; i++) bytes[i - from] = 1 + ((i * 31) % 255);
  return bytes;
}

async function halfSynced(disk: SimulatedDisk, syncedBytes: number, totalBytes: number): Promise<void> {
  const file = disk.open("/data/a", { create: true });
  file.append([numbered(0, syncedBytes)]);
  await file.sync();
  await disk.syncDirectory("/data");
  await disk.syncDirectory("/");
  file.append([numbered(syncedBytes, totalBytes)]);
}

describe("a power cut", () => {
  test("leaves what was synced, whatever becomes of the rest", async () => {
    const sizes = new Set<number>();
    const whole = numbered(0, 30_000);
    let torn = 0;
    for (let seed = 0; seed < 200; seed++) {
      const disk = newDisk(`cut ${seed}`);
      await halfSynced(disk, 10_000, 30_000);
      disk.crash({ powerLoss: true });
      const left = disk.readFile("/data/a");
      expect(left.subarray(0, 10_000).equals(whole.subarray(0, 10_000))).toBe(true);
      expect(left.length).toBeLessThanOrEqual(30_000);
      sizes.add(left.length);
      // Beyond what was synced each byte is what was written, or nothing.
      const wrong = left.findIndex((byte, i) => byte !== whole[i] && byte !== 0);
      expect(wrong).toBe(-1);
      if (!left.equals(whole.subarray(0, left.length))) torn++;
    }
    expect(sizes.size).toBeGreaterThan(20);
    expect(sizes.has(10_000) && sizes.has(30_000)).toBe(true);
    expect(torn).toBeGreaterThan(20);
  });

  test("can be placed at any byte of what was not synced", async () => {
    for (const prefixBytes of [100, 4095, 4096, 4097, 9000]) {
      const disk = newDisk();
      await halfSynced(disk, 100, 9000);
      disk.crash({ powerLoss: true, unsynced: { prefixBytes } });
      expect(disk.readFile("/data/a").equals(numbered(0, prefixBytes))).toBe(true);
    }
  });

  test("may undo a truncation, and what was written after it", async () => {
    const left = new Set<string>();
    for (const unsynced of ["kept", "dropped"] as Unsynced[]) {
      const disk = newDisk();
      const file = disk.open("/data/a", { create: true });
      file.append([Buffer.from("abcdef")]);
      await file.sync();
      file.truncate(3);
      file.append([Buffer.from("XY")]);
      disk.crash({ powerLoss: true, unsynced, names: "kept" });
      left.add(disk.readFile("/data/a").toString());
    }
    expect([...left]).toEqual(["abcXY", "abcdef"]);
  });

  test("may lose names whose directory was not synced, in their order", async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const disk = newDisk(`names ${seed}`);
      disk.writeFile("/data/ckpt", "old");
      await disk.syncFile("/data/ckpt");
      await disk.syncDirectory("/data");
      await disk.syncDirectory("/");
      disk.writeFile("/data/ckpt.tmp", "new");
      await disk.syncFile("/data/ckpt.tmp");
      disk.rename("/data/ckpt.tmp", "/data/ckpt");
      disk.crash({ powerLoss: true });
      seen.add(`${disk.list("/data").map((entry) => entry.name)}: ${disk.readFile("/data/ckpt")}`);
    }
    expect([...seen].sort()).toEqual(["ckpt,ckpt.tmp: old", "ckpt: new", "ckpt: old"]);
  });

  test("what was made in a directory does not come back in another that has its name since", async () => {
    for (let seed = 0; seed < 20; seed++) {
      const disk = newDisk(`names ${seed}`);
      disk.makeDirectory("/data/log");
      disk.open("/data/log/0", { create: true });
      disk.rename("/data/log", "/data/aside");
      disk.makeDirectory("/data/log");
      const file = disk.open("/data/log/0", { create: true });
      file.append([Buffer.from("new")]);
      await file.sync();
      for (const path of ["/data/log", "/data", "/"]) await disk.syncDirectory(path);
      disk.crash({ powerLoss: true });
      expect(disk.readFile("/data/log/0").toString()).toBe("new");
    }
  });

  test("does not lose a rename whose directory was synced, nor bring back what was removed before", async () => {
    for (let seed = 0; seed < 30; seed++) {
      const disk = newDisk(`durable ${seed}`);
      disk.writeFile("/data/gone", "x");
      disk.writeFile("/data/tmp", "new");
      await disk.syncFile("/data/tmp");
      disk.rename("/data/tmp", "/data/ckpt");
      disk.remove("/data/gone");
      await disk.syncDirectory("/data");
      await disk.syncDirectory("/");
      disk.writeFile("/data/later", "x");
      disk.crash({ powerLoss: true });
      expect(disk.readFile("/data/ckpt").toString()).toBe("new");
      expect(disk.exists("/data/gone") || disk.exists("/data/tmp")).toBe(false);
    }
  });

  test("after a number of changes stops everything, until it is said what is left", async () => {
    const disk = newDisk();
    disk.cutPowerAfter(2);
    disk.writeFile("/data/a", "1");
    disk.writeFile("/data/b", "2");
    expect(() => disk.writeFile("/data/c", "3")).toThrow(PowerCut);
    expect(() => disk.list("/data")).toThrow(PowerCut);
    disk.crash({ powerLoss: true, unsynced: "kept", names: "kept" });
    expect(disk.list("/data").map((entry) => entry.name)).toEqual(["a", "b"]);
  });
});

describe("faults", () => {
  test("R81: data whose sync failed is not saved by a later sync that succeeds", async () => {
    const disk = newDisk();
    await halfSynced(disk, 100, 200);
    const file = disk.open("/data/a", { create: false });
    disk.faults.add({ operation: "sync", error: "io", times: 1 });
    expect(await kindOfAsync(() => file.sync())).toBe("io");
    await file.sync();
    expect(disk.readFile("/data/a").equals(numbered(0, 200))).toBe(true);
    disk.crash({ powerLoss: true, unsynced: "kept" });
    expect(disk.readFile("/data/a").subarray(0, 100).equals(numbered(0, 100))).toBe(true);
    expect(
      disk
        .readFile("/data/a")
        .subarray(100)
        .every((byte) => byte === 0),
    ).toBe(true);
  });

  test("rules name operations and paths, and may heal", () => {
    const disk = newDisk();
    const file = disk.open("/data/t-0.log", { create: true });
    const other = disk.open("/data/u-0.log", { create: true });
    const fault = disk.faults.add({ operation: ["append", "truncate"], path: /t-0/, error: "io", skip: 1, times: 2 });
    file.append([Buffer.from("a")]);
    expect(kindOf(() => file.append([Buffer.from("b")]))).toBe("io");
    other.append([Buffer.from("b")]);
    expect(kindOf(() => file.truncate(0))).toBe("io");
    file.append([Buffer.from("c")]);
    expect(disk.readFile("/data/t-0.log").toString()).toBe("ac");
    expect(fault.hits).toBe(2);
  });

  test("a full volume refuses whole appends", () => {
    const disk = newDisk("full", 10);
    const file = disk.open("/data/a", { create: true });
    file.append([Buffer.from("1234567")]);
    expect(kindOf(() => file.append([Buffer.from("8901")]))).toBe("full");
    expect(file.sizeBytes).toBe(7);
    expect(disk.volume("/").usableBytes).toBe(3);
    disk.resize(100);
    file.append([Buffer.from("8901")]);
  });

  test("a write may land in another file", () => {
    const disk = newDisk();
    disk.writeFile("/data/b", "bbbbbb");
    const file = disk.open("/data/a", { create: true });
    file.append([Buffer.from("aa")]);
    disk.misdirectNextAppend("/data/a", "/data/b", 1);
    file.append([Buffer.from("XY")]);
    file.append([Buffer.from("cc")]);
    expect(disk.readFile("/data/a").toString("latin1")).toBe("aa\0\0cc");
    expect(disk.readFile("/data/b").toString()).toBe("bXYbbb");
  });

  test("bits flip and files are lost without a word", () => {
    const disk = newDisk();
    disk.writeFile("/data/a", "abc");
    disk.corrupt("/data/a", 1, 0x20);
    expect(disk.readFile("/data/a").toString()).toBe("aBc");
    disk.lose("/data/a");
    expect(disk.exists("/data/a")).toBe(false);
  });
});
