/**
 * A node's disk with the faults that rules ask for: full, failing, slow.
 *
 * Owns: which operation meets which fault. A slow write or read holds up the whole node, as its one event loop waits for the
 * device; what is asynchronous (syncs, large reads) only comes later. Leaves to its maker: how a node is held up.
 */
import { type Disk, DiskError, type DiskFile, type DiskLock } from "../../storage/disk.ts";
import type { DiskOperation } from "./fault-rule.ts";
import type { FaultRules } from "./fault-rules.ts";
import type { LinkEnd, Links } from "./links.ts";

export class FaultyDisk implements Disk {
  private readonly disk: Disk;
  private readonly own: LinkEnd;
  private readonly rules: FaultRules;
  private readonly links: Links;
  private readonly holdUp: (delayMs: number) => void;

  /** @param holdUp nothing of the node runs for so long. */
  constructor(disk: Disk, own: LinkEnd, rules: FaultRules, links: Links, holdUp: (delayMs: number) => void) {
    this.disk = disk;
    this.own = own;
    this.rules = rules;
    this.links = links;
    this.holdUp = holdUp;
  }

  open(path: string, options: { readonly create: boolean }): DiskFile {
    if (options.create) this.now("write", path);
    return new FaultyFile(this.disk.open(path, options), path, this);
  }

  readFile(path: string): Buffer {
    this.now("read", path);
    return this.disk.readFile(path);
  }

  writeFile(path: string, content: Buffer | string): void {
    this.now("write", path);
    this.disk.writeFile(path, content);
  }

  async syncFile(path: string): Promise<void> {
    await this.later("sync", path);
    return this.disk.syncFile(path);
  }

  exists(path: string): boolean {
    return this.disk.exists(path);
  }

  list(path: string): ReturnType<Disk["list"]> {
    return this.disk.list(path);
  }

  rename(from: string, to: string): void {
    this.disk.rename(from, to);
  }

  remove(path: string): void {
    this.disk.remove(path);
  }

  removeTree(path: string): Promise<void> {
    return this.disk.removeTree(path);
  }

  makeDirectory(path: string): void {
    this.now("write", path);
    this.disk.makeDirectory(path);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.later("sync", path);
    return this.disk.syncDirectory(path);
  }

  /** A full disk has no room, whatever the volume beneath has. */
  volume(path: string): ReturnType<Disk["volume"]> {
    const volume = this.disk.volume(path);
    const isFull = this.rules.disks.some(
      ({ rule }) => rule.disk === "full" && rule.topic === undefined && this.isMeant(rule.node),
    );
    return isFull ? { ...volume, usableBytes: 0 } : volume;
  }

  lock(path: string): DiskLock {
    return this.disk.lock(path);
  }

  get hasRules(): boolean {
    return this.rules.disks.length > 0;
  }

  /** An operation begins whose outcome is there at once. @throws DiskError */
  now(operation: DiskOperation, path: string): void {
    const delayMs = this.strike(operation, path);
    if (delayMs > 0) this.holdUp(delayMs);
  }

  /** The same of one whose outcome is waited for. */
  async later(operation: DiskOperation, path: string): Promise<void> {
    const delayMs = this.strike(operation, path);
    if (delayMs > 0) await new Promise<void>((resolve) => this.links.after(delayMs, resolve));
  }

  /** How much longer the operation takes. @throws DiskError full, io. */
  private strike(operation: DiskOperation, path: string): number {
    for (const fault of this.rules.disks) {
      const { disk, node, topic, operation: meant, delayMs = 0 } = fault.rule;
      if (
        !this.isMeant(node) ||
        (topic !== undefined && !liesIn(topic, path)) ||
        (meant !== undefined && meant !== operation)
      )
        continue;
      if (disk === "full" && operation !== "write") continue;
      if (!fault.strikes()) continue;
      if (disk === "full") throw new DiskError("full", path);
      if (disk === "error") throw new DiskError("io", path);
      return delayMs;
    }
    return 0;
  }

  private isMeant(node: number | "controller" | undefined): boolean {
    return node === undefined || node === this.own;
  }
}

/** Whether a path leads into a directory of one of the topic's partitions, "topic-3" or "topic-3.some-suffix". */
function liesIn(topic: string, path: string): boolean {
  return path
    .split("/")
    .some((name) => name.startsWith(`${topic}-`) && /^\d+($|\.)/.test(name.slice(topic.length + 1)));
}

class FaultyFile implements DiskFile {
  private readonly inner: DiskFile;
  private readonly path: string;
  private readonly disk: FaultyDisk;

  constructor(inner: DiskFile, path: string, disk: FaultyDisk) {
    this.inner = inner;
    this.path = path;
    this.disk = disk;
  }

  get sizeBytes(): number {
    return this.inner.sizeBytes;
  }

  append(chunks: readonly Buffer[]): number {
    this.disk.now("write", this.path);
    return this.inner.append(chunks);
  }

  read(position: number, target: Buffer): number {
    this.disk.now("read", this.path);
    return this.inner.read(position, target);
  }

  async readLarge(position: number, target: Buffer): Promise<number> {
    await this.disk.later("read", this.path);
    return this.inner.readLarge(position, target);
  }

  readAtHand(position: number, target: Buffer): number {
    // Where faults are asked for, each read meets them once.
    return this.disk.hasRules ? 0 : this.inner.readAtHand(position, target);
  }

  truncate(sizeBytes: number): void {
    this.inner.truncate(sizeBytes);
  }

  async sync(): Promise<void> {
    await this.disk.later("sync", this.path);
    return this.inner.sync();
  }

  close(): void {
    this.inner.close();
  }
}
