/**
 * Time as an argument. Nothing below the cli reads a clock or sets a timer in any other way.
 */
export interface Timer {
  /** Does nothing when the timer has fired or was cancelled. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970; may jump. Only for timestamps that leave the process. */
  wallMs(): number;
  /** Milliseconds since some start; never goes back. For every delay, deadline and timeout. */
  monotonicMs(): number;
  /** Runs `run` once, not before `delayMs` have passed. */
  after(delayMs: number, run: () => void): Timer;
  /**
   * Runs `run` after one full poll of the sockets. A deadline that fell due while the loop stalled is judged only then: what
   * arrived during the stall is seen first.
   */
  afterPoll(run: () => void): void;
}
