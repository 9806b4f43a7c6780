/**
 * The records of a share partition without a broker around them: acquired, acknowledged and stored by hand, and shown as text.
 */
import { strict as assert } from "node:assert";
import {
  type AcknowledgementBatch,
  acknowledge,
  type DeliveryChange,
  expireLocks,
  type LockTerms,
  releaseAll,
} from "../../../broker/share-partitions/acknowledgement.ts";
import { acquire } from "../../../broker/share-partitions/acquisition.ts";
import { DeliveryState } from "../../../broker/share-partitions/delivery.ts";
import type { FetchedBatch } from "../../../broker/share-partitions/fetched-batch.ts";
import type { InFlightRecords } from "../../../broker/share-partitions/in-flight-records.ts";
import { restoredRecords } from "../../../broker/share-partitions/restored-records.ts";
import type { StateBatch } from "../../../broker/share-state/share-persister.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { BatchIterator } from "../../../protocol/records/batch-iterator.ts";
import { batchOf } from "../../support/batches.ts";

const piece = batchOf(["x"]);
const batch = new BatchIterator(piece).next();
assert(batch !== undefined);

/** Batches of a log, by their first and last offsets. */
export function fetched(...ranges: readonly (readonly [number, number])[]): FetchedBatch[] {
  assert(batch !== undefined);
  const some = batch;
  return ranges.map(([baseOffset, lastOffset]) => ({ baseOffset, lastOffset, batch: some, piece }));
}

const LETTERS = new Map<number, string>([
  [DeliveryState.AVAILABLE, "v"],
  [DeliveryState.ACQUIRED, "q"],
  [DeliveryState.ACKNOWLEDGED, "k"],
  [DeliveryState.ARCHIVED, "x"],
]);

export class HeldRecords {
  held: InFlightRecords;
  nowMs = 0;
  lockMs = 100;
  maxDeliveryCount = 5;
  maxRecordLocks = 2000;
  mayRenew = true;

  constructor(startOffset = 0, stored: readonly StateBatch[] = []) {
    this.held = restoredRecords(startOffset, stored);
  }

  /** What a member gets of a read at the next offset: [first, last, delivery count] each. */
  acquire(
    memberId: string,
    batches: readonly FetchedBatch[],
    options: { maxRecords?: number; batchSize?: number; isExact?: boolean; fetchOffset?: number } = {},
  ): number[][] {
    const { maxRecords = 500, batchSize = 500, isExact = false, fetchOffset = this.held.nextFetchOffset } = options;
    const { maxDeliveryCount, maxRecordLocks } = this;
    return acquire(this.held, {
      ...{ memberId, maxRecords, batchSize, isExact, fetchOffset, fetched: batches },
      ...{ lockedUntilMs: this.nowMs + this.lockMs, maxDeliveryCount, maxRecordLocks },
    }).map(({ firstOffset, lastOffset, deliveryCount }) => [firstOffset, lastOffset, deliveryCount]);
  }

  private get terms(): LockTerms {
    const { maxDeliveryCount, mayRenew } = this;
    return { maxDeliveryCount, mayRenew, lockedUntilMs: this.nowMs + this.lockMs };
  }

  /** Begins to acknowledge; what is to be stored, or the code of the refusal. */
  begin(memberId: string, ...acknowledgements: readonly AcknowledgementBatch[]): DeliveryChange[] | number {
    const begun: DeliveryChange[] = [];
    try {
      acknowledge(this.held, memberId, acknowledgements, this.terms, begun);
      return begun;
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.rollBack(begun);
      return error.code;
    }
  }

  /** Acknowledges and stores; the code. */
  acknowledge(memberId: string, firstOffset: number, lastOffset: number, ...acknowledgeTypes: number[]): number {
    const begun = this.begin(memberId, { firstOffset, lastOffset, acknowledgeTypes });
    if (typeof begun === "number") return begun;
    this.commit(begun);
    return 0;
  }

  release(memberId: string): DeliveryChange[] {
    const begun: DeliveryChange[] = [];
    releaseAll(this.held, memberId, this.terms, begun);
    return begun;
  }

  commit(changes: readonly DeliveryChange[]): void {
    for (const { delivery } of changes) {
      delivery.commit();
      if (delivery.isAvailable) this.held.becameAvailable();
    }
    this.held.moveStart();
  }

  rollBack(changes: readonly DeliveryChange[]): void {
    for (const { delivery } of changes) {
      delivery.rollback(this.nowMs, this.maxDeliveryCount);
      if (delivery.isAvailable) this.held.becameAvailable();
    }
    this.held.moveStart();
  }

  /** Time passes, and locks end. */
  pass(ms: number): StateBatch[] {
    this.nowMs += ms;
    const { stored } = expireLocks(this.held, this.nowMs, this.terms);
    this.held.moveStart();
    return stored;
  }

  /** A letter a record from the start offset on: v available, q acquired, k acknowledged, x archived, . held by nobody. */
  get text(): string {
    const { held } = this;
    let text = `${held.startOffset}:`;
    let next = held.startOffset;
    for (const batch of held.batches) {
      if (batch.lastOffset < held.startOffset) continue;
      for (; next < batch.firstOffset; next++) text += ".";
      for (; next <= batch.lastOffset; next++) text += LETTERS.get(batch.at(next).state) ?? "?";
    }
    return text;
  }
}
