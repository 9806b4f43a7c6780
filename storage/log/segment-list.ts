/**
 * The segments of a log in the order of their base offsets.
 *
 * Invariant: each holds offsets from its base up to the base of the next; the last one grows.
 */
import { strict as assert } from "node:assert";
import type { Segment } from "./segment.ts";

export class SegmentList {
  private readonly segments: Segment[] = [];

  get length(): number {
    return this.segments.length;
  }

  get all(): readonly Segment[] {
    return this.segments;
  }

  get first(): Segment {
    return this.segments[0] as Segment;
  }

  get active(): Segment {
    return this.segments[this.segments.length - 1] as Segment;
  }

  get sizeBytes(): number {
    let sizeBytes = 0;
    for (const segment of this.segments) sizeBytes += segment.sizeBytes;
    return sizeBytes;
  }

  at(index: number): Segment | undefined {
    return this.segments[index];
  }

  /** Index of the segment that would hold `offset`; -1 below the first. */
  floorIndex(offset: number): number {
    let low = -1;
    let high = this.segments.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.segments[middle] as Segment).baseOffset <= offset) low = middle;
      else high = middle;
    }
    return low;
  }

  has(segment: Segment): boolean {
    return this.segments[this.floorIndex(segment.baseOffset)] === segment;
  }

  add(segment: Segment): void {
    const before = this.floorIndex(segment.baseOffset);
    assert(this.segments[before]?.baseOffset !== segment.baseOffset, "two segments have the same base offset");
    this.segments.splice(before + 1, 0, segment);
  }

  remove(segment: Segment): void {
    const index = this.floorIndex(segment.baseOffset);
    assert(this.segments[index] === segment, "a segment is removed that is not there");
    this.segments.splice(index, 1);
  }
}
