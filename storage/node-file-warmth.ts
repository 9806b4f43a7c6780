/**
 * Whether a file's bytes are in the page cache, which nothing says but how long it takes to read them.
 *
 * Owns: how much is read on the loop. From the page cache that costs a third less than on another thread, and takes less long than
 * waking one; from the device it keeps everyone else waiting.
 * Invariant: of a file of which nothing better is known a read on the loop waits for the device once, for a slice; then the file
 * counts as cold for a while.
 */

/** The first is as much as is read on the loop anyway. */
const FIRST_SLICE_BYTES = 64 * 1024;
/** The page cache gives it in 30 µs. */
const SLICE_BYTES = 256 * 1024;
/** A slice that takes longer came from the device, or this process did not run meanwhile. */
const SLOW_MS = 0.5;
/** One slow slice behind so many others is taken for the latter. */
const TRUSTED_SLICES = 8;
/** Of all files together in one turn of the loop: with its checksums and its way into a socket that is some 2 ms. */
const MAX_TURN_BYTES = 8 * 1024 * 1024;
/** How long a file stays cold; twice as long each time it was still cold afterwards. */
const FIRST_COLD_MS = 8;
const MAX_COLD_MS = 1024;

let leftInTurn = MAX_TURN_BYTES;

function takeOfTurn(wantedBytes: number): number {
  if (leftInTurn === MAX_TURN_BYTES) {
    setImmediate(() => {
      leftInTurn = MAX_TURN_BYTES;
    });
  }
  const taken = Math.min(wantedBytes, leftInTurn);
  leftInTurn -= taken;
  return taken;
}

export class FileWarmth {
  private readonly now: () => number;
  private coldUntilMs = 0;
  private coldMs = FIRST_COLD_MS;
  /** In a row, since the last slow one. */
  private quickSlices = 0;

  constructor(now = () => performance.now()) {
    this.now = now;
  }

  /**
   * Reads from the start as far as it goes quickly; returns how many bytes were read.
   * @param readSlice reads the bytes between two offsets, and returns how many there were.
   */
  read(sizeBytes: number, readSlice: (offset: number, end: number) => number): number {
    let nowMs = this.now();
    if (nowMs < this.coldUntilMs) return 0;
    const allowedBytes = takeOfTurn(sizeBytes);
    let done = 0;
    while (done < allowedBytes) {
      const end = Math.min(allowedBytes, done + (done === 0 ? FIRST_SLICE_BYTES : SLICE_BYTES));
      const count = readSlice(done, end);
      done += count;
      if (done < end) return done;
      const beforeMs = nowMs;
      nowMs = this.now();
      if (nowMs - beforeMs <= SLOW_MS) {
        this.quickSlices++;
        continue;
      }
      const isCold = this.quickSlices < TRUSTED_SLICES;
      this.quickSlices = 0;
      if (isCold) {
        this.coldUntilMs = nowMs + this.coldMs;
        this.coldMs = Math.min(MAX_COLD_MS, 2 * this.coldMs);
        return done;
      }
    }
    if (this.quickSlices >= TRUSTED_SLICES) this.coldMs = FIRST_COLD_MS;
    return done;
  }
}
