/** The barrier between two events of a simulation. */

/** Resolves when everything that is ready (promises, next ticks) has run: a turn of the real loop later. */
export function drain(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
