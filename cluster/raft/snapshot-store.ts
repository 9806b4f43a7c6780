/**
 * The snapshots beside the metadata log: files that are written once and read in pieces (KIP-630).
 *
 * Owns: which there are, and that a file under its final name is whole. Leaves to snapshot-format.ts what is inside, to
 * metadata-log.ts which may go.
 */
import type { Disk, DiskFile } from "../../storage/disk.ts";
import {
  compareSnapshotIds,
  type DecodedSnapshot,
  decodeSnapshot,
  parseSnapshotName,
  type SnapshotId,
  snapshotName,
} from "../metadata/snapshot-format.ts";

const PART = ".part";

/** A snapshot under way: written here, or downloaded from the leader. */
export interface SnapshotWriter {
  readonly id: SnapshotId;
  readonly sizeBytes: number;
  append(bytes: Buffer): void;
  /** Makes it one of the store's; when it resolves it is on the device under its name. */
  finish(): Promise<void>;
  discard(): void;
}

export class SnapshotStore {
  private readonly disk: Disk;
  private readonly directory: string;
  /** Ascending. */
  private readonly ids: SnapshotId[] = [];

  private constructor(disk: Disk, directory: string) {
    this.disk = disk;
    this.directory = directory;
  }

  /** Finds the snapshots of a directory; what was not finished, or was about to go, goes. */
  static open(disk: Disk, directory: string): SnapshotStore {
    const store = new SnapshotStore(disk, directory);
    for (const { name } of disk.list(directory)) {
      const parsed = parseSnapshotName(name);
      if (parsed === undefined) continue;
      if (parsed.state === "whole") store.ids.push(parsed.id);
      else disk.remove(`${directory}/${name}`);
    }
    store.ids.sort(compareSnapshotIds);
    return store;
  }

  get all(): readonly SnapshotId[] {
    return this.ids;
  }

  get latest(): SnapshotId | undefined {
    return this.ids.at(-1);
  }

  get earliest(): SnapshotId | undefined {
    return this.ids[0];
  }

  has(id: SnapshotId): boolean {
    return this.ids.some((each) => compareSnapshotIds(each, id) === 0);
  }

  sizeBytes(id: SnapshotId): number {
    return this.withFile(id, (file) => file.sizeBytes);
  }

  /** A piece of a snapshot, cut anywhere. @throws DiskError gone. */
  async read(id: SnapshotId, position: number, maxBytes: number): Promise<Buffer> {
    const file = this.disk.open(this.pathOf(id), { create: false });
    try {
      const piece = Buffer.allocUnsafe(Math.max(0, Math.min(maxBytes, file.sizeBytes - position)));
      const read = await file.readLarge(position, piece);
      return piece.subarray(0, read);
    } finally {
      file.close();
    }
  }

  /** @throws CorruptMetadata, DiskError gone. */
  async load(id: SnapshotId): Promise<DecodedSnapshot> {
    return decodeSnapshot(await this.read(id, 0, Number.MAX_SAFE_INTEGER));
  }

  create(id: SnapshotId): SnapshotWriter {
    const path = this.pathOf(id);
    const part = path + PART;
    if (this.disk.exists(part)) this.disk.remove(part);
    const file = this.disk.open(part, { create: true });
    return {
      id,
      get sizeBytes(): number {
        return file.sizeBytes;
      },
      append: (bytes) => {
        file.append([bytes]);
      },
      finish: async () => {
        await file.sync();
        file.close();
        this.disk.rename(part, path);
        await this.disk.syncDirectory(this.directory);
        if (!this.has(id)) this.ids.push(id);
        this.ids.sort(compareSnapshotIds);
      },
      discard: () => {
        file.close();
        if (this.disk.exists(part)) this.disk.remove(part);
      },
    };
  }

  remove(id: SnapshotId): void {
    const at = this.ids.findIndex((each) => compareSnapshotIds(each, id) === 0);
    if (at < 0) return;
    this.ids.splice(at, 1);
    if (this.disk.exists(this.pathOf(id))) this.disk.remove(this.pathOf(id));
  }

  private withFile<T>(id: SnapshotId, use: (file: DiskFile) => T): T {
    const file = this.disk.open(this.pathOf(id), { create: false });
    try {
      return use(file);
    } finally {
      file.close();
    }
  }

  private pathOf(id: SnapshotId): string {
    return `${this.directory}/${snapshotName(id)}`;
  }
}
