/**
 * The disk of one life of a node: when the life is over it refuses everything, and what was open is closed.
 */
import { type Disk, DiskError, type DiskFile, type DiskLock } from "../../storage/disk.ts";
import type { Life } from "./life.ts";

export class LivingDisk implements Disk {
  private readonly disk: Disk;
  private readonly life: Life;
  private readonly locks = new Set<DiskLock>();
  private readonly files = new Set<DiskFile>();

  constructor(disk: Disk, life: Life) {
    this.disk = disk;
    this.life = life;
  }

  /** Closes files and gives up locks, as the end of a process does. */
  end(): void {
    for (const file of this.files) file.close();
    for (const lock of this.locks) lock.release();
    this.files.clear();
    this.locks.clear();
  }

  open(path: string, options: { readonly create: boolean }): DiskFile {
    const file = this.at(path).open(path, options);
    this.files.add(file);
    return new LivingFile(file, path, this.life, () => this.files.delete(file));
  }

  readFile(path: string): Buffer {
    return this.at(path).readFile(path);
  }

  writeFile(path: string, content: Buffer | string): void {
    this.at(path).writeFile(path, content);
  }

  syncFile(path: string): Promise<void> {
    return this.life.outcome(this.at(path).syncFile(path));
  }

  exists(path: string): boolean {
    return this.at(path).exists(path);
  }

  list(path: string): ReturnType<Disk["list"]> {
    return this.at(path).list(path);
  }

  rename(from: string, to: string): void {
    this.at(from).rename(from, to);
  }

  remove(path: string): void {
    this.at(path).remove(path);
  }

  removeTree(path: string): Promise<void> {
    return this.life.outcome(this.at(path).removeTree(path));
  }

  makeDirectory(path: string): void {
    this.at(path).makeDirectory(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.life.outcome(this.at(path).syncDirectory(path));
  }

  volume(path: string): ReturnType<Disk["volume"]> {
    return this.at(path).volume(path);
  }

  lock(path: string): DiskLock {
    const lock = this.at(path).lock(path);
    this.locks.add(lock);
    return {
      release: () => {
        this.locks.delete(lock);
        lock.release();
      },
    };
  }

  /** @throws DiskError gone: the life is over. */
  private at(path: string): Disk {
    if (!this.life.isAlive) throw new DiskError("gone", path);
    return this.disk;
  }
}

class LivingFile implements DiskFile {
  private readonly inner: DiskFile;
  private readonly path: string;
  private readonly life: Life;
  private readonly onClosed: () => void;

  constructor(inner: DiskFile, path: string, life: Life, onClosed: () => void) {
    this.inner = inner;
    this.path = path;
    this.life = life;
    this.onClosed = onClosed;
  }

  get sizeBytes(): number {
    return this.inner.sizeBytes;
  }

  append(chunks: readonly Buffer[]): number {
    return this.open.append(chunks);
  }

  read(position: number, target: Buffer): number {
    return this.open.read(position, target);
  }

  readLarge(position: number, target: Buffer): Promise<number> {
    return this.life.outcome(this.open.readLarge(position, target));
  }

  readAtHand(position: number, target: Buffer): number {
    return this.open.readAtHand(position, target);
  }

  truncate(sizeBytes: number): void {
    this.open.truncate(sizeBytes);
  }

  sync(): Promise<void> {
    return this.life.outcome(this.open.sync());
  }

  close(): void {
    this.onClosed();
    this.inner.close();
  }

  /** @throws DiskError gone: the life is over. */
  private get open(): DiskFile {
    if (!this.life.isAlive) throw new DiskError("gone", this.path);
    return this.inner;
  }
}
