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

export class BufferPool {
  private readonly idle = new Map<number, Buffer[]>();
  private readonly options: BufferPoolOptions;
  idleBytes = 0;
  /** Bytes handed out and not yet returned. */
  usedBytes = 0;

  constructor(options: BufferPoolOptions) {
    this.options = options;
  }

  /** A buffer of at least `sizeBytes`, held once by the caller. */
  acquire(sizeBytes: number): SharedBuffer {
    const classBytes = sizeClass(sizeBytes);
    const free = this.idle.get(classBytes);
    let buffer = free?.pop();
    if (buffer === undefined) buffer = Buffer.allocUnsafeSlow(classBytes);
    else this.idleBytes -= classBytes;
    this.usedBytes += classBytes;
    return new PooledBuffer(this, buffer);
  }

  /** Only for PooledBuffer. */
  giveBack(buffer: Buffer): void {
    this.usedBytes -= buffer.length;
    if (this.options.poison === true) buffer.fill(0xdd);
    if (this.idleBytes + buffer.length > this.options.maxIdleBytes) return;
    this.idleBytes += buffer.length;
    let free = this.idle.get(buffer.length);
    if (free === undefined) {
      free = [];
      this.idle.set(buffer.length, free);
    }
    free.push(buffer);
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
function sizeClass(sizeBytes: number): number {
  let size = MIN_CLASS_BYTES;
  while (size < sizeBytes) size *= 2;
  const threeQuarters = (size / 4) * 3;
  return size > MIN_CLASS_BYTES && threeQuarters >= sizeBytes ? threeQuarters : size;
}
