/**
 * What every Disk must do, whatever stands behind it; run for each implementation by its own test file.
 */
import { describe, expect, test } from "vitest";
import { type Disk, DiskError, type DiskErrorKind } from "../../storage/disk.ts";

/** The kind of the DiskError that the operation throws. */
export function kindOf(operation: () => unknown): DiskErrorKind | undefined {
  try {
    operation();
  } catch (error) {
    if (error instanceof DiskError) return error.kind;
    throw error;
  }
  return undefined;
}

export async function kindOfAsync(operation: () => Promise<unknown>): Promise<DiskErrorKind | undefined> {
  try {
    await operation();
  } catch (error) {
    if (error instanceof DiskError) return error.kind;
    throw error;
  }
  return undefined;
}

/** @param make gives a disk and a directory on it that is there and empty. */
export function describeDisk(name: string, make: () => { disk: Disk; root: string }): void {
  describe(`${name} as a Disk`, () => {
    test("appends gather chunks in order and return where they begin", () => {
      const { disk, root } = make();
      const file = disk.open(`${root}/a.log`, { create: true });
      expect(file.sizeBytes).toBe(0);
      expect(file.append([Buffer.from("one"), Buffer.alloc(0), Buffer.from("two")])).toBe(0);
      expect(file.append([])).toBe(6);
      expect(file.append([Buffer.from("three")])).toBe(6);
      expect(file.sizeBytes).toBe(11);
      expect(disk.readFile(`${root}/a.log`).toString()).toBe("onetwothree");
      file.close();
    });

    test("the chunks may be reused after an append", () => {
      const { disk, root } = make();
      const file = disk.open(`${root}/a.log`, { create: true });
      const chunk = Buffer.from("first");
      file.append([chunk]);
      chunk.fill(0);
      expect(disk.readFile(`${root}/a.log`).toString()).toBe("first");
      file.close();
    });

    test("large and many appends come back as they were, at every position", async () => {
      const { disk, root } = make();
      const file = disk.open(`${root}/a.log`, { create: true });
      const pieces: Buffer[] = [];
      for (let i = 0; i < 40; i++) pieces.push(Buffer.alloc(1 + ((i * 7919) % 300_000), i));
      for (const piece of pieces) file.append([piece]);
      const whole = Buffer.concat(pieces);
      expect(file.sizeBytes).toBe(whole.length);
      const target = Buffer.alloc(whole.length + 10);
      expect(await file.readLarge(0, target)).toBe(whole.length);
      expect(target.subarray(0, whole.length).equals(whole)).toBe(true);
      const atHand = Buffer.alloc(200_000);
      const count = file.readAtHand(99_991, atHand);
      expect(count).toBeLessThanOrEqual(200_000);
      expect(atHand.subarray(0, count).equals(whole.subarray(99_991, 99_991 + count))).toBe(true);
      for (let position = 1; position < whole.length; position += 99_991) {
        const part = Buffer.alloc(1000);
        const count = file.read(position, part);
        expect(count).toBe(Math.min(1000, whole.length - position));
        expect(part.subarray(0, count).equals(whole.subarray(position, position + count))).toBe(true);
      }
      file.close();
    });

    test("reading at or past the end gives nothing", () => {
      const { disk, root } = make();
      const file = disk.open(`${root}/a.log`, { create: true });
      expect(file.read(0, Buffer.alloc(4))).toBe(0);
      file.append([Buffer.from("abc")]);
      expect(file.read(3, Buffer.alloc(4))).toBe(0);
      expect(file.read(1000, Buffer.alloc(4))).toBe(0);
      expect(file.read(1, Buffer.alloc(4))).toBe(2);
      expect(file.readAtHand(3, Buffer.alloc(4))).toBe(0);
      file.close();
    });

    test("a truncated file goes on at its new end", () => {
      const { disk, root } = make();
      const file = disk.open(`${root}/a.log`, { create: true });
      file.append([Buffer.alloc(2_500_000, 1)]);
      file.truncate(1_048_576);
      expect(file.sizeBytes).toBe(1_048_576);
      expect(file.append([Buffer.from("end")])).toBe(1_048_576);
      const tail = Buffer.alloc(5);
      expect(file.read(1_048_574, tail)).toBe(5);
      expect(tail.toString("latin1")).toBe("\x01\x01end");
      file.truncate(0);
      expect(file.append([Buffer.from("new")])).toBe(0);
      expect(disk.readFile(`${root}/a.log`).toString()).toBe("new");
      file.close();
    });

    test("opening needs a file or leave to make one", () => {
      const { disk, root } = make();
      expect(kindOf(() => disk.open(`${root}/a`, { create: false }))).toBe("gone");
      expect(kindOf(() => disk.open(`${root}/none/a`, { create: true }))).toBe("gone");
      disk.makeDirectory(`${root}/d`);
      expect(kindOf(() => disk.open(`${root}/d`, { create: true }))).toBe("exists");
      expect(kindOf(() => disk.open(`${root}/d`, { create: false }))).toBe("exists");
      disk.writeFile(`${root}/f`, "x");
      expect(kindOf(() => disk.open(`${root}/f/a`, { create: true }))).toBe("exists");
      const file = disk.open(`${root}/f`, { create: false });
      expect(file.sizeBytes).toBe(1);
      file.close();
    });

    test("small files are read and replaced whole", () => {
      const { disk, root } = make();
      expect(kindOf(() => disk.readFile(`${root}/f`))).toBe("gone");
      disk.writeFile(`${root}/f`, "longer text");
      disk.writeFile(`${root}/f`, Buffer.from("short"));
      expect(disk.readFile(`${root}/f`).toString()).toBe("short");
      expect(kindOf(() => disk.readFile(root))).toBe("exists");
      expect(kindOf(() => disk.writeFile(`${root}/none/f`, ""))).toBe("gone");
    });

    test("entries are listed in the order of their names, with their kinds", () => {
      const { disk, root } = make();
      for (const name of ["b", "a-10", "a-9", "Z"]) disk.writeFile(`${root}/${name}`, "");
      disk.makeDirectory(`${root}/c/inner`);
      expect(disk.list(root)).toEqual([
        { name: "Z", kind: "file" },
        { name: "a-10", kind: "file" },
        { name: "a-9", kind: "file" },
        { name: "b", kind: "file" },
        { name: "c", kind: "directory" },
      ]);
      expect(kindOf(() => disk.list(`${root}/none`))).toBe("gone");
      expect(kindOf(() => disk.list(`${root}/b`))).toBe("exists");
    });

    test("making a directory makes those above it, and is silent when it is there", () => {
      const { disk, root } = make();
      disk.makeDirectory(`${root}/x/y/z`);
      disk.makeDirectory(`${root}/x/y/z`);
      expect(disk.exists(`${root}/x/y`)).toBe(true);
      disk.writeFile(`${root}/f`, "");
      expect(kindOf(() => disk.makeDirectory(`${root}/f`))).toBe("exists");
      expect(kindOf(() => disk.makeDirectory(`${root}/f/g`))).toBe("exists");
    });

    test("renaming replaces, and open files follow the name", () => {
      const { disk, root } = make();
      const old = disk.open(`${root}/new`, { create: true });
      old.append([Buffer.from("old")]);
      const file = disk.open(`${root}/tmp`, { create: true });
      file.append([Buffer.from("a")]);
      disk.rename(`${root}/tmp`, `${root}/new`);
      expect(disk.exists(`${root}/tmp`)).toBe(false);
      file.append([Buffer.from("b")]);
      expect(disk.readFile(`${root}/new`).toString()).toBe("ab");
      expect(kindOf(() => disk.rename(`${root}/tmp`, `${root}/new`))).toBe("gone");
      old.close();
      file.close();
    });

    test("a renamed directory takes its open files along", () => {
      const { disk, root } = make();
      disk.makeDirectory(`${root}/t-0`);
      const file = disk.open(`${root}/t-0/a.log`, { create: true });
      disk.rename(`${root}/t-0`, `${root}/t-0.abc-delete`);
      file.append([Buffer.from("late")]);
      expect(disk.readFile(`${root}/t-0.abc-delete/a.log`).toString()).toBe("late");
      disk.makeDirectory(`${root}/t-0`);
      expect(disk.list(`${root}/t-0`)).toEqual([]);
      expect(kindOf(() => disk.rename(`${root}/t-0.abc-delete`, `${root}/t-0/x/y`))).toBe("gone");
      file.close();
    });

    test("so does one above it, also twice", () => {
      const { disk, root } = make();
      disk.makeDirectory(`${root}/a/b/c`);
      const deep = disk.open(`${root}/a/b/c/f`, { create: true });
      const high = disk.open(`${root}/a/g`, { create: true });
      disk.rename(`${root}/a`, `${root}/x`);
      disk.rename(`${root}/x/b`, `${root}/y`);
      deep.append([Buffer.from("deep")]);
      high.append([Buffer.from("high")]);
      expect(disk.readFile(`${root}/y/c/f`).toString()).toBe("deep");
      expect(disk.readFile(`${root}/x/g`).toString()).toBe("high");
      deep.close();
      disk.rename(`${root}/x`, `${root}/a`);
      high.append([Buffer.from("er")]);
      expect(disk.readFile(`${root}/a/g`).toString()).toBe("higher");
      high.close();
    });

    test("a removed file is gone for its name, its handle keeps what it had", () => {
      const { disk, root } = make();
      const file = disk.open(`${root}/a`, { create: true });
      file.append([Buffer.from("kept")]);
      disk.remove(`${root}/a`);
      expect(disk.exists(`${root}/a`)).toBe(false);
      expect(kindOf(() => disk.remove(`${root}/a`))).toBe("gone");
      const target = Buffer.alloc(4);
      expect(file.read(0, target)).toBe(4);
      expect(target.toString()).toBe("kept");
      disk.writeFile(`${root}/a`, "another");
      file.close();
      expect(disk.readFile(`${root}/a`).toString()).toBe("another");
    });

    test("a tree is removed with all in it, and silently when it is gone", async () => {
      const { disk, root } = make();
      disk.makeDirectory(`${root}/t/u`);
      disk.writeFile(`${root}/t/u/f`, "x");
      await disk.removeTree(`${root}/t`);
      await disk.removeTree(`${root}/t`);
      expect(disk.list(root)).toEqual([]);
    });

    test("syncs resolve, also several at once and together with appends", async () => {
      const { disk, root } = make();
      const file = disk.open(`${root}/a`, { create: true });
      const syncs: Promise<void>[] = [];
      for (let i = 0; i < 20; i++) {
        file.append([Buffer.from("x")]);
        syncs.push(file.sync());
      }
      await Promise.all(syncs);
      await file.sync();
      expect(file.sizeBytes).toBe(20);
      file.close();
      await disk.syncFile(`${root}/a`);
      await disk.syncDirectory(root);
      expect(await kindOfAsync(async () => disk.syncFile(`${root}/none`))).toBe("gone");
      expect(await kindOfAsync(async () => disk.syncDirectory(`${root}/none`))).toBe("gone");
    });

    test("a closed file does nothing more", async () => {
      const { disk, root } = make();
      const file = disk.open(`${root}/a`, { create: true });
      file.append([Buffer.from("x")]);
      file.close();
      file.close();
      expect(kindOf(() => file.append([Buffer.from("y")]))).toBe("gone");
      expect(kindOf(() => file.read(0, Buffer.alloc(1)))).toBe("gone");
      expect(await kindOfAsync(() => file.sync())).toBe("gone");
      expect(disk.readFile(`${root}/a`).toString()).toBe("x");
    });

    test("a lock is held once until it is released", () => {
      const { disk, root } = make();
      const lock = disk.lock(`${root}/.lock`);
      expect(kindOf(() => disk.lock(`${root}/.lock`))).toBe("locked");
      lock.release();
      lock.release();
      disk.lock(`${root}/.lock`).release();
      expect(disk.exists(`${root}/.lock`)).toBe(true);
    });

    test("the volume has room", () => {
      const { disk, root } = make();
      const { totalBytes, usableBytes } = disk.volume(root);
      expect(totalBytes).toBeGreaterThan(0);
      expect(usableBytes).toBeGreaterThan(0);
      expect(usableBytes).toBeLessThanOrEqual(totalBytes);
    });
  });
}
