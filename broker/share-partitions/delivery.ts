/**
 * Where one record, or a run of records that share one fate, stands with a share group (KIP-932).
 *
 * Owns: which state may follow which, the delivery count, who holds the lock and until when, and the change that is being stored.
 * Leaves to InFlightBatch: which records share it; to SharePartition: storing.
 * Invariant: while a change is being stored nobody acquires or acknowledges; it ends by commit() or rollback().
 */

/** Kafka's numbers, as they are stored. 3 is for dead letters, which this version does not know. */
export const DeliveryState = { AVAILABLE: 0, ACQUIRED: 1, ACKNOWLEDGED: 2, ARCHIVED: 4 } as const;
export type DeliveryState = (typeof DeliveryState)[keyof typeof DeliveryState];

export const NOBODY = "";
const NEVER = Number.POSITIVE_INFINITY;

export function isDone(state: DeliveryState): boolean {
  return state === DeliveryState.ACKNOWLEDGED || state === DeliveryState.ARCHIVED;
}

export class Delivery {
  state: DeliveryState;
  deliveryCount: number;
  /** Who holds it; NOBODY unless it is acquired. */
  memberId: string;
  /** When the lock of its holder ends. */
  lockedUntilMs: number;
  /** Who held it before the change that is being stored. */
  private holderBefore: string | undefined;
  /** Its records are gone from the log: whatever is being stored, it stays archived. */
  private isGone = false;

  constructor(state: DeliveryState, deliveryCount: number, memberId = NOBODY, lockedUntilMs = NEVER) {
    this.state = state;
    this.deliveryCount = deliveryCount;
    this.memberId = memberId;
    this.lockedUntilMs = lockedUntilMs;
  }

  /** A change of it is being stored. */
  get isChanging(): boolean {
    return this.holderBefore !== undefined;
  }

  get isAvailable(): boolean {
    return this.state === DeliveryState.AVAILABLE && !this.isChanging;
  }

  /** Acknowledged or archived, and stored as that. */
  get isSettled(): boolean {
    return isDone(this.state) && !this.isChanging;
  }

  copy(): Delivery {
    return new Delivery(this.state, this.deliveryCount, this.memberId, this.lockedUntilMs);
  }

  /** Gives it to a member; only for what is available. */
  acquire(memberId: string, lockedUntilMs: number): void {
    this.state = DeliveryState.ACQUIRED;
    this.deliveryCount++;
    this.memberId = memberId;
    this.lockedUntilMs = lockedUntilMs;
  }

  /** The holder keeps it for longer (KIP-1222). */
  renew(lockedUntilMs: number): void {
    this.lockedUntilMs = lockedUntilMs;
  }

  /**
   * The holder is done with it: from here on the change is being stored. What was delivered as often as it may be is archived instead
   * of becoming available.
   */
  beginChange(state: DeliveryState, maxDeliveryCount: number): void {
    this.holderBefore = this.memberId;
    this.memberId = NOBODY;
    const isOver = state === DeliveryState.AVAILABLE && this.deliveryCount >= maxDeliveryCount;
    this.state = isOver ? DeliveryState.ARCHIVED : state;
  }

  /** The change is stored. */
  commit(): void {
    this.holderBefore = undefined;
    this.lockedUntilMs = NEVER;
  }

  /** The change could not be stored: its holder has it again, unless the lock has ended meanwhile. */
  rollback(nowMs: number, maxDeliveryCount: number): void {
    const holder = this.holderBefore ?? NOBODY;
    this.holderBefore = undefined;
    if (this.isGone) return;
    this.state = DeliveryState.ACQUIRED;
    this.memberId = holder;
    if (this.lockedUntilMs <= nowMs) this.unlock(false, maxDeliveryCount);
  }

  /** Takes it from its holder, whose time is up. @param isGone the share group has nothing to do with it any more. */
  unlock(isGone: boolean, maxDeliveryCount: number): void {
    const isOver = isGone || this.deliveryCount >= maxDeliveryCount;
    this.state = isOver ? DeliveryState.ARCHIVED : DeliveryState.AVAILABLE;
    this.memberId = NOBODY;
    this.lockedUntilMs = NEVER;
  }

  /** It is not there any more, or nobody may see it. */
  archive(): void {
    this.isGone = true;
    this.state = DeliveryState.ARCHIVED;
    this.memberId = NOBODY;
    this.lockedUntilMs = NEVER;
  }
}
