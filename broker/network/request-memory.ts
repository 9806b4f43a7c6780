/**
 * What a node may hold in requests that are still arriving or still being answered, over all its connections.
 *
 * Owns: the sum, and the line of those who wait for room. Leaves to FrameAssembler: when to ask, and to stop reading meanwhile.
 * Invariant: the sum exceeds the limit by at most one frame that is arriving. One may, so that frames which together fill the
 * limit, all incomplete, cannot wait for each other for ever.
 */

/** Someone whose frame grows as its bytes arrive. */
export interface MemoryClaimant {
  /** There may be room again: asks anew, or leaves. Whoever is refused again keeps its place in the line. */
  roomFreed(): void;
}

export class RequestMemory {
  readonly limitBytes: number;
  usedBytes = 0;
  /** Bytes of answers that were written and are not flushed. */
  unsentBytes = 0;
  /** The one who may exceed the limit. */
  private privileged: MemoryClaimant | undefined;
  private readonly line = new Set<MemoryClaimant>();

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** How many wait for room. */
  get waiting(): number {
    return this.line.size;
  }

  /** Takes room for a growing frame; false puts the claimant in the line and changes nothing else. */
  claim(claimant: MemoryClaimant, sizeBytes: number): boolean {
    if (this.usedBytes + sizeBytes > this.limitBytes) {
      if (this.privileged !== undefined && this.privileged !== claimant) {
        this.line.add(claimant);
        return false;
      }
      this.privileged = claimant;
    }
    this.line.delete(claimant);
    this.usedBytes += sizeBytes;
    return true;
  }

  /** Whether memory may be given out ahead of the bytes it is for. */
  hasRoomFor(sizeBytes: number): boolean {
    return this.usedBytes + sizeBytes <= this.limitBytes / 2;
  }

  /** Counts what is there already, whether or not there is room. */
  add(sizeBytes: number): void {
    this.usedBytes += sizeBytes;
  }

  give(sizeBytes: number): void {
    this.usedBytes -= sizeBytes;
    this.serveLine();
  }

  /** The claimant's frame has arrived, or its connection is gone: it wants nothing more. */
  leave(claimant: MemoryClaimant): void {
    this.line.delete(claimant);
    if (this.privileged !== claimant) return;
    this.privileged = undefined;
    this.serveLine();
  }

  /** In order: who is refused again stays first, and those behind it wait. */
  private serveLine(): void {
    for (const claimant of this.line) {
      claimant.roomFreed();
      if (this.line.has(claimant)) return;
    }
  }
}
