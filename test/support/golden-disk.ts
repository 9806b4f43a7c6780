/** Unpacks the data directories of Apache Kafka in test/golden/disk onto a disk. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Disk } from "../../storage/disk.ts";

const BLOCK_BYTES = 512;
const REGULAR_FILE = "0";

export interface PackedFile {
  /** Below the packed directory. */
  readonly path: string;
  readonly content: Buffer;
}

/** The files of one of the two directories. */
export function goldenFiles(name: "clean" | "unclean"): PackedFile[] {
  const tar = gunzipSync(readFileSync(new URL(`../golden/disk/${name}.tar.gz`, import.meta.url)));
  const files: PackedFile[] = [];
  for (let at = 0; at + BLOCK_BYTES <= tar.length && tar[at] !== 0; ) {
    const header = tar.subarray(at, at + BLOCK_BYTES);
    const sizeBytes = Number.parseInt(text(header, 124, 12), 8);
    const path = text(header, 0, 100);
    at += BLOCK_BYTES;
    if (text(header, 156, 1) === REGULAR_FILE) {
      files.push({ path: path.replace(/^(\.\/)?[^/]+\//, ""), content: tar.subarray(at, at + sizeBytes) });
    }
    at += Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return files;
}

/** Writes the files of one directory below `root`; only those of the partitions named, when there are any. */
export function unpackGolden(
  disk: Disk,
  root: string,
  name: "clean" | "unclean",
  partitions?: readonly string[],
): void {
  for (const { path, content } of goldenFiles(name)) {
    const directory = path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
    if (partitions !== undefined && !partitions.includes(directory)) continue;
    disk.makeDirectory(`${root}/${directory}`);
    disk.writeFile(`${root}/${path}`, content);
  }
}

function text(header: Buffer, at: number, length: number): string {
  const field = header.toString("latin1", at, at + length);
  const end = field.indexOf("\0");
  return (end < 0 ? field : field.slice(0, end)).trim();
}
