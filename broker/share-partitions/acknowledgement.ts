/**
 * What a member says of the records it holds: accepted, released, rejected, not there, or wanted for longer. And what becomes of them
 * without its word: given back when it leaves, taken when its time is up.
 *
 * Owns: which words are allowed for which records, and that a request of which one word is wrong changes nothing. Leaves to
 * SharePartition: storing the changes, which end by commit() or rollback().
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { StateBatch } from "../share-state/share-persister.ts";
import { type Delivery, DeliveryState } from "./delivery.ts";
import type { InFlightBatch } from "./in-flight-batch.ts";
import type { InFlightRecords } from "./in-flight-records.ts";

export const AcknowledgeType = { GAP: 0, ACCEPT: 1, RELEASE: 2, REJECT: 3, RENEW: 4 } as const;

const STATE_AFTER: ReadonlyMap<number, DeliveryState> = new Map([
  [AcknowledgeType.GAP, DeliveryState.ARCHIVED],
  [AcknowledgeType.ACCEPT, DeliveryState.ACKNOWLEDGED],
  [AcknowledgeType.RELEASE, DeliveryState.AVAILABLE],
  [AcknowledgeType.REJECT, DeliveryState.ARCHIVED],
]);

export interface AcknowledgementBatch {
  readonly firstOffset: number;
  /** Inclusive. */
  readonly lastOffset: number;
  /** One for all of them, or one for each. */
  readonly acknowledgeTypes: readonly number[];
}

/** A change that is being stored. */
export interface DeliveryChange {
  readonly delivery: Delivery;
  readonly stored: StateBatch;
}

/** What applies to records now. */
export interface LockTerms {
  readonly maxDeliveryCount: number;
  /** Of locks that are renewed. */
  readonly lockedUntilMs: number;
  /** Whether the group lets members renew at all. */
  readonly mayRenew: boolean;
}

/**
 * Takes in the acknowledgements of a member, all or, when one is wrong, none. What is renewed is renewed either way.
 * @param begun where the changes go that have begun.
 * @throws KafkaError INVALID_RECORD_STATE, INVALID_REQUEST; those that have begun are to be rolled back.
 */
export function acknowledge(
  held: InFlightRecords,
  memberId: string,
  acknowledgements: readonly AcknowledgementBatch[],
  terms: LockTerms,
  begun: DeliveryChange[],
): void {
  for (const acknowledgement of acknowledgements) {
    if (acknowledgement.lastOffset < held.startOffset) continue; // done with long ago
    const from = Math.max(acknowledgement.firstOffset, held.startOffset);
    for (const batch of batchesOf(held, acknowledgement)) {
      if (batch.lastOffset >= from) acknowledgeBatch(held, batch, memberId, acknowledgement, terms, begun);
    }
  }
}

function batchesOf(held: InFlightRecords, { firstOffset, lastOffset }: AcknowledgementBatch): readonly InFlightBatch[] {
  let floor = held.batches[held.floorIndex(firstOffset)];
  if (floor === undefined && firstOffset < held.startOffset) floor = held.batches[held.floorIndex(held.startOffset)];
  if (floor === undefined) throw new KafkaError(ErrorCode.INVALID_RECORD_STATE, "The records are not acquired.");
  const batches = held.startingWithin(floor.firstOffset, lastOffset);
  const end = batches[batches.length - 1]?.lastOffset ?? -1;
  if (end < firstOffset || end < lastOffset) {
    throw new KafkaError(ErrorCode.INVALID_REQUEST, "The records lie behind those that are acquired.");
  }
  return batches;
}

function acknowledgeBatch(
  held: InFlightRecords,
  batch: InFlightBatch,
  memberId: string,
  acknowledgement: AcknowledgementBatch,
  terms: LockTerms,
  begun: DeliveryChange[],
): void {
  const { firstOffset, lastOffset, acknowledgeTypes } = acknowledgement;
  if (!batch.isSplit) {
    requireHeld(batch.whole, memberId);
    const isWhole = batch.liesWithin(firstOffset, lastOffset) && !batch.isCutBy(held.startOffset);
    if (!isWhole || acknowledgeTypes.length > 1) batch.split();
  }
  const acknowledgeOne = (delivery: Delivery, first: number, last: number): boolean => {
    if (first > lastOffset) return false;
    requireHeld(delivery, memberId);
    const isEach = acknowledgeTypes.length > 1;
    const type = acknowledgeTypes[isEach ? first - firstOffset : 0] ?? -1;
    if (type === AcknowledgeType.RENEW) {
      if (!terms.mayRenew) {
        throw new KafkaError(ErrorCode.INVALID_RECORD_STATE, "The group does not let its members renew.");
      }
      delivery.renew(terms.lockedUntilMs);
      return true;
    }
    const state = STATE_AFTER.get(type);
    if (state === undefined) throw new KafkaError(ErrorCode.INVALID_REQUEST, "An acknowledge type is unknown.");
    begin(delivery, first, last, state, terms, begun);
    return true;
  };
  batch.visit(acknowledgeOne, Math.max(firstOffset, held.startOffset));
}

function requireHeld(delivery: Delivery, memberId: string): void {
  if (delivery.state !== DeliveryState.ACQUIRED) {
    throw new KafkaError(
      ErrorCode.INVALID_RECORD_STATE,
      delivery.isChanging ? "The records are being acknowledged." : "The records are not acquired.",
    );
  }
  if (delivery.memberId === memberId) return;
  throw new KafkaError(ErrorCode.INVALID_RECORD_STATE, "The records are acquired by another member.");
}

function begin(
  delivery: Delivery,
  firstOffset: number,
  lastOffset: number,
  state: DeliveryState,
  { maxDeliveryCount }: LockTerms,
  begun: DeliveryChange[],
): void {
  delivery.beginChange(state, maxDeliveryCount);
  begun.push({ delivery, stored: stateBatch(delivery, firstOffset, lastOffset) });
}

function stateBatch({ state, deliveryCount }: Delivery, firstOffset: number, lastOffset: number): StateBatch {
  return { firstOffset, lastOffset, deliveryState: state, deliveryCount };
}

/** A member goes, or its session: what it still holds is given back. */
export function releaseAll(held: InFlightRecords, memberId: string, terms: LockTerms, begun: DeliveryChange[]): void {
  for (const batch of held.batches) {
    if (!batch.isSplit && isHeldBy(batch.whole, memberId) && batch.isCutBy(held.startOffset)) batch.split();
    batch.visit((delivery, first, last) => {
      if (!isHeldBy(delivery, memberId)) return true;
      const state = last < held.startOffset ? DeliveryState.ARCHIVED : DeliveryState.AVAILABLE;
      begin(delivery, first, last, state, terms, begun);
      return true;
    });
  }
}

function isHeldBy({ state, memberId }: Delivery, id: string): boolean {
  return state === DeliveryState.ACQUIRED && memberId === id;
}

export interface Expiry {
  /** To be stored; nothing waits for it. */
  readonly stored: StateBatch[];
  /** When the next lock ends; infinite when none is held. */
  readonly nextMs: number;
}

/** Takes the records from members whose time is up. */
export function expireLocks(held: InFlightRecords, nowMs: number, { maxDeliveryCount }: LockTerms): Expiry {
  const stored: StateBatch[] = [];
  let nextMs = Number.POSITIVE_INFINITY;
  for (const batch of held.batches) {
    if (!batch.isSplit && isOverdue(batch.whole, nowMs) && batch.isCutBy(held.startOffset)) batch.split();
    batch.visit((delivery, first, last) => {
      if (isOverdue(delivery, nowMs)) {
        delivery.unlock(last < held.startOffset, maxDeliveryCount);
        stored.push(stateBatch(delivery, first, last));
        held.becameAvailable();
      } else if (delivery.state === DeliveryState.ACQUIRED) {
        nextMs = Math.min(nextMs, delivery.lockedUntilMs);
      }
      return true;
    });
  }
  return { stored, nextMs };
}

function isOverdue({ state, lockedUntilMs }: Delivery, nowMs: number): boolean {
  return state === DeliveryState.ACQUIRED && lockedUntilMs <= nowMs;
}
