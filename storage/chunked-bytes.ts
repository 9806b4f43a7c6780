/**
 * The bytes of one file in memory: a list of chunks that never move, so that appending costs the copy and nothing more.
 *
 * Chunks grow with the file (a directory of many small files stays small) up to 1 MiB, a size that allocators and the
 * processor's caches like. Owns no sizes but its own; who may see what is the disk's business.
 */
const FIRST_CHUNK_BYTES = 512;
const MAX_CHUNK_BYTES = 1024 * 1024;

/** Full-size chunks of removed files, for reuse: a fresh one costs several times the copy into it. */
export class ChunkPool {
  private readonly idle: Buffer[] = [];
  private readonly maxIdle: number;

  constructor(maxIdleBytes: number) {
    this.maxIdle = Math.floor(maxIdleBytes / MAX_CHUNK_BYTES);
  }

  take(): Buffer {
    return this.idle.pop() ?? Buffer.allocUnsafeSlow(MAX_CHUNK_BYTES);
  }

  giveBack(chunk: Buffer): void {
    if (chunk.length === MAX_CHUNK_BYTES && this.idle.length < this.maxIdle) this.idle.push(chunk);
  }
}

export class ChunkedBytes {
  private readonly pool: ChunkPool;
  private readonly chunks: Buffer[] = [];
  /** Position of each chunk's first byte. */
  private readonly starts: number[] = [];
  private capacity = 0;
  sizeBytes = 0;

  constructor(pool: ChunkPool) {
    this.pool = pool;
  }

  append(bytes: Buffer): void {
    let from = 0;
    while (from < bytes.length) {
      if (this.sizeBytes === this.capacity) this.grow(bytes.length - from);
      const last = this.chunks.length - 1;
      const at = this.sizeBytes - (this.starts[last] as number);
      const copied = bytes.copy(this.chunks[last] as Buffer, at, from);
      from += copied;
      this.sizeBytes += copied;
    }
  }

  /** Copies into `target` from `position`; returns how many bytes there were. */
  read(position: number, target: Buffer): number {
    const end = Math.min(this.sizeBytes, position + target.length);
    let at = position;
    for (let i = at < end ? this.chunkAt(position) : 0; at < end; i++) {
      const start = this.starts[i] as number;
      at += (this.chunks[i] as Buffer).copy(target, at - position, at - start, end - start);
    }
    return Math.max(0, at - position);
  }

  truncate(sizeBytes: number): void {
    this.sizeBytes = sizeBytes;
    // The chunk that holds the end stays, also when the end is its start.
    while (this.chunks.length > 1 && (this.starts.at(-1) as number) > sizeBytes) this.dropLast();
    if (sizeBytes === 0 && this.chunks.length > 0) this.dropLast();
  }

  /** Gives all chunks back; nobody may read from here on. */
  free(): void {
    this.sizeBytes = 0;
    while (this.chunks.length > 0) this.dropLast();
  }

  private grow(wantedBytes: number): void {
    let size = this.capacity === 0 ? FIRST_CHUNK_BYTES : this.capacity;
    while (size < wantedBytes && size < MAX_CHUNK_BYTES) size *= 2;
    if (size > MAX_CHUNK_BYTES) size = MAX_CHUNK_BYTES;
    const chunk = size === MAX_CHUNK_BYTES ? this.pool.take() : Buffer.allocUnsafeSlow(size);
    this.chunks.push(chunk);
    this.starts.push(this.capacity);
    this.capacity += chunk.length;
  }

  private dropLast(): void {
    const chunk = this.chunks.pop() as Buffer;
    this.starts.pop();
    this.capacity -= chunk.length;
    this.pool.giveBack(chunk);
  }

  /** Index of the chunk that holds the position. */
  private chunkAt(position: number): number {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.starts[middle] as number) <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
