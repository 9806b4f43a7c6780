import { describe, expect, test } from "vitest";
import { MemoryDisk } from "../../storage/memory-disk.ts";
import { describeDisk, kindOf } from "./disk-contract.ts";

describeDisk("memory-disk", () => {
  const disk = new MemoryDisk();
  disk.makeDirectory("/data");
  return { disk, root: "/data" };
});

describe("memory-disk", () => {
  test("a power cut leaves what was synced, a kill leaves everything", async () => {
    const disk = new MemoryDisk();
    const file = disk.open("/a", { create: true });
    file.append([Buffer.from("synced")]);
    await file.sync();
    file.append([Buffer.from(" lost")]);
    disk.crash({ powerLoss: false });
    expect(disk.readFile("/a").toString()).toBe("synced lost");
    disk.crash({ powerLoss: true });
    expect(disk.readFile("/a").toString()).toBe("synced");
    expect(disk.usedBytes).toBe(6);
  });

  test("handles and locks of the node that crashed are dead", () => {
    const disk = new MemoryDisk();
    const file = disk.open("/a", { create: true });
    const lock = disk.lock("/.lock");
    disk.crash({ powerLoss: false });
    const next = disk.open("/a", { create: false });
    expect(kindOf(() => file.append([Buffer.from("zombie")]))).toBe("gone");
    const taken = disk.lock("/.lock");
    lock.release();
    expect(kindOf(() => disk.lock("/.lock"))).toBe("locked");
    taken.release();
    file.close();
    next.append([Buffer.from("mine")]);
    expect(disk.readFile("/a").toString()).toBe("mine");
    next.close();
    disk.remove("/a");
    expect(disk.usedBytes).toBe(0);
  });

  test("a full volume refuses an append as a whole and takes it when there is room again", () => {
    const disk = new MemoryDisk({ volumeBytes: 10 });
    const file = disk.open("/a", { create: true });
    file.append([Buffer.from("12345")]);
    expect(kindOf(() => file.append([Buffer.from("678"), Buffer.from("90a")]))).toBe("full");
    expect(file.sizeBytes).toBe(5);
    expect(disk.volume()).toEqual({ totalBytes: 10, usableBytes: 5 });
    disk.resize(11);
    file.append([Buffer.from("67890a")]);
    expect(disk.readFile("/a").toString()).toBe("1234567890a");
    file.close();
  });

  test("space is given back by removing, truncating and replacing", async () => {
    const disk = new MemoryDisk();
    disk.makeDirectory("/d");
    disk.writeFile("/d/a", Buffer.alloc(3_000_000));
    disk.writeFile("/d/b", Buffer.alloc(100));
    const file = disk.open("/d/a", { create: false });
    file.truncate(1000);
    expect(disk.usedBytes).toBe(1100);
    disk.rename("/d/b", "/d/a");
    expect(disk.usedBytes).toBe(1100); // the handle still reads the replaced file
    file.close();
    expect(disk.usedBytes).toBe(100);
    await disk.removeTree("/d");
    expect(disk.usedBytes).toBe(0);
  });

  test("a tree of files is listed without files standing in for directories", () => {
    const disk = new MemoryDisk();
    disk.makeDirectory("/a/b");
    disk.writeFile("/a/f", "");
    expect(kindOf(() => disk.rename("/a/b", "/a/f"))).toBe("exists");
    expect(kindOf(() => disk.rename("/a/f", "/a/b"))).toBe("exists");
    expect(kindOf(() => disk.remove("/a/b"))).toBe("exists");
  });
});
