/** A disk in memory that has only a part of what is read at hand, as one whose bytes are not in the page cache. */
import type { DiskFile } from "../../storage/disk.ts";
import { MemoryDisk } from "../../storage/memory-disk.ts";

export class ColdDisk extends MemoryDisk {
  private readonly partAtHand: number;

  constructor(partAtHand = 0) {
    super();
    this.partAtHand = partAtHand;
  }

  override open(path: string, options: { readonly create: boolean }): DiskFile {
    const file = super.open(path, options);
    file.readAtHand = (position, target) => {
      const sizeBytes = Math.floor(target.length * this.partAtHand);
      return sizeBytes === 0 ? 0 : file.read(position, target.subarray(0, sizeBytes));
    };
    return file;
  }
}
