/** Memory that belongs to no pool: it lives as long as someone looks at it, and counts nothing. */
import type { SharedBuffer } from "../shared-buffer.ts";

export class UnpooledBuffer implements SharedBuffer {
  readonly buffer: Buffer;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  retain(): void {}

  release(): void {}
}
