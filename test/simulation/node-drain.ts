/** The barrier between two events of a simulation: everything that is ready (promises, next ticks) has run. */

/** Resolves a turn of the real loop later. */
export function drain(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Node's own end of a callback: runs all ticks and microtasks, and has rejections told that nobody handled. Not everywhere there. */
const endOfCallback = (process as { readonly _tickCallback?: () => void })._tickCallback;
/** Then the real loop has its turn: messages of other processes, timers. */
const MOST_STEPS_A_TURN = 500;

/**
 * Takes `steps` one after the other until one of them is false, with the barrier inside each: between what begins it and what ends it.
 * Without a turn of the real loop for every step, where Node lets us end a callback ourselves: the turn costs as much as a small step.
 */
export async function driveSteps(begin: () => boolean, end: () => void): Promise<void> {
  await drain();
  if (endOfCallback === undefined) {
    while (begin()) {
      await drain();
      end();
    }
    return;
  }
  await new Promise<void>((resolve, reject) => {
    const turn = (): void => {
      try {
        for (let left = MOST_STEPS_A_TURN; left > 0; left--) {
          if (!begin()) {
            resolve();
            return;
          }
          endOfCallback.call(process);
          end();
        }
        setImmediate(turn);
      } catch (error) {
        reject(error);
      }
    };
    setImmediate(turn);
  });
}
