/**
 * The lock of a directory: one process at a time, gone when that process is, however it ends.
 *
 * Node.js cannot ask the kernel for a lock itself. macOS and Windows give one with the open call. On Linux the `flock` tool
 * (util-linux, busybox) locks the open file this process hands it: the lock belongs to the open file, which stays ours when
 * the tool has ended, so it holds across containers and needs no cleaning up. Where that tool is missing, a claim file
 * says who we are (node-lock-claim).
 * Invariant: within this process a path is locked once; descriptors are not inherited by children.
 */
import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync, realpathSync } from "node:fs";
import { DiskError, type DiskLock } from "./disk.ts";
import { onDisk } from "./node-disk-error.ts";
import { claim } from "./node-lock-claim.ts";

/** libuv's UV_FS_O_EXLOCK, which Node.js passes through but does not name: O_EXLOCK of macOS, no sharing on Windows. */
const OPEN_LOCKED: Partial<Record<NodeJS.Platform, number>> = { darwin: 0x20 | 0x4, win32: 0x10000000 };
const FLOCK_CONFLICT_STATUS = 1;

const held = new Set<string>();

/** Takes the lock file at `path`, making it if need be. @throws DiskError locked. */
export function lockFile(path: string): DiskLock {
  const openLocked = OPEN_LOCKED[process.platform];
  const descriptor = onDisk(path, () => {
    try {
      return openSync(path, constants.O_RDWR | constants.O_CREAT | (openLocked ?? 0), 0o644);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (openLocked !== undefined && (code === "EAGAIN" || code === "EBUSY")) throw new DiskError("locked", path);
      throw error;
    }
  });
  const name = realpathSync(path);
  let release: () => void;
  try {
    if (held.has(name)) throw new DiskError("locked", path);
    release = openLocked === undefined ? flockOrClaim(path, descriptor) : () => {};
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  held.add(name);
  return {
    release: () => {
      if (!held.delete(name)) return;
      release();
      closeSync(descriptor);
    },
  };
}

function flockOrClaim(path: string, descriptor: number): () => void {
  const result = spawnSync("flock", ["-x", "-n", "3"], { stdio: ["ignore", "ignore", "ignore", descriptor] });
  if (result.status === 0) return () => {};
  if (result.status === FLOCK_CONFLICT_STATUS) throw new DiskError("locked", path);
  return claim(path);
}
