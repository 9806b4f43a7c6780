/**
 * The bytes of one simulated file: what the operating system shows, and what of it is on the device.
 *
 * A page written since the last sync keeps what the device had (its pre-image). At a crash each such page is kept, dropped
 * or torn between its sectors, whatever the others do. A page whose sync failed is clean in the eyes of the kernel
 * and yet not on the device: later syncs do not save it, only writing it again does.
 */
import type { SeededRandom } from "./seeded-random.ts";

const PAGE_BYTES = 4096;
const SECTOR_BYTES = 512;

/** What the device has of a page, filled up with zeros; undefined when it has nothing of it. */
type PreImage = Buffer | undefined;

export type Unsynced =
  /** All of it happened to be written back. */
  | "kept"
  | "dropped"
  /** Each page for itself, as the seed says. */
  | "random"
  /** In order, up to this size of the file, which lies between what was synced and what was written. */
  | { readonly prefixBytes: number };

export class SimulatedInode {
  sizeBytes = 0;
  durableBytes = 0;
  private content = Buffer.alloc(0);
  private readonly preImages = new Map<number, PreImage>();
  private readonly doomed = new Map<number, PreImage>();

  get unsyncedPages(): number {
    return this.preImages.size + this.doomed.size;
  }

  write(position: number, bytes: Buffer): void {
    const end = position + bytes.length;
    if (bytes.length === 0) return;
    for (let page = Math.floor(position / PAGE_BYTES); page * PAGE_BYTES < end; page++) this.touch(page);
    this.reserve(end);
    bytes.copy(this.content, position);
    this.sizeBytes = Math.max(this.sizeBytes, end);
  }

  read(position: number, target: Buffer): number {
    if (position >= this.sizeBytes) return 0;
    return this.content.copy(target, 0, position, Math.min(this.sizeBytes, position + target.length));
  }

  truncate(sizeBytes: number): void {
    for (let page = Math.floor(sizeBytes / PAGE_BYTES); page * PAGE_BYTES < this.sizeBytes; page++) this.touch(page);
    this.sizeBytes = sizeBytes;
  }

  sync(): void {
    this.preImages.clear();
    this.durableBytes = this.sizeBytes;
  }

  /** The sync that failed: the kernel forgets that the pages are dirty. */
  failSync(): void {
    for (const [page, image] of this.preImages) this.doomed.set(page, image);
    this.preImages.clear();
  }

  /** Changes a byte behind everyone's back, on the device as well. */
  flip(position: number, mask: number): void {
    if (position >= this.sizeBytes) throw new Error(`no byte at ${position}`);
    this.content[position] = (this.content[position] as number) ^ mask;
  }

  /** What is left when the power is gone; it counts as synced from here on. */
  crash(unsynced: Unsynced, random: SeededRandom): void {
    if (unsynced === "random") this.crashAtRandom(random);
    else if (unsynced === "dropped") this.restore([...this.preImages], this.durableBytes);
    else if (unsynced !== "kept") this.keepPrefix(unsynced.prefixBytes);
    // Whatever the rest did: these never reached the device.
    for (const [page, image] of this.doomed) this.putBack(page, image);
    this.preImages.clear();
    this.doomed.clear();
    this.durableBytes = this.sizeBytes;
  }

  private keepPrefix(prefixBytes: number): void {
    const from = Math.floor(prefixBytes / PAGE_BYTES) * PAGE_BYTES;
    const kept = Buffer.from(this.content.subarray(from, Math.min(prefixBytes, this.sizeBytes)));
    const later = [...this.preImages].filter(([page]) => page * PAGE_BYTES >= from);
    this.restore(later, Math.max(this.durableBytes, Math.min(prefixBytes, this.sizeBytes)));
    this.reserve(from + kept.length);
    kept.copy(this.content, from);
  }

  private crashAtRandom(random: SeededRandom): void {
    const grown = this.sizeBytes > this.durableBytes;
    if (grown && random.chance(0.4)) {
      this.keepPrefix(random.between(this.durableBytes, this.sizeBytes));
      return;
    }
    const size = random.pick([this.durableBytes, this.sizeBytes]);
    const dropped: [number, PreImage][] = [];
    for (const [page, image] of this.preImages) {
      const fate = random.below(3);
      if (fate === 0) dropped.push([page, image]);
      else if (fate === 1) dropped.push([page, this.torn(page, image, random)]);
    }
    this.restore(dropped, size);
  }

  /** The page with some of its sectors as they were. */
  private torn(page: number, image: PreImage, random: SeededRandom): Buffer {
    const mixed = Buffer.alloc(PAGE_BYTES);
    this.content.copy(mixed, 0, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
    for (let at = 0; at < PAGE_BYTES; at += SECTOR_BYTES) {
      if (random.chance(0.5)) continue;
      mixed.fill(0, at, at + SECTOR_BYTES);
      image?.copy(mixed, at, at, at + SECTOR_BYTES);
    }
    return mixed;
  }

  private restore(images: readonly [number, PreImage][], sizeBytes: number): void {
    this.reserve(sizeBytes);
    for (const [page, image] of images) this.putBack(page, image);
    this.sizeBytes = sizeBytes;
  }

  private putBack(page: number, image: PreImage): void {
    const from = page * PAGE_BYTES;
    this.content.fill(0, Math.min(from, this.content.length), Math.min(from + PAGE_BYTES, this.content.length));
    image?.copy(this.content, from);
  }

  private touch(page: number): void {
    if (this.preImages.has(page)) return;
    if (this.doomed.has(page)) {
      this.preImages.set(page, this.doomed.get(page));
      this.doomed.delete(page);
      return;
    }
    const from = page * PAGE_BYTES;
    let image: PreImage;
    if (from < this.durableBytes) {
      image = Buffer.alloc(PAGE_BYTES);
      this.content.copy(image, 0, from, Math.min(from + PAGE_BYTES, this.durableBytes));
    }
    this.preImages.set(page, image);
  }

  private reserve(sizeBytes: number): void {
    if (sizeBytes <= this.content.length) return;
    const grown = Buffer.alloc(Math.max(sizeBytes, this.content.length * 2, PAGE_BYTES));
    this.content.copy(grown, 0, 0, this.content.length);
    this.content = grown;
  }
}
