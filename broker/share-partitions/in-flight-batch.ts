/**
 * Records one behind another that were acquired together: one Delivery for all of them, until some take a way of their own.
 */
import { Delivery, DeliveryState } from "./delivery.ts";

export class InFlightBatch {
  readonly firstOffset: number;
  /** Inclusive. */
  readonly lastOffset: number;
  /** Of all its records as long as they are not told apart. */
  readonly whole: Delivery;
  /** One a record, from firstOffset on. */
  private each: Delivery[] | undefined;

  constructor(firstOffset: number, lastOffset: number, whole: Delivery) {
    this.firstOffset = firstOffset;
    this.lastOffset = lastOffset;
    this.whole = whole;
  }

  get recordCount(): number {
    return this.lastOffset - this.firstOffset + 1;
  }

  get isSplit(): boolean {
    return this.each !== undefined;
  }

  /** From here on each record has its own; none that is being stored may be split. */
  split(): void {
    this.each ??= Array.from({ length: this.recordCount }, () => this.whole.copy());
  }

  /** As split(), with what lies behind an offset as if it had never been acquired. */
  splitAvailableAfter(lastAcquiredOffset: number): void {
    const acquiredCount = lastAcquiredOffset - this.firstOffset + 1;
    this.each = Array.from({ length: this.recordCount }, (_, index) =>
      index < acquiredCount ? this.whole.copy() : new Delivery(DeliveryState.AVAILABLE, 0),
    );
  }

  /** Of the record at an offset of the batch. */
  at(offset: number): Delivery {
    return this.each?.[offset - this.firstOffset] ?? this.whole;
  }

  /**
   * Visits each Delivery with the records it is of, in order, until one visit returns false; false then.
   * @param fromOffset those that end before are left out.
   */
  visit(
    run: (delivery: Delivery, firstOffset: number, lastOffset: number) => boolean,
    fromOffset = this.firstOffset,
  ): boolean {
    const { each, firstOffset } = this;
    if (each === undefined) return fromOffset > this.lastOffset || run(this.whole, firstOffset, this.lastOffset);
    for (let i = Math.max(0, fromOffset - firstOffset); i < each.length; i++) {
      if (!run(each[i] as Delivery, firstOffset + i, firstOffset + i)) return false;
    }
    return true;
  }

  /** Whether all of it lies between two offsets, inclusive. */
  liesWithin(firstOffset: number, lastOffset: number): boolean {
    return this.firstOffset >= firstOffset && this.lastOffset <= lastOffset;
  }

  /** Part of it lies before an offset and part of it from there on. */
  isCutBy(offset: number): boolean {
    return this.firstOffset < offset && this.lastOffset >= offset;
  }
}
