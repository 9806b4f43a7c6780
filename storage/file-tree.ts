/**
 * A tree of names in memory: directories hold files or directories, as on a POSIX file system.
 *
 * Owns: paths, and which error a wrong one gives. Leaves to the disks what a file is.
 */
import { type DirectoryEntry, DiskError } from "./disk.ts";

export class TreeDirectory<F> {
  readonly entries = new Map<string, F | TreeDirectory<F>>();
}

interface Place<F> {
  readonly parent: TreeDirectory<F>;
  readonly name: string;
}

export class FileTree<F extends object> {
  readonly root = new TreeDirectory<F>();

  /** What stands at the path, if anything. */
  find(path: string): F | TreeDirectory<F> | undefined {
    let at: F | TreeDirectory<F> | undefined = this.root;
    for (const name of segments(path)) {
      if (!(at instanceof TreeDirectory)) return undefined;
      at = at.entries.get(name);
    }
    return at;
  }

  /** @throws DiskError gone, exists (a directory). */
  file(path: string): F {
    const found = this.find(path);
    if (found === undefined) throw new DiskError("gone", path);
    if (found instanceof TreeDirectory) throw new DiskError("exists", path);
    return found;
  }

  /** @throws DiskError gone, exists (a file). */
  directory(path: string): TreeDirectory<F> {
    const found = this.find(path);
    if (found === undefined) throw new DiskError("gone", path);
    if (!(found instanceof TreeDirectory)) throw new DiskError("exists", path);
    return found;
  }

  /** Puts a file where nothing or a file stands; returns what it replaced. @throws DiskError gone, exists (a directory). */
  put(path: string, file: F): F | undefined {
    const { parent, name } = this.place(path);
    const old = parent.entries.get(name);
    if (old instanceof TreeDirectory) throw new DiskError("exists", path);
    parent.entries.set(name, file);
    return old;
  }

  /** Returns the file. @throws DiskError gone, exists (a directory). */
  remove(path: string): F {
    const file = this.file(path);
    const { parent, name } = this.place(path);
    parent.entries.delete(name);
    return file;
  }

  /** Returns every file of what was removed: none when nothing was there. */
  removeTree(path: string): F[] {
    const found = this.find(path);
    if (found === undefined) return [];
    const { parent, name } = this.place(path);
    parent.entries.delete(name);
    return [...filesOf(found)];
  }

  /** Returns the file that was replaced. @throws DiskError gone; exists (a directory that is not empty, or of another kind). */
  rename(from: string, to: string): F | undefined {
    const moved = this.find(from);
    if (moved === undefined) throw new DiskError("gone", from);
    const target = this.place(to);
    const old = target.parent.entries.get(target.name);
    if (old === moved) return undefined;
    if (old instanceof TreeDirectory && (old.entries.size > 0 || !(moved instanceof TreeDirectory))) {
      throw new DiskError("exists", to);
    }
    if (old !== undefined && !(old instanceof TreeDirectory) && moved instanceof TreeDirectory) {
      throw new DiskError("exists", to);
    }
    const source = this.place(from);
    source.parent.entries.delete(source.name);
    target.parent.entries.set(target.name, moved);
    return old instanceof TreeDirectory ? undefined : old;
  }

  /** @throws DiskError exists (a file in the way). */
  makeDirectory(path: string): void {
    let at = this.root;
    for (const name of segments(path)) {
      let next = at.entries.get(name);
      if (next === undefined) {
        next = new TreeDirectory<F>();
        at.entries.set(name, next);
      }
      if (!(next instanceof TreeDirectory)) throw new DiskError("exists", path);
      at = next;
    }
  }

  list(path: string): DirectoryEntry[] {
    const listed: DirectoryEntry[] = [];
    for (const [name, entry] of this.directory(path).entries) {
      listed.push({ name, kind: entry instanceof TreeDirectory ? "directory" : "file" });
    }
    return listed.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Every path, directories before what is in them; `file` is undefined for a directory. */
  *paths(): IterableIterator<{ readonly path: string; readonly file: F | undefined }> {
    yield* pathsUnder("", this.root);
  }

  clear(): void {
    this.root.entries.clear();
  }

  files(): IterableIterator<F> {
    return filesOf(this.root);
  }

  private place(path: string): Place<F> {
    const names = segments(path);
    const name = names.pop();
    if (name === undefined) throw new DiskError("exists", path);
    const parent = this.find(names.join("/"));
    if (parent === undefined) throw new DiskError("gone", path);
    if (!(parent instanceof TreeDirectory)) throw new DiskError("exists", path);
    return { parent, name };
  }
}

function* filesOf<F extends object>(entry: F | TreeDirectory<F>): IterableIterator<F> {
  if (!(entry instanceof TreeDirectory)) yield entry;
  else for (const child of entry.entries.values()) yield* filesOf(child);
}

function* pathsUnder<F extends object>(
  above: string,
  directory: TreeDirectory<F>,
): IterableIterator<{ readonly path: string; readonly file: F | undefined }> {
  for (const [name, entry] of directory.entries) {
    const path = `${above}/${name}`;
    if (entry instanceof TreeDirectory) {
      yield { path, file: undefined };
      yield* pathsUnder(path, entry);
    } else {
      yield { path, file: entry };
    }
  }
}

function segments(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
