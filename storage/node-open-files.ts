/**
 * The file descriptors of one NodeDisk: at most so many are open at a time, whatever the number of logs.
 *
 * Owns: which file has a descriptor (least recently used ones are closed and opened again when needed), and which open
 * file lies where: a renamed file or directory takes its open files along. Leaves reading and writing to NodeFile.
 * Invariant: a file that was removed keeps the descriptor it has, and never gets another: its name may mean a new file.
 */
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path/posix";
import { DiskError } from "./disk.ts";
import { toDiskError } from "./node-disk-error.ts";

const LIMITS_PATH = "/proc/self/limits";
const MAX_DEFAULT = 4096;
/** Where the limit is not told: macOS grants thousands. */
const UNKNOWN_LIMIT = 2048;

/** Half of what the process may open, for sockets need descriptors too. */
export function defaultMaxOpenFiles(): number {
  const limits = existsSync(LIMITS_PATH) ? readFileSync(LIMITS_PATH, "latin1") : "";
  const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
  return Math.min(MAX_DEFAULT, Math.max(16, Math.floor(Number(soft ?? UNKNOWN_LIMIT) / 2)));
}

/** What NodeFile shows of itself here. */
export interface OpenFile {
  path: string;
  /** -1 while it has none. */
  descriptor: number;
  /** Ticks of the last use. */
  usedAt: number;
  /** Asynchronous operations under way on the descriptor. */
  pins: number;
  /** Written since its last sync: closed only when nothing else is left, for a descriptor carries the error of a failed write-back. */
  dirty: boolean;
  removed: boolean;
  closed: boolean;
}

export class NodeOpenFiles {
  private readonly maxOpen: number;
  private readonly withDescriptor = new Set<OpenFile>();
  private readonly byDirectory = new Map<string, Set<OpenFile>>();
  /** The directories that lie in a directory and hold open files, themselves or further down. */
  private readonly below = new Map<string, Set<string>>();
  private ticks = 0;

  constructor(maxOpen: number) {
    this.maxOpen = maxOpen;
  }

  get openCount(): number {
    return this.withDescriptor.size;
  }

  /** Takes up a file that has just been opened. */
  add(file: OpenFile): void {
    this.refile(file);
    this.took(file);
  }

  /** The file's descriptor, opened again when it was closed meanwhile. @throws DiskError gone, handles. */
  descriptorOf(file: OpenFile, flags: number): number {
    file.usedAt = ++this.ticks;
    if (file.descriptor >= 0) return file.descriptor;
    if (file.closed || file.removed) throw new DiskError("gone", file.path);
    file.descriptor = this.openDescriptor(file.path, flags);
    this.took(file);
    return file.descriptor;
  }

  /** Opens, closing others when the process has no descriptor left. */
  openDescriptor(path: string, flags: number): number {
    try {
      return openSync(path, flags, 0o644);
    } catch (error) {
      const failure = toDiskError(error, path);
      if (failure.kind !== "handles" || this.closeOldest(this.withDescriptor.size / 2) === 0) throw failure;
    }
    try {
      return openSync(path, flags, 0o644);
    } catch (error) {
      throw toDiskError(error, path);
    }
  }

  /** The last use of a file by its owner: its descriptor goes when no operation is under way. */
  close(file: OpenFile): void {
    file.closed = true;
    this.forget(file);
    this.closeDescriptor(file);
  }

  unpin(file: OpenFile): void {
    file.pins--;
    if (file.closed) this.closeDescriptor(file);
  }

  /** The files of what was renamed, a file or a directory, follow it; what lay open at `to` was replaced. */
  renamed(from: string, to: string): void {
    this.removed(to);
    const files = this.byDirectory.get(dirname(from));
    for (const file of files ?? []) {
      if (file.path !== from) continue;
      this.forget(file);
      file.path = to;
      this.refile(file);
    }
    for (const directory of this.directoriesAt(from)) {
      const moved = this.byDirectory.get(directory);
      this.byDirectory.delete(directory);
      this.unlink(directory);
      for (const file of moved ?? []) {
        file.path = to + file.path.slice(from.length);
        this.refile(file);
      }
    }
  }

  removed(path: string): void {
    const files = this.byDirectory.get(dirname(path));
    for (const file of files ?? []) if (file.path === path) this.detach(file);
    for (const directory of this.directoriesAt(path)) {
      for (const file of this.byDirectory.get(directory) ?? []) this.detach(file);
    }
  }

  /** For systems that refuse to rename what is open. */
  closeDescriptorsUnder(path: string): void {
    for (const file of [...this.withDescriptor]) {
      if (file.path === path || file.path.startsWith(`${path}/`)) this.closeDescriptor(file);
    }
  }

  /** The directory and those below it, as far as they hold open files. */
  private directoriesAt(path: string): string[] {
    const found = this.byDirectory.has(path) ? [path] : [];
    for (const child of this.below.get(path) ?? []) found.push(...this.directoriesAt(child));
    return found;
  }

  private link(directory: string): void {
    const parent = dirname(directory);
    const siblings = this.below.get(parent);
    if (siblings !== undefined) {
      siblings.add(directory);
      return;
    }
    this.below.set(parent, new Set([directory]));
    if (parent !== dirname(parent)) this.link(parent);
  }

  private unlink(directory: string): void {
    if (this.byDirectory.has(directory) || this.below.has(directory)) return;
    const parent = dirname(directory);
    const siblings = this.below.get(parent);
    if (siblings?.delete(directory) !== true || siblings.size > 0) return;
    this.below.delete(parent);
    if (parent !== dirname(parent)) this.unlink(parent);
  }

  private detach(file: OpenFile): void {
    file.removed = true;
    this.forget(file);
  }

  private forget(file: OpenFile): void {
    const directory = dirname(file.path);
    const files = this.byDirectory.get(directory);
    if (files?.delete(file) !== true || files.size > 0) return;
    this.byDirectory.delete(directory);
    this.unlink(directory);
  }

  private refile(file: OpenFile): void {
    const directory = dirname(file.path);
    const files = this.byDirectory.get(directory);
    if (files !== undefined) {
      files.add(file);
      return;
    }
    this.byDirectory.set(directory, new Set([file]));
    this.link(directory);
  }

  private took(file: OpenFile): void {
    file.usedAt = ++this.ticks;
    this.withDescriptor.add(file);
    // A quarter at a time, so that sorting costs little per file.
    if (this.withDescriptor.size > this.maxOpen) this.closeOldest(this.maxOpen / 4, file);
  }

  /** Closes about `count` of those that nobody is using, synced ones first; returns how many. */
  private closeOldest(count: number, except?: OpenFile): number {
    const idle = [...this.withDescriptor].filter((file) => file.pins === 0 && !file.removed && file !== except);
    idle.sort((a, b) => Number(a.dirty) - Number(b.dirty) || a.usedAt - b.usedAt);
    const chosen = idle.slice(0, Math.max(1, Math.floor(count)));
    for (const file of chosen) this.closeDescriptor(file);
    return chosen.length;
  }

  private closeDescriptor(file: OpenFile): void {
    if (file.descriptor < 0 || file.pins > 0) return;
    closeSync(file.descriptor);
    file.descriptor = -1;
    this.withDescriptor.delete(file);
  }
}
