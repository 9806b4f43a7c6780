/**
 * An immutable map in the order of its string keys: a change gives a new map that shares all but one path with the old one.
 *
 * For memory that decisions replace instead of changing: the version before costs nothing, and a group of n members costs
 * O(log n) per change, whatever ids its clients choose. A weight-balanced tree (Adams; Hirai and Yamamoto's bounds).
 */
interface Node<V> {
  readonly key: string;
  readonly value: V;
  readonly size: number;
  readonly left: Node<V> | undefined;
  readonly right: Node<V> | undefined;
}

type Tree<V> = Node<V> | undefined;

/** A subtree is at most this many times heavier than its sibling. */
const DELTA = 3;
/** Decides between single and double rotation. */
const RATIO = 2;

export class PersistentMap<V> {
  private readonly root: Tree<V>;

  private constructor(root: Tree<V>) {
    this.root = root;
  }

  private static readonly EMPTY = new PersistentMap<never>(undefined);

  static empty<V>(): PersistentMap<V> {
    return PersistentMap.EMPTY;
  }

  static of<V>(entries: Iterable<readonly [string, V]>): PersistentMap<V> {
    let root: Tree<V>;
    for (const [key, value] of entries) root = insert(root, key, value);
    return root === undefined ? PersistentMap.EMPTY : new PersistentMap(root);
  }

  get size(): number {
    return sizeOf(this.root);
  }

  get(key: string): V | undefined {
    let node = this.root;
    while (node !== undefined) {
      if (key === node.key) return node.value;
      node = key < node.key ? node.left : node.right;
    }
    return undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  with(key: string, value: V): PersistentMap<V> {
    return new PersistentMap(insert(this.root, key, value));
  }

  /** Without the key; this map itself when it has none such. */
  without(key: string): PersistentMap<V> {
    const root = remove(this.root, key);
    if (root === this.root) return this;
    return root === undefined ? PersistentMap.EMPTY : new PersistentMap(root);
  }

  /** The same keys with other values, in one pass. */
  map<W>(change: (value: V) => W): PersistentMap<W> {
    return this.root === undefined ? PersistentMap.EMPTY : new PersistentMap(mapTree(this.root, change));
  }

  *entries(): IterableIterator<[string, V]> {
    for (const node of nodes(this.root)) yield [node.key, node.value];
  }

  *keys(): IterableIterator<string> {
    for (const node of nodes(this.root)) yield node.key;
  }

  *values(): IterableIterator<V> {
    for (const node of nodes(this.root)) yield node.value;
  }
}

function* nodes<V>(root: Tree<V>): IterableIterator<Node<V>> {
  const path: Node<V>[] = [];
  let node = root;
  while (node !== undefined || path.length > 0) {
    while (node !== undefined) {
      path.push(node);
      node = node.left;
    }
    const next = path.pop() as Node<V>;
    yield next;
    node = next.right;
  }
}

function sizeOf(tree: Tree<unknown>): number {
  return tree === undefined ? 0 : tree.size;
}

function node<V>(key: string, value: V, left: Tree<V>, right: Tree<V>): Node<V> {
  return { key, value, size: sizeOf(left) + sizeOf(right) + 1, left, right };
}

function insert<V>(tree: Tree<V>, key: string, value: V): Node<V> {
  if (tree === undefined) return node(key, value, undefined, undefined);
  if (key === tree.key) return node(key, value, tree.left, tree.right);
  if (key < tree.key) return balance(tree, insert(tree.left, key, value), tree.right);
  return balance(tree, tree.left, insert(tree.right, key, value));
}

function remove<V>(tree: Tree<V>, key: string): Tree<V> {
  if (tree === undefined) return undefined;
  if (key < tree.key) {
    const left = remove(tree.left, key);
    return left === tree.left ? tree : balance(tree, left, tree.right);
  }
  if (key > tree.key) {
    const right = remove(tree.right, key);
    return right === tree.right ? tree : balance(tree, tree.left, right);
  }
  return join(tree.left, tree.right);
}

/** One tree from two that were siblings. */
function join<V>(left: Tree<V>, right: Tree<V>): Tree<V> {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.size > right.size) {
    const heir = last(left);
    return balance(heir, remove(left, heir.key), right);
  }
  const heir = first(right);
  return balance(heir, left, remove(right, heir.key));
}

function first<V>(tree: Node<V>): Node<V> {
  let least = tree;
  while (least.left !== undefined) least = least.left;
  return least;
}

function last<V>(tree: Node<V>): Node<V> {
  let greatest = tree;
  while (greatest.right !== undefined) greatest = greatest.right;
  return greatest;
}

/** `at`'s entry over two subtrees, one of which may have gained or lost one entry. */
function balance<V>(at: Node<V>, left: Tree<V>, right: Tree<V>): Node<V> {
  const leftWeight = sizeOf(left) + 1;
  const rightWeight = sizeOf(right) + 1;
  if (right !== undefined && rightWeight > DELTA * leftWeight) {
    if (sizeOf(right.left) + 1 < RATIO * (sizeOf(right.right) + 1)) {
      return node(right.key, right.value, node(at.key, at.value, left, right.left), right.right);
    }
    const inner = right.left as Node<V>;
    return node(
      inner.key,
      inner.value,
      node(at.key, at.value, left, inner.left),
      node(right.key, right.value, inner.right, right.right),
    );
  }
  if (left !== undefined && leftWeight > DELTA * rightWeight) {
    if (sizeOf(left.right) + 1 < RATIO * (sizeOf(left.left) + 1)) {
      return node(left.key, left.value, left.left, node(at.key, at.value, left.right, right));
    }
    const inner = left.right as Node<V>;
    return node(
      inner.key,
      inner.value,
      node(left.key, left.value, left.left, inner.left),
      node(at.key, at.value, inner.right, right),
    );
  }
  return node(at.key, at.value, left, right);
}

function mapTree<V, W>(tree: Node<V>, change: (value: V) => W): Node<W> {
  const left = tree.left === undefined ? undefined : mapTree(tree.left, change);
  const value = change(tree.value);
  const right = tree.right === undefined ? undefined : mapTree(tree.right, change);
  return { key: tree.key, value, size: tree.size, left, right };
}
