/**
 * Turns at syncing, shared by every disk of the process.
 *
 * The thread pool has four threads unless the user set more; a sync may hold one for seconds while the device is busy, so one
 * thread is always left for reads.
 */
const MAX_SYNCS = 3;

let running = 0;
const waiting: (() => void)[] = [];

/** Runs `sync` when one of the turns is free, in the order of the calls. */
export async function withSyncTurn(sync: () => Promise<void>): Promise<void> {
  if (running >= MAX_SYNCS) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    await sync();
  } finally {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}
