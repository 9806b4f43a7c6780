/**
 * A large buffer with an owner count, so that record bytes are passed on instead of copied: the frame they arrived in, the
 * tail of a log and each response being written hold it, and at zero it returns to its pool.
 *
 * Invariant: whoever keeps a view beyond the call that gave it holds a count. With `poison`, a released buffer is
 * overwritten with 0xDD, so that a late reader fails its CRC.
 */
import { strict as assert } from "node:assert";

export interface SharedBuffer {
  readonly buffer: Buffer;
  retain(): void;
  /** At zero the buffer returns to its pool. */
  release(): void;
}

export interface BufferPoolOptions {
  /** Bytes kept for reuse at most; what is above goes to the garbage collector. */
  readonly maxIdleBytes: number;
  /** Overwrite released buffers; for tests and simulation. */
  readonly poison?: boolean;
}

/** Smallest size class; smaller buffers are cheap to allocate. */
const MIN_CLASS_BYTES = 64 * 1024;

/** Buffers of one size that wait to be used again. */
interface SizeClass {
  readonly idle: Buffer[];
  /** Of the pool's acquisitions, the last one of this size. */
  acquiredAt: number;
}

export class BufferPool {
  private readonly classes = new Map<number, SizeClass>();
  private acquisitions = 0;
  private readonly options: BufferPoolOptions;
  idleBytes = 0;
  /** Bytes handed out and not yet returned. */
  usedBytes = 0;

  constructor(options: BufferPoolOptions) {
    this.options = options;
  }

  /** A buffer of at least `sizeBytes`, held once by the caller. */
  acquire(sizeBytes: number): SharedBuffer {
    const classBytes = classFor(sizeBytes);
    const sizeClass = this.classOf(classBytes);
    sizeClass.acquiredAt = ++this.acquisitions;
    let buffer = sizeClass.idle.pop();
    if (buffer === undefined) buffer = Buffer.allocUnsafeSlow(classBytes);
    else this.idleBytes -= classBytes;
    this.usedBytes += classBytes;
    return new PooledBuffer(this, buffer);
  }

  /** Only for PooledBuffer. */
  giveBack(buffer: Buffer): void {
    this.usedBytes -= buffer.length;
    if (this.options.poison === true) buffer.fill(0xdd);
    if (buffer.length > this.options.maxIdleBytes) return;
    this.classOf(buffer.length).idle.push(buffer);
    this.idleBytes += buffer.length;
    while (this.idleBytes > this.options.maxIdleBytes) this.dropStalest();
  }

  /** Sizes that are not asked for any more make room for those that are: else each of these would be allocated anew. */
  private dropStalest(): void {
    let stalest: SizeClass | undefined;
    for (const sizeClass of this.classes.values()) {
      if (sizeClass.idle.length === 0) continue;
      if (stalest === undefined || sizeClass.acquiredAt < stalest.acquiredAt) stalest = sizeClass;
    }
    this.idleBytes -= stalest?.idle.pop()?.length ?? 0;
  }

  private classOf(classBytes: number): SizeClass {
    let sizeClass = this.classes.get(classBytes);
    if (sizeClass === undefined) {
      sizeClass = { idle: [], acquiredAt: 0 };
      this.classes.set(classBytes, sizeClass);
    }
    return sizeClass;
  }
}

class PooledBuffer implements SharedBuffer {
  readonly buffer: Buffer;
  private readonly pool: BufferPool;
  private count = 1;

  constructor(pool: BufferPool, buffer: Buffer) {
    this.pool = pool;
    this.buffer = buffer;
  }

  retain(): void {
    assert(this.count > 0, "a released buffer is retained");
    this.count++;
  }

  release(): void {
    assert(this.count > 0, "a buffer is released twice");
    if (--this.count === 0) this.pool.giveBack(this.buffer);
  }
}

/** Powers of two and their three-quarter steps: at most a third of a buffer is waste. */
function classFor(sizeBytes: number): number {
  let size = MIN_CLASS_BYTES;
  while (size < sizeBytes) size *= 2;
  const threeQuarters = (size / 4) * 3;
  return size > MIN_CLASS_BYTES && threeQuarters >= sizeBytes ? threeQuarters : size;
}
