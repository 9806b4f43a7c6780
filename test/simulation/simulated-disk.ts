/**
 * A disk that fails as disks do, when the seed or the test says so.
 *
 * Owns: the order of operations, their faults and latencies, and the moment the power goes. Leaves to SimulatedInode
 * what becomes of bytes, to NameJournal what becomes of names.
 * Invariant: what was synced, and only that, is sure to be there after a power cut (but for faults that corrupt).
 */
import { type DirectoryEntry, type Disk, DiskError, type DiskFile, type DiskLock } from "../../storage/disk.ts";
import { DiskFaults, type DiskOperation, PERSIST_STEPS } from "./disk-faults.ts";
import { NameJournal } from "./name-journal.ts";
import type { SeededRandom } from "./seeded-random.ts";
import { SimulatedFile } from "./simulated-file.ts";
import { SimulatedInode, type Unsynced } from "./simulated-inode.ts";

/** Runs something at a virtual time from now. */
export type Later = (kind: string, delayMs: number, run: () => void) => void;

/** The power is gone: whoever was running stops here. Not an error that code should know. */
export class PowerCut extends Error {
  override readonly name = "PowerCut";
}

export interface SimulatedDiskOptions {
  readonly random: SeededRandom;
  /** Where completions go; at once when left out. */
  readonly later?: Later;
  /** Milliseconds that a sync or a large read takes. */
  readonly latencyMs?: () => number;
  readonly volumeBytes?: number;
}

export interface CrashOptions {
  readonly powerLoss: boolean;
  /** Of each file, for a power loss; "random" when left out. */
  readonly unsynced?: Unsynced | ((path: string, durableBytes: number, sizeBytes: number) => Unsynced);
  /** Changes of names that were not synced. */
  readonly names?: "kept" | "dropped" | "random";
}

const UNBOUNDED_BYTES = 2 ** 40;

export class SimulatedDisk implements Disk {
  readonly faults: DiskFaults;
  /** On top of what a sync or a large read takes: a device in trouble. */
  slowByMs = 0;
  /** Operations so far that change the disk. */
  persistSteps = 0;
  /** How often each operation was asked for. */
  readonly operations = new Map<DiskOperation, number>();
  private readonly random: SeededRandom;
  private readonly later: Later;
  private readonly latencyMs: () => number;
  private readonly names = new NameJournal<SimulatedInode>();
  private readonly locks = new Set<string>();
  private readonly misdirected = new Map<
    SimulatedInode,
    { readonly inode: SimulatedInode; readonly position: number }
  >();
  private volumeBytes: number;
  private elsewhere: RegExp | undefined;
  private run = 0;
  private cutAtStep = Number.POSITIVE_INFINITY;
  private dead = false;

  constructor(options: SimulatedDiskOptions) {
    this.random = options.random;
    this.later = options.later ?? ((_kind, _delayMs, run) => run());
    this.latencyMs = options.latencyMs ?? (() => 0);
    this.volumeBytes = options.volumeBytes ?? UNBOUNDED_BYTES;
    this.faults = new DiskFaults(options.random.split("faults"));
  }

  /** The power goes before the given number of further changes is exceeded: that operation throws PowerCut, as all do then. */
  cutPowerAfter(steps: number): void {
    this.cutAtStep = this.persistSteps + steps;
  }

  /** Whether the power is gone: nothing works until crash() says what is left. */
  get hasNoPower(): boolean {
    return this.dead;
  }

  /** The node is gone. With the power lost, decides what the disk holds when it is back. */
  crash(options: CrashOptions): void {
    this.run++;
    this.locks.clear();
    this.dead = false;
    this.cutAtStep = Number.POSITIVE_INFINITY;
    if (!options.powerLoss) return;
    const { names = "random", unsynced = "random" } = options;
    this.names.crash((pending) =>
      names === "kept" ? pending : names === "dropped" ? 0 : this.random.between(0, pending),
    );
    for (const [path, inode] of this.filesWithPaths()) {
      const fate = typeof unsynced === "function" ? unsynced(path, inode.durableBytes, inode.sizeBytes) : unsynced;
      inode.crash(fate, this.random);
    }
  }

  resize(volumeBytes: number): void {
    this.volumeBytes = volumeBytes;
  }

  /** Somebody else's files take what room there is, but so many bytes. @param elsewhere what lies on another volume. */
  fill(leftBytes: number, elsewhere?: RegExp): void {
    this.volumeBytes = this.usedBytes() + leftBytes;
    this.elsewhere = elsewhere;
  }

  /** They are gone again. */
  makeRoom(): void {
    this.volumeBytes = UNBOUNDED_BYTES;
  }

  /** Flips bits of a byte, as a device that lies does. */
  corrupt(path: string, position: number, mask = 0x01): void {
    this.names.tree.file(path).flip(position, mask);
  }

  /** The next append to a file lands in another one instead, at a position; its own place stays empty. */
  misdirectNextAppend(path: string, toPath: string, toPosition: number): void {
    this.misdirected.set(this.names.tree.file(path), { inode: this.names.tree.file(toPath), position: toPosition });
  }

  /** The file is not there any more, and nobody was told. */
  lose(path: string): void {
    this.names.change([parentOf(path)], (tree) => tree.remove(path));
  }

  open(path: string, options: { readonly create: boolean }): DiskFile {
    this.begin("open", path);
    if (options.create && this.names.tree.find(path) === undefined) {
      this.put(path, new SimulatedInode());
    }
    return new SimulatedFile(this, this.names.tree.file(path), path, this.run);
  }

  readFile(path: string): Buffer {
    this.begin("readFile", path);
    const inode = this.names.tree.file(path);
    const whole = Buffer.alloc(inode.sizeBytes);
    inode.read(0, whole);
    return whole;
  }

  writeFile(path: string, content: Buffer | string): void {
    this.begin("writeFile", path);
    const bytes = Buffer.from(content);
    if (this.names.tree.find(path) === undefined) this.put(path, new SimulatedInode());
    const inode = this.names.tree.file(path);
    this.reserve(bytes.length - inode.sizeBytes, path);
    inode.truncate(0);
    inode.write(0, bytes);
  }

  async syncFile(path: string): Promise<void> {
    const inode = this.names.tree.file(path);
    await this.complete("sync", path, () => this.syncInode(inode, path));
  }

  exists(path: string): boolean {
    this.mustHavePower();
    return this.names.tree.find(path) !== undefined;
  }

  list(path: string): DirectoryEntry[] {
    this.begin("list", path);
    return this.names.tree.list(path);
  }

  rename(from: string, to: string): void {
    this.begin("rename", from);
    this.names.change([parentOf(from), parentOf(to)], (tree) => tree.rename(from, to), from);
  }

  remove(path: string): void {
    this.begin("remove", path);
    this.names.change([parentOf(path)], (tree) => tree.remove(path));
  }

  async removeTree(path: string): Promise<void> {
    await this.complete("remove", path, () => {
      this.begin("remove", path);
      this.names.change([parentOf(path)], (tree) => tree.removeTree(path), path);
    });
  }

  makeDirectory(path: string): void {
    this.begin("makeDirectory", path);
    const names = path.split("/").filter((name) => name !== "");
    for (let i = 1; i <= names.length; i++) {
      const directory = `/${names.slice(0, i).join("/")}`;
      if (this.names.tree.find(directory) !== undefined && i < names.length) continue;
      this.names.change([parentOf(directory)], (tree) => tree.makeDirectory(directory));
    }
  }

  async syncDirectory(path: string): Promise<void> {
    this.names.tree.directory(path);
    await this.complete("syncDirectory", path, () => {
      this.begin("syncDirectory", path);
      // It may have been renamed or removed meanwhile: the descriptor is what counts, and its names are what they are.
      if (this.names.tree.find(path) !== undefined) this.names.sync(path);
    });
  }

  volume(path: string): { readonly totalBytes: number; readonly usableBytes: number } {
    this.begin("volume", path);
    return { totalBytes: this.volumeBytes, usableBytes: Math.max(0, this.volumeBytes - this.usedBytes()) };
  }

  lock(path: string): DiskLock {
    this.begin("lock", path);
    if (this.locks.has(path)) throw new DiskError("locked", path);
    if (this.names.tree.find(path) === undefined) this.put(path, new SimulatedInode());
    this.locks.add(path);
    const run = this.run;
    return { release: () => void (run === this.run && this.locks.delete(path)) };
  }

  usedBytes(): number {
    let usedBytes = 0;
    for (const inode of this.names.tree.files()) usedBytes += inode.sizeBytes;
    return usedBytes;
  }

  /** Every file with its path, in the order of the paths. */
  filesWithPaths(): [string, SimulatedInode][] {
    const found: [string, SimulatedInode][] = [];
    const visit = (path: string) => {
      for (const { name, kind } of this.names.tree.list(path)) {
        const child = `${path}/${name}`;
        if (kind === "directory") visit(child);
        else found.push([child, this.names.tree.file(child)]);
      }
    };
    visit("");
    return found;
  }

  /** Only for SimulatedFile. */
  write(inode: SimulatedInode, position: number, bytes: Buffer): void {
    const elsewhere = this.misdirected.get(inode);
    this.misdirected.delete(inode);
    elsewhere?.inode.write(elsewhere.position, bytes);
    inode.write(position, elsewhere === undefined ? bytes : Buffer.alloc(bytes.length));
  }

  /** The files right in a directory, in the order of their names; none when it is not there. */
  filesIn(directory: string): [string, SimulatedInode][] {
    if (this.names.tree.find(directory) === undefined) return [];
    return this.names.tree
      .list(directory)
      .filter(({ kind }) => kind === "file")
      .map(({ name }) => [name, this.names.tree.file(`${directory}/${name}`)]);
  }

  /** Only for SimulatedFile: counts a step, and fails as the rules say. @throws DiskError, PowerCut. */
  begin(operation: DiskOperation, path: string): void {
    this.mustHavePower();
    this.operations.set(operation, (this.operations.get(operation) ?? 0) + 1);
    if (PERSIST_STEPS.has(operation) && ++this.persistSteps > this.cutAtStep) this.dead = true;
    this.mustHavePower();
    this.faults.check(operation, path);
  }

  /** Only for SimulatedFile. */
  alive(run: number): boolean {
    return run === this.run;
  }

  /** Only for SimulatedFile. @throws DiskError full. */
  reserve(addedBytes: number, path: string): void {
    // Counting everything is slow: only where there is a limit to reach.
    if (addedBytes <= 0 || this.volumeBytes >= UNBOUNDED_BYTES || this.elsewhere?.test(path) === true) return;
    if (this.usedBytes() + addedBytes > this.volumeBytes) {
      throw new DiskError("full", path);
    }
  }

  /** Only for SimulatedFile: what takes its time. It never ends when the node or the power is gone by then. */
  complete<T>(kind: string, path: string, finish: () => T): Promise<T> {
    this.mustHavePower();
    const run = this.run;
    return new Promise((resolve, reject) => {
      this.later(`disk ${kind} ${path}`, this.latencyMs() + this.slowByMs, () => {
        if (run !== this.run || this.dead) return;
        try {
          resolve(finish());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Only for SimulatedFile. */
  syncInode(inode: SimulatedInode, path: string): void {
    try {
      this.begin("sync", path);
    } catch (error) {
      inode.failSync();
      throw error;
    }
    inode.sync();
  }

  private put(path: string, inode: SimulatedInode): void {
    this.names.change([parentOf(path)], (tree) => tree.put(path, inode));
  }

  private mustHavePower(): void {
    if (this.dead) throw new PowerCut("the power is gone");
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
