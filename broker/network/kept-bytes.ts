/**
 * What is left of a connection's reads: the start of a frame, or whole frames that could not be handled yet.
 *
 * Owns: memory for it, that grows by doubling with what is kept. Little lies in plain buffers and stays at hand, as the next read
 * may leave a rest again; more comes from the pool and goes back as soon as it is not needed.
 */
import type { BufferPool, SharedBuffer } from "../../storage/shared-buffer.ts";

const PLAIN_BYTES = 16 * 1024;
const SMALLEST_BYTES = 256;
const NOTHING = Buffer.alloc(0);

export class KeptBytes {
  private readonly pool: BufferPool;
  private owner: SharedBuffer | undefined;
  /** The bytes lie in [start, end). */
  buffer: Buffer = NOTHING;
  start = 0;
  end = 0;

  constructor(pool: BufferPool) {
    this.pool = pool;
  }

  get sizeBytes(): number {
    return this.end - this.start;
  }

  append(from: Buffer, start: number, end: number): void {
    const { sizeBytes } = this;
    const needed = sizeBytes + end - start;
    if (needed > this.buffer.length) this.moveTo(needed);
    else if (this.start + needed > this.buffer.length) this.moveToFront();
    from.copy(this.buffer, this.end, start, end);
    this.end += end - start;
  }

  private moveTo(sizeBytes: number): void {
    const owner = sizeBytes > PLAIN_BYTES ? this.pool.acquire(sizeBytes) : undefined;
    const grown = owner?.buffer ?? Buffer.allocUnsafeSlow(plainSize(sizeBytes));
    const kept = this.buffer.copy(grown, 0, this.start, this.end);
    this.owner?.release();
    this.owner = owner;
    this.buffer = grown;
    this.start = 0;
    this.end = kept;
  }

  private moveToFront(): void {
    this.buffer.copyWithin(0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
  }

  /** What lies before `at` is not needed any more. */
  forget(at: number): void {
    this.start = at;
    if (at < this.end) return;
    if (this.owner !== undefined) {
      this.drop();
    } else {
      this.start = 0;
      this.end = 0;
    }
  }

  /** Gives the memory back, and with it what is kept. */
  drop(): void {
    this.owner?.release();
    this.owner = undefined;
    this.buffer = NOTHING;
    this.start = 0;
    this.end = 0;
  }
}

function plainSize(sizeBytes: number): number {
  let size = SMALLEST_BYTES;
  while (size < sizeBytes) size *= 2;
  return size;
}
