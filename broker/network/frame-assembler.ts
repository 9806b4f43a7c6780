/**
 * Makes frames (an int32 size and that many bytes) of what a connection receives.
 *
 * Owns: memory for bytes on their way. Small frames are read into one scratch buffer that all connections share and are handed
 * on in place; what is left of a read is kept by the connection; a large frame is read straight into a pooled buffer of its own.
 * Leaves to its sink: what a frame means, and whether it may be handled now.
 * Invariant: memory follows what has arrived, whatever size a frame promises. Only a connection that has delivered large
 * frames before gets memory ahead of the bytes, and only while there is plenty.
 */
import type { BufferPool, SharedBuffer } from "../../storage/shared-buffer.ts";
import { KeptBytes } from "./kept-bytes.ts";
import type { MemoryClaimant, RequestMemory } from "./request-memory.ts";

export interface FrameSink {
  /** Largest size accepted at the moment. */
  readonly maxFrameBytes: number;
  /**
   * A whole frame lies in [start, end), without its size. Without an owner the memory is good for this call only. False: it
   * cannot be handled now; it is kept and offered again after proceed().
   */
  frame(buffer: Buffer, start: number, end: number, owner: SharedBuffer | undefined): boolean;
  /** A size that no frame has, with what came from there on. The assembler is to be stopped. */
  badSize(size: number, received: Buffer): void;
  /** There is room for bytes that had to wait: proceed() is to be called, in a turn in which no handler runs. */
  roomFreed(): void;
}

/** Frames up to this size, with the size itself, are decoded in the scratch buffer. */
const SMALL_FRAME_BYTES = 64 * 1024;
const READ_BYTES = 64 * 1024;
/** Bytes of a large frame that must be there before it gets a buffer of its own. */
const LARGE_START_BYTES = 32 * 1024;
/** While frames cannot be handled this much is still read, so that the peer's end is noticed. */
const READ_AHEAD_BYTES = 32 * 1024;
/** Up to this a frame's buffer is given at once to a connection that has sent frames of that size before. */
const MAX_TRUSTED_BYTES = 8 * 1024 * 1024;
/** After a large frame the next size comes with little else, so that little has to be copied. */
const AFTER_LARGE_READ_BYTES = 4 * 1024;

/** Reads go behind the middle; what was kept of a frame is put before it, so that the frame lies in one piece. */
const scratch = Buffer.allocUnsafeSlow(SMALL_FRAME_BYTES + READ_BYTES);
const SCRATCH_READ = scratch.subarray(SMALL_FRAME_BYTES);
const SCRATCH_SHORT_READ = scratch.subarray(SMALL_FRAME_BYTES, SMALL_FRAME_BYTES + AFTER_LARGE_READ_BYTES);

/** A frame with a buffer of its own, under way or complete. */
interface LargeFrame {
  owner: SharedBuffer;
  readonly sizeBytes: number;
  filledBytes: number;
}

export class FrameAssembler implements MemoryClaimant {
  private readonly sink: FrameSink;
  private readonly pool: BufferPool;
  private readonly memory: RequestMemory;
  private readonly kept: KeptBytes;
  private large: LargeFrame | undefined;
  private trustedBytes = 0;
  /** The sink refused a frame. */
  private blocked = false;
  /** A large frame waits for room. */
  private starved = false;
  private offering = false;
  private stopped = false;
  private previousWasLarge = false;
  /** Where the target last given lies. Until those bytes come, a large frame may begin, end, or move to a larger buffer. */
  private readsIntoLarge = false;
  /** All bytes ever received. */
  receivedBytes = 0;

  constructor(sink: FrameSink, pool: BufferPool, memory: RequestMemory) {
    this.sink = sink;
    this.pool = pool;
    this.memory = memory;
    this.kept = new KeptBytes(pool);
  }

  /** Bytes held of frames that are not handled yet. */
  get heldBytes(): number {
    return this.kept.sizeBytes + (this.large?.filledBytes ?? 0);
  }

  /** Whether the rest of a frame waits for room. */
  get waitsForRoom(): boolean {
    return this.starved;
  }

  /** Whether a whole frame waits until the sink takes it. */
  get frameIsWaiting(): boolean {
    return this.blocked;
  }

  target(): Buffer {
    const { large } = this;
    this.readsIntoLarge =
      large !== undefined && large.filledBytes < Math.min(large.sizeBytes, large.owner.buffer.length);
    if (large === undefined || !this.readsIntoLarge) return this.previousWasLarge ? SCRATCH_SHORT_READ : SCRATCH_READ;
    return large.owner.buffer.subarray(large.filledBytes, Math.min(large.owner.buffer.length, large.sizeBytes));
  }

  /** `sizeBytes` more have come. False: no more can be taken until the sink is asked to resume, or asks to proceed. */
  received(sizeBytes: number): boolean {
    this.receivedBytes += sizeBytes;
    if (this.stopped) return true;
    if (this.large !== undefined) this.receivedOfLarge(this.large, sizeBytes);
    else this.receivedInScratch(SMALL_FRAME_BYTES, SMALL_FRAME_BYTES + sizeBytes);
    return this.mayRead();
  }

  private receivedInScratch(at: number, end: number): void {
    const { kept } = this;
    const keptBytes = kept.sizeBytes;
    if (keptBytes === 0) {
      this.offer(scratch, at, end);
    } else if (!this.blocked && keptBytes <= at && this.endsWithin(keptBytes + end - at)) {
      const start = at - keptBytes;
      kept.buffer.copy(scratch, start, kept.start, kept.end);
      kept.forget(kept.end);
      this.offer(scratch, start, end);
    } else {
      kept.append(scratch, at, end);
      if (!this.blocked) this.startLargeFromKept();
    }
  }

  /** Goes on with what could not be handled, or had no room, before. True: reading may go on. */
  proceed(): boolean {
    if (this.offering || this.stopped) return !this.stopped && this.mayRead();
    this.blocked = false;
    if (this.large !== undefined) {
      // What was kept behind a frame that had no room belongs to it.
      this.kept.forget(this.fill(this.large, this.kept.buffer, this.kept.start, this.kept.end));
      this.advanceLarge(this.large);
    }
    if (!this.blocked && this.large === undefined && this.kept.sizeBytes > 0) {
      this.offer(this.kept.buffer, this.kept.start, this.kept.end);
    }
    return this.mayRead();
  }

  /** Takes no more frames and gives all memory back; what still comes is dropped. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.starved = false;
    if (this.large !== undefined) this.giveBackLarge(this.large);
    this.memory.leave(this);
    if (!this.offering) this.kept.drop();
  }

  /** Gives back what a busy connection keeps at hand. */
  trim(): void {
    if (this.kept.sizeBytes === 0 && !this.offering) this.kept.drop();
  }

  roomFreed(): void {
    const { large } = this;
    if (!this.starved || large === undefined) {
      this.memory.leave(this);
    } else if (this.grow(large)) {
      this.starved = false;
      this.sink.roomFreed();
    }
  }

  private mayRead(): boolean {
    if (this.starved) return false;
    if (!this.blocked) return true;
    return this.large === undefined && this.kept.sizeBytes < READ_AHEAD_BYTES;
  }

  /** Whether the frame whose start is kept is whole once so many bytes are there. */
  private endsWithin(sizeBytes: number): boolean {
    const { kept } = this;
    return kept.sizeBytes < 4 || 4 + kept.buffer.readInt32BE(kept.start) <= sizeBytes;
  }

  /** Hands on the whole frames in [start, end) and keeps what is left. */
  private offer(buffer: Buffer, start: number, end: number): void {
    this.offering = true;
    let at = start;
    let size = 0;
    while (end - at >= 4) {
      size = buffer.readInt32BE(at);
      if (size <= 0 || size > this.sink.maxFrameBytes) {
        this.sink.badSize(size, buffer.subarray(at, end));
        break;
      }
      const next = at + 4 + size;
      if (next > end) break;
      if (!this.sink.frame(buffer, at + 4, next, undefined)) {
        this.blocked = true;
        break;
      }
      if (this.stopped) break;
      this.previousWasLarge = false;
      at = next;
    }
    this.offering = false;
    if (this.stopped) this.kept.drop();
    else if (buffer === this.kept.buffer) this.kept.forget(at);
    else if (at < end) this.kept.append(buffer, at, end);
    if (!this.stopped && !this.blocked) this.startLargeFromKept();
  }

  /** Moves a large frame into a buffer of its own, once enough of it is there or its sender is trusted. */
  private startLargeFromKept(): void {
    const { kept } = this;
    if (kept.sizeBytes < 4) return;
    const sizeBytes = kept.buffer.readInt32BE(kept.start);
    const total = 4 + sizeBytes;
    if (total <= SMALL_FRAME_BYTES || total <= kept.sizeBytes || sizeBytes > this.sink.maxFrameBytes) return;
    const trusted = sizeBytes <= this.trustedBytes && this.memory.hasRoomFor(sizeBytes);
    if (!trusted && kept.sizeBytes < LARGE_START_BYTES) return;
    const owner = this.pool.acquire(trusted ? sizeBytes : Math.min(sizeBytes, 2 * kept.sizeBytes));
    this.memory.add(owner.buffer.length);
    const filledBytes = kept.buffer.copy(owner.buffer, 0, kept.start + 4, kept.end);
    this.large = { owner, sizeBytes, filledBytes };
    kept.forget(kept.end);
  }

  private receivedOfLarge(large: LargeFrame, sizeBytes: number): void {
    let at = SMALL_FRAME_BYTES;
    const end = at + sizeBytes;
    if (this.readsIntoLarge) {
      large.filledBytes += sizeBytes;
      at = end;
    } else {
      // Read before it had a buffer, or while that was full: these bytes lie in the scratch buffer.
      at = this.fill(large, scratch, at, end);
    }
    this.advanceLarge(large);
    if (at === end || this.stopped) return;
    if (this.large === undefined && !this.blocked) this.offer(scratch, at, end);
    else this.kept.append(scratch, at, end);
  }

  /** Copies bytes that belong to the frame, as long as there is room; returns where it stopped. */
  private fill(large: LargeFrame, from: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && large.filledBytes < large.sizeBytes && this.hasCapacity(large)) {
      const until = Math.min(end, at + large.sizeBytes - large.filledBytes);
      const taken = from.copy(large.owner.buffer, large.filledBytes, at, until);
      large.filledBytes += taken;
      at += taken;
    }
    return at;
  }

  /** Hands on the frame when it is whole, else sees that there is room for more of it. */
  private advanceLarge(large: LargeFrame): void {
    if (large.filledBytes < large.sizeBytes) this.hasCapacity(large);
    else if (!this.blocked) this.offerLarge(large);
  }

  private hasCapacity(large: LargeFrame): boolean {
    this.starved = large.filledBytes === large.owner.buffer.length && !this.grow(large);
    return !this.starved;
  }

  /** Doubles the frame's buffer. False: there is no room now. */
  private grow(large: LargeFrame): boolean {
    const now = large.owner.buffer.length;
    if (!this.memory.claim(this, now)) return false;
    const grown = this.pool.acquire(Math.min(large.sizeBytes, 2 * now));
    this.memory.add(grown.buffer.length - 2 * now);
    large.owner.buffer.copy(grown.buffer, 0, 0, large.filledBytes);
    large.owner.release();
    large.owner = grown;
    return true;
  }

  private offerLarge(large: LargeFrame): void {
    this.offering = true;
    const taken = this.sink.frame(large.owner.buffer, 0, large.sizeBytes, large.owner);
    this.offering = false;
    if (this.stopped) {
      this.kept.drop();
      return;
    }
    if (!taken) {
      this.blocked = true;
      return;
    }
    this.previousWasLarge = true;
    this.trustedBytes = Math.min(Math.max(this.trustedBytes, 2 * large.sizeBytes), MAX_TRUSTED_BYTES);
    this.giveBackLarge(large);
    this.memory.leave(this);
  }

  private giveBackLarge(large: LargeFrame): void {
    this.large = undefined;
    const sizeBytes = large.owner.buffer.length;
    large.owner.release();
    this.memory.give(sizeBytes);
  }
}
