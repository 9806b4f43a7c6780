/**
 * The names on a simulated disk: what is seen now, and what of it survives a power cut.
 *
 * A change of a directory is durable once that directory was synced. At a crash the others happened in their order up to
 * some point, as file systems with a journal promise, or not at all.
 */
import { FileTree, TreeDirectory } from "../../storage/file-tree.ts";

interface Change<F> {
  /** The directories whose sync makes it durable (a rename: either of them). */
  readonly parents: readonly TreeDirectory<F>[];
  /** Those and the ones they lie in: a change of one of them must come first. */
  readonly restsOn: readonly TreeDirectory<F>[];
  readonly apply: (tree: FileTree<F & object>) => void;
  durable: boolean;
}

export class NameJournal<F extends object> {
  tree = new FileTree<F>();
  /** What the device had before the first of the changes. */
  private base = new FileTree<F>();
  private changes: Change<F>[] = [];

  /**
   * Makes the change now. @throws what the change throws; then nothing happened.
   * @param whole what is moved or removed with all that is in it: what happened in there, under the name it had, comes before
   */
  change<T>(directories: readonly string[], apply: (tree: FileTree<F>) => T, whole?: string): T {
    const parents: TreeDirectory<F>[] = [];
    const restsOn: TreeDirectory<F>[] = [];
    for (const path of directories) {
      const line = this.lineOf(path);
      const parent = line.at(-1);
      if (parent !== undefined) parents.push(parent);
      restsOn.push(...line);
    }
    if (whole !== undefined) restsOn.push(...this.lineOf(whole));
    const result = apply(this.tree);
    this.changes.push({ parents, restsOn, apply: (tree) => void apply(tree as FileTree<F>), durable: false });
    return result;
  }

  sync(path: string): void {
    const directory = this.tree.directory(path);
    for (const change of this.changes) {
      if (change.parents.includes(directory)) change.durable = true;
    }
    this.fold();
  }

  /** @param keep how many of the changes that are not durable happened all the same. */
  crash(keep: (pending: number) => number): void {
    let left = keep(this.changes.filter((change) => !change.durable).length);
    for (const change of this.changes) {
      if (!change.durable && left-- <= 0) continue;
      applyIfPossible(change, this.base);
    }
    this.changes = [];
    this.tree = copyTree(this.base);
  }

  /** What is durable and rests on nothing that is not needs no remembering. */
  private fold(): void {
    const open = new Set<TreeDirectory<F>>();
    this.changes = this.changes.filter((change) => {
      if (change.durable && !change.restsOn.some((directory) => open.has(directory))) {
        applyIfPossible(change, this.base);
        return false;
      }
      for (const parent of change.parents) open.add(parent);
      return true;
    });
  }

  /** The directories from the root to the path. */
  private lineOf(path: string): TreeDirectory<F>[] {
    const line: TreeDirectory<F>[] = [this.tree.root];
    for (const name of path.split("/")) {
      if (name === "") continue;
      const next = (line.at(-1) as TreeDirectory<F>).entries.get(name);
      if (!(next instanceof TreeDirectory)) break;
      line.push(next);
    }
    return line;
  }
}

/** A change may rest on one that was lost, as a file on its directory. */
function applyIfPossible<F extends object>(change: Change<F>, tree: FileTree<F>): void {
  try {
    change.apply(tree);
  } catch (error) {
    if ((error as Error).name !== "DiskError") throw error;
  }
}

function copyTree<F extends object>(tree: FileTree<F>): FileTree<F> {
  const copy = new FileTree<F>();
  copyEntries(tree.root, copy.root);
  return copy;
}

function copyEntries<F extends object>(from: TreeDirectory<F>, to: TreeDirectory<F>): void {
  for (const [name, entry] of from.entries) {
    if (entry instanceof TreeDirectory) {
      const directory = new TreeDirectory<F>();
      copyEntries(entry, directory);
      to.entries.set(name, directory);
    } else to.entries.set(name, entry);
  }
}
