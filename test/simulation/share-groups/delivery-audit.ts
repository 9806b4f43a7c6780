/**
 * What members of a share group were told of each record, and what must hold of it (KIP-932).
 *
 * A record that a member was told is done with (accepted or rejected) is given to nobody any more: not in answer to a fetch that was
 * sent after that. It is accepted with confirmation once at most. Nothing is delivered more often than the limit says. At the end
 * nothing is left that nobody has seen. What happened to an acknowledgement without an answer nobody knows: it excuses both.
 *
 * As in Kafka, a leader that does not know yet that it was deposed may give what it holds to members (nothing it is told then is
 * stored), and a word on a record that was delivered again since, and is done with, is answered as if it had been taken in.
 */
import { Violation } from "../audit/violation.ts";

/** Of a record, as members know it. */
interface Told {
  deliveries: number;
  highestCount: number;
  /** Since when it is done with, for certain. */
  doneAtMs: number | undefined;
  acceptedBy: string | undefined;
}

export interface Acquired {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly deliveryCount: number;
}

/** A member was told that its word on a record was taken in. */
export interface Settled {
  readonly partition: number;
  readonly offset: number;
  readonly isAccepted: boolean;
  /** Of the delivery the word is on. */
  readonly deliveryCount: number;
  readonly nowMs: number;
}

export class DeliveryAudit {
  deliveries = 0;
  again = 0;
  accepted = 0;
  rejected = 0;
  private readonly limit: number;
  private readonly partitions = new Map<number, Map<number, Told>>();

  /** @param limit of deliveries. */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** A fetch that was sent at this time brought these. @throws Violation */
  acquired(
    member: string,
    partition: number,
    { firstOffset, lastOffset, deliveryCount }: Acquired,
    sentAtMs: number,
    isFromLeader: boolean,
  ): void {
    for (let offset = firstOffset; offset <= lastOffset; offset++) {
      const told = this.of(partition, offset);
      const where = `${partition}@${offset}, given to ${member} by a fetch of ${sentAtMs.toFixed(1)} ms`;
      if (isFromLeader && told.doneAtMs !== undefined && told.doneAtMs < sentAtMs) {
        throw new Violation("V4", `${where}, was done with at ${told.doneAtMs.toFixed(1)} ms`);
      }
      if (deliveryCount > this.limit || deliveryCount < 1) {
        throw new Violation("V4", `${where}, is delivered for the ${deliveryCount}. time of ${this.limit}`);
      }
      if (told.deliveries > 0) this.again++;
      this.deliveries++;
      told.deliveries++;
      if (isFromLeader) told.highestCount = Math.max(told.highestCount, deliveryCount);
    }
  }

  /** The leader said that it has taken this in, and that it is stored. @throws Violation */
  done(member: string, { partition, offset, isAccepted, deliveryCount, nowMs }: Settled): void {
    const told = this.of(partition, offset);
    if (deliveryCount < told.highestCount) return;
    if (isAccepted && told.acceptedBy !== undefined) {
      throw new Violation("V4", `${partition}@${offset} is accepted by ${member} and by ${told.acceptedBy}`);
    }
    if (isAccepted) told.acceptedBy = member;
    told.doneAtMs ??= nowMs;
    if (isAccepted) this.accepted++;
    else this.rejected++;
  }

  /** A record that nobody ever saw; undefined when there is none below the end. */
  neverSeen(partition: number, endOffset: number): number | undefined {
    const seen = this.partitions.get(partition);
    for (let offset = 0; offset < endOffset; offset++) if (seen?.has(offset) !== true) return offset;
    return undefined;
  }

  private of(partition: number, offset: number): Told {
    const known = this.partitions.get(partition) ?? new Map<number, Told>();
    this.partitions.set(partition, known);
    let told = known.get(offset);
    if (told === undefined) {
      told = { deliveries: 0, highestCount: 0, doneAtMs: undefined, acceptedBy: undefined };
      known.set(offset, told);
    }
    return told;
  }
}
