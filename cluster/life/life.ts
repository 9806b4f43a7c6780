/**
 * Whether one life of a node goes on, stands still, or is over, and what waits while it stands still.
 *
 * Owns: that nothing of a paused node runs, and that what came meanwhile runs afterwards, in the order it came. Leaves to
 * Incarnation: what is taken away when a life ends.
 * A node may stand still for several reasons at once; it goes on when the last is gone.
 */
export class Life {
  private over = false;
  private readonly reasons = new Set<string>();
  /** What came while nothing ran; undefined while everything runs at once. */
  private waiting: (() => void)[] | undefined;
  private draining: Promise<void> | undefined;

  get isAlive(): boolean {
    return !this.over;
  }

  /** Nothing runs. */
  get isPaused(): boolean {
    return this.reasons.size > 0;
  }

  /** What comes has to wait: the node stands still, or is not through with what came meanwhile. */
  get holds(): boolean {
    return this.waiting !== undefined;
  }

  end(): void {
    this.over = true;
    this.reasons.clear();
    this.waiting = undefined;
  }

  pause(reason: string): void {
    if (this.over) return;
    this.reasons.add(reason);
    this.waiting ??= [];
  }

  /** Resolves when everything that waited has run, or at once where another reason keeps the node. */
  resume(reason: string): Promise<void> {
    if (!this.reasons.delete(reason) || this.reasons.size > 0) return Promise.resolve();
    this.draining ??= this.drain().finally(() => {
      this.draining = undefined;
    });
    return this.draining;
  }

  /** Runs now, or when the node goes on; never after the end. */
  run(callback: () => void): void {
    if (this.over) return;
    if (this.waiting === undefined) callback();
    else this.waiting.push(callback);
  }

  /** The outcome of a promise, which a paused node learns when it goes on, and a dead one never. */
  outcome<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.run(() => resolve(value)),
        (error: unknown) => this.run(() => reject(error)),
      );
    });
  }

  private async drain(): Promise<void> {
    // Turn by turn, as an event loop that woke up: what one callback set off runs before the next.
    while (this.waiting !== undefined && this.reasons.size === 0) {
      const next = this.waiting.shift();
      if (next === undefined) {
        this.waiting = undefined;
        return;
      }
      next();
      await undefined;
    }
  }
}

/** Never settles: whoever waits for it is gone. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
