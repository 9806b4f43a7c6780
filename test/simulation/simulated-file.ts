/** An open file of a SimulatedDisk. */
import { DiskError, type DiskFile } from "../../storage/disk.ts";
import type { DiskOperation } from "./disk-faults.ts";
import type { SimulatedDisk } from "./simulated-disk.ts";
import type { SimulatedInode } from "./simulated-inode.ts";

export class SimulatedFile implements DiskFile {
  private readonly disk: SimulatedDisk;
  private readonly inode: SimulatedInode;
  /** The name it was opened by, for faults and errors. */
  private readonly path: string;
  private readonly run: number;
  private closed = false;
  private readsAtHand = 0;

  constructor(disk: SimulatedDisk, inode: SimulatedInode, path: string, run: number) {
    this.disk = disk;
    this.inode = inode;
    this.path = path;
    this.run = run;
  }

  get sizeBytes(): number {
    return this.inode.sizeBytes;
  }

  append(chunks: readonly Buffer[]): number {
    this.begin("append");
    const position = this.inode.sizeBytes;
    const bytes = Buffer.concat(chunks);
    this.disk.reserve(bytes.length, this.path);
    this.disk.write(this.inode, position, bytes);
    return position;
  }

  read(position: number, target: Buffer): number {
    this.begin("read");
    return this.inode.read(position, target);
  }

  async readLarge(position: number, target: Buffer): Promise<number> {
    this.mustBeOpen();
    return this.disk.complete("read", this.path, () => {
      this.disk.begin("read", this.path);
      return this.inode.read(position, target);
    });
  }

  /** All of it, half, or nothing, in turn. */
  readAtHand(position: number, target: Buffer): number {
    this.mustBeOpen();
    const part = target.subarray(0, Math.ceil((target.length * (this.readsAtHand++ % 3)) / 2));
    return this.inode.read(position, part);
  }

  truncate(sizeBytes: number): void {
    this.begin("truncate");
    this.inode.truncate(sizeBytes);
  }

  async sync(): Promise<void> {
    this.mustBeOpen();
    await this.disk.complete("sync", this.path, () => this.disk.syncInode(this.inode, this.path));
  }

  close(): void {
    this.closed = true;
  }

  private begin(operation: DiskOperation): void {
    this.mustBeOpen();
    this.disk.begin(operation, this.path);
  }

  private mustBeOpen(): void {
    if (this.closed || !this.disk.alive(this.run)) throw new DiskError("gone", this.path);
  }
}
