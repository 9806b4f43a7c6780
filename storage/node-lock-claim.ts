/**
 * A lock without the kernel's help, for Linux systems without the `flock` tool: beside the lock file each process puts a file
 * with its own name (process id, its start time, boot id), then looks for claims of processes that live.
 *
 * Invariant: of two that claim at the same time at least one sees the other's file; both may, and then both are refused.
 * A dead process's claim is never that of a living one: ids come back, start times do not.
 */
import { readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { DiskError } from "./disk.ts";
import { onDisk } from "./node-disk-error.ts";

/** Returns what gives the claim up. @throws DiskError locked. */
export function claim(lockPath: string): () => void {
  const directory = dirname(lockPath);
  const prefix = `${basename(lockPath)}.`;
  const bootId = readIfThere("/proc/sys/kernel/random/boot_id").trim();
  const own = `${prefix}${process.pid}.${startTime(process.pid)}.${bootId}`;
  return onDisk(lockPath, () => {
    writeFileSync(`${directory}/${own}`, "");
    const giveUp = () => unlinkIfThere(`${directory}/${own}`);
    for (const name of readdirSync(directory)) {
      if (!name.startsWith(prefix) || name === own) continue;
      const [pid, started, boot] = name.slice(prefix.length).split(".");
      if (boot === bootId && started === startTime(Number(pid))) {
        giveUp();
        throw new DiskError("locked", lockPath);
      }
      unlinkIfThere(`${directory}/${name}`);
    }
    return giveUp;
  });
}

/** When a process started, in the kernel's ticks since boot; "" when it does not live. */
function startTime(pid: number): string {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything; the start time is the 20th field after it.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ESRCH") return "";
    throw error;
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
