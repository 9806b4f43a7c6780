/**
 * The disk as an argument. Calls are synchronous (the page cache answers in microseconds), save those that may stall:
 * syncs, large reads, removal of trees.
 *
 * Paths use "/" and are absolute for node-disk; memory and simulated disks treat them as names.
 */
export type DiskErrorKind =
  /** No space, or a quota is used up. */
  | "full"
  /** The device failed: what was written since the last sync must be taken for lost. */
  | "io"
  /** The file or directory is not there. */
  | "gone"
  /** It is there already, or is not of the kind expected. */
  | "exists"
  /** Too many open files. */
  | "handles"
  /** Not permitted, read-only. */
  | "denied"
  /** Another process holds the lock. */
  | "locked";

export class DiskError extends Error {
  override readonly name = "DiskError";
  readonly kind: DiskErrorKind;
  readonly path: string;

  constructor(kind: DiskErrorKind, path: string, options?: ErrorOptions) {
    super(`${kind}: ${path}`, options);
    this.kind = kind;
    this.path = path;
  }
}

export interface DiskFile {
  /** Bytes appended so far, whether or not they are synced. */
  readonly sizeBytes: number;
  /**
   * Appends the chunks, in order, as one piece; returns the position of the first byte. When it returns, the operating
   * system has the bytes. Takes no ownership: the caller may reuse the chunks. A short write is cut back and thrown.
   * @throws DiskError the file is then as it was.
   */
  append(chunks: readonly Buffer[]): number;
  /** Reads into `target` from `position`; returns how many bytes there were. For up to 64 KiB. */
  read(position: number, target: Buffer): number;
  /** The same off the loop, for large or cold reads. */
  readLarge(position: number, target: Buffer): Promise<number>;
  /** Reads as much of it as is quickly had, which may be nothing: readLarge() gives the rest. */
  readAtHand(position: number, target: Buffer): number;
  /** Cuts the file to `sizeBytes`, which is not above its size. */
  truncate(sizeBytes: number): void;
  /** Data and size are on the device when it resolves. @throws DiskError: all unsynced data counts as lost. */
  sync(): Promise<void>;
  close(): void;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "other";
}

export interface DiskLock {
  release(): void;
}

export interface Disk {
  /** Opens for appending and reading; makes the file when `create`. @throws DiskError gone, exists (a directory), denied, handles. */
  open(path: string, options: { readonly create: boolean }): DiskFile;
  /** The whole of a small file. @throws DiskError gone. */
  readFile(path: string): Buffer;
  /** Replaces a small file's content in one piece; not atomic (write to another name, sync, rename). */
  writeFile(path: string, content: Buffer | string): void;
  /** Syncs a file that is not open here. */
  syncFile(path: string): Promise<void>;
  exists(path: string): boolean;
  /** Entries of a directory in the order of their names. @throws DiskError gone. */
  list(path: string): DirectoryEntry[];
  /** Replaces what stands at `to`. Survives a power cut once the directory is synced. */
  rename(from: string, to: string): void;
  /** Removes a file. @throws DiskError gone. */
  remove(path: string): void;
  /** Removes a directory and what is in it; silent when it is gone. */
  removeTree(path: string): Promise<void>;
  /** Makes a directory and those above it; silent when it is there. */
  makeDirectory(path: string): void;
  syncDirectory(path: string): Promise<void>;
  /** Space of the volume that holds `path`. */
  volume(path: string): { readonly totalBytes: number; readonly usableBytes: number };
  /** Takes the lock file for this process until released or the process ends. @throws DiskError locked. */
  lock(path: string): DiskLock;
}
