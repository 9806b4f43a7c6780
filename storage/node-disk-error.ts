/** What an error code of the operating system means to a log: the kinds of DiskError. */
import { DiskError, type DiskErrorKind } from "./disk.ts";

const KINDS = new Map<string, DiskErrorKind>([
  ["ENOSPC", "full"],
  ["EDQUOT", "full"],
  ["EFBIG", "full"],
  ["ENOENT", "gone"],
  ["EEXIST", "exists"],
  ["EISDIR", "exists"],
  ["ENOTDIR", "exists"],
  ["ENOTEMPTY", "exists"],
  ["EMFILE", "handles"],
  ["ENFILE", "handles"],
  ["EACCES", "denied"],
  ["EPERM", "denied"],
  ["EROFS", "denied"],
  ["ENAMETOOLONG", "denied"],
]);

/** Anything not known is taken for a failure of the device, the worst that can be. */
export function toDiskError(error: unknown, path: string): DiskError {
  if (error instanceof DiskError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  return new DiskError(KINDS.get(code ?? "") ?? "io", path, { cause: error });
}

/** Runs one operation and turns its failure into a DiskError. */
export function onDisk<T>(path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw toDiskError(error, path);
  }
}
