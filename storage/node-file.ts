/**
 * One file of the operating system, written at its end only.
 *
 * Owns: that an append is whole or not at all, and what a failed sync means. Leaves to NodeOpenFiles: the descriptor.
 * Invariant: `sizeBytes` is the end of the last whole append. After a failed sync or a cut that failed, the file can only be
 * read: the kernel reports lost pages once, so a later sync that succeeds says nothing about them.
 */
import { constants, fdatasync, ftruncateSync, read, readSync, writeSync, writevSync } from "node:fs";
import { DiskError, type DiskFile } from "./disk.ts";
import { toDiskError } from "./node-disk-error.ts";
import { FileWarmth } from "./node-file-warmth.ts";
import type { NodeOpenFiles, OpenFile } from "./node-open-files.ts";
import { withSyncTurn } from "./node-sync-turns.ts";

export class NodeFile implements DiskFile, OpenFile {
  path: string;
  descriptor: number;
  usedAt = 0;
  pins = 0;
  removed = false;
  closed = false;
  /** True at first: what an earlier process wrote may not be on the device. */
  dirty = true;
  sizeBytes: number;
  private readonly files: NodeOpenFiles;
  private readonly warmth = new FileWarmth();
  private failure: DiskError | undefined;
  private running: Promise<void> | undefined;
  /** The sync after the one that runs; all who ask meanwhile share it. */
  private next: Promise<void> | undefined;

  constructor(files: NodeOpenFiles, path: string, descriptor: number, sizeBytes: number) {
    this.files = files;
    this.path = path;
    this.descriptor = descriptor;
    this.sizeBytes = sizeBytes;
  }

  append(chunks: readonly Buffer[]): number {
    const position = this.sizeBytes;
    let totalBytes = 0;
    for (const chunk of chunks) totalBytes += chunk.length;
    if (totalBytes === 0) return position;
    const descriptor = this.writable();
    this.dirty = true;
    try {
      const first = chunks[0] as Buffer;
      let written =
        chunks.length === 1
          ? writeSync(descriptor, first, 0, first.length, position)
          : writevSync(descriptor, chunks, position);
      // Asking for the rest gives either the rest or the reason.
      while (written < totalBytes) {
        const more = writevSync(descriptor, chunksFrom(chunks, written), position + written);
        if (more === 0) throw new DiskError("full", this.path);
        written += more;
      }
    } catch (error) {
      this.cutBack(descriptor, position);
      throw toDiskError(error, this.path);
    }
    this.sizeBytes = position + totalBytes;
    return position;
  }

  read(position: number, target: Buffer): number {
    const descriptor = this.readable();
    let done = 0;
    try {
      while (done < target.length) {
        const count = readSync(descriptor, target, done, target.length - done, position + done);
        if (count === 0) break;
        done += count;
      }
    } catch (error) {
      throw toDiskError(error, this.path);
    }
    return done;
  }

  async readLarge(position: number, target: Buffer): Promise<number> {
    const descriptor = this.readable();
    this.pins++;
    try {
      let done = 0;
      while (done < target.length) {
        const count = await readOnce(descriptor, target, done, position + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    } catch (error) {
      throw toDiskError(error, this.path);
    } finally {
      this.files.unpin(this);
    }
  }

  readAtHand(position: number, target: Buffer): number {
    return this.warmth.read(target.length, (offset, end) => this.read(position + offset, target.subarray(offset, end)));
  }

  truncate(sizeBytes: number): void {
    const descriptor = this.writable();
    this.dirty = true;
    try {
      ftruncateSync(descriptor, sizeBytes);
    } catch (error) {
      throw toDiskError(error, this.path);
    }
    this.sizeBytes = sizeBytes;
  }

  sync(): Promise<void> {
    if (this.next !== undefined) return this.next;
    if (this.running === undefined) return this.startSync();
    const restart = () => {
      this.next = undefined;
      return this.startSync();
    };
    this.next = this.running.then(restart, restart);
    return this.next;
  }

  close(): void {
    if (!this.closed) this.files.close(this);
  }

  private startSync(): Promise<void> {
    const running = withSyncTurn(() => this.syncNow()).finally(() => {
      this.running = undefined;
    });
    this.running = running;
    return running;
  }

  private async syncNow(): Promise<void> {
    const descriptor = this.writable();
    if (!this.dirty) return;
    this.pins++;
    try {
      // What is appended from here on may or may not be covered.
      this.dirty = false;
      await dataSync(descriptor);
    } catch (error) {
      this.dirty = true;
      this.failure = toDiskError(error, this.path);
      throw this.failure;
    } finally {
      this.files.unpin(this);
    }
  }

  /** A file that could not be cut back holds a piece of an append that failed: nothing may follow it. */
  private cutBack(descriptor: number, sizeBytes: number): void {
    try {
      ftruncateSync(descriptor, sizeBytes);
    } catch (error) {
      this.failure = toDiskError(error, this.path);
    }
  }

  private readable(): number {
    return this.files.descriptorOf(this, constants.O_RDWR);
  }

  private writable(): number {
    if (this.failure !== undefined) throw this.failure;
    return this.readable();
  }
}

function chunksFrom(chunks: readonly Buffer[], skipBytes: number): Buffer[] {
  const rest: Buffer[] = [];
  let skip = skipBytes;
  for (const chunk of chunks) {
    if (skip < chunk.length) rest.push(skip === 0 ? chunk : chunk.subarray(skip));
    skip = Math.max(0, skip - chunk.length);
  }
  return rest;
}

function readOnce(descriptor: number, target: Buffer, offset: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, target, offset, target.length - offset, position, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}

function dataSync(descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(descriptor, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
}
