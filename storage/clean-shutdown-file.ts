/**
 * `.kafka_cleanshutdown`: says that the directory was left in order, and by which broker epoch (KIP-966).
 *
 * Invariant: it is gone, on the device too, before anything else in the directory changes: a crash from then on is a crash.
 */
import { readFileIfThere, replaceFile } from "./checkpoint-file.ts";
import type { Disk } from "./disk.ts";

const NAME = ".kafka_cleanshutdown";
export const UNKNOWN_BROKER_EPOCH = -1;

export interface LastShutdown {
  readonly clean: boolean;
  /** UNKNOWN_BROKER_EPOCH after a crash, or when the file says nothing one could understand. */
  readonly brokerEpoch: number;
}

/** Reads the file and removes it. */
export async function takeCleanShutdown(disk: Disk, directory: string): Promise<LastShutdown> {
  const path = `${directory}/${NAME}`;
  const text = readFileIfThere(disk, path);
  if (text === undefined) return { clean: false, brokerEpoch: UNKNOWN_BROKER_EPOCH };
  disk.remove(path);
  await disk.syncDirectory(directory);
  const epoch = /"brokerEpoch"\s*:\s*(-?\d+)/.exec(text)?.[1];
  const brokerEpoch = Number(epoch ?? UNKNOWN_BROKER_EPOCH);
  return { clean: true, brokerEpoch: Number.isSafeInteger(brokerEpoch) ? brokerEpoch : UNKNOWN_BROKER_EPOCH };
}

/** To be called last: when all logs are on the device and closed. */
export async function leaveCleanShutdown(disk: Disk, directory: string, brokerEpoch: number): Promise<void> {
  await replaceFile(disk, `${directory}/${NAME}`, JSON.stringify({ version: 0, brokerEpoch }));
}
