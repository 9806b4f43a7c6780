/**
 * Brokers that seem to be gone, and those that are gone since a moment: what clients are told of them meanwhile.
 *
 * A client whose connection breaks asks at once who leads now, which is some milliseconds before the controller has decided it;
 * told the old leader, librdkafka asks again after a second. So a broker whose own connection to the same leader just broke holds
 * that answer until the matter is decided, a tenth of a second at most.
 *
 * Owns: which brokers are suspected and since when, and who waits. Leaves to the controller: whether they are gone.
 */
import type { Clock, Timer } from "../../storage/clock.ts";
import type { BrokerImage, MetadataImage } from "./metadata-image.ts";

type Brokers = Pick<MetadataImage, "brokers">;

/** As much of a delta as is about brokers. */
interface BrokerChanges {
  readonly previous: Brokers;
  readonly image: Brokers;
  readonly changedBrokers: Iterable<number>;
}

/** Enough for a proof of death and an election. */
const SUSPICION_MS = 100;
/**
 * How long a broker found dead is still named. librdkafka gives up the partitions of a broker that vanishes, even those it has just
 * been told a new leader of, and looks at them again after a second: they have to move first.
 */
const NAMED_MS = 2000;

export class LostBrokers {
  private readonly clock: Clock;
  private readonly suspected = new Map<number, Timer>();
  private readonly fencedAtMs = new Map<number, number>();
  private readonly waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The connection to a broker that used to answer broke: it may be gone. */
  suspect(brokerId: number): void {
    this.suspected.get(brokerId)?.cancel();
    this.suspected.set(
      brokerId,
      this.clock.after(SUSPICION_MS, () => this.settle(brokerId)),
    );
  }

  /** It is there again, or gone, or nobody knows in time. */
  settle(brokerId: number): void {
    const timer = this.suspected.get(brokerId);
    if (timer === undefined) return;
    timer.cancel();
    this.suspected.delete(brokerId);
    for (const look of [...this.waiting]) look();
  }

  apply({ changedBrokers, previous, image }: BrokerChanges): void {
    for (const id of changedBrokers) {
      const now = image.brokers.get(id);
      if (now !== undefined && diedJustNow(previous.brokers.get(id), now)) {
        this.fencedAtMs.set(id, this.clock.monotonicMs());
      } else if (now?.fenced !== true) {
        this.fencedAtMs.delete(id);
      }
      this.settle(id);
    }
  }

  get suspectsAnybody(): boolean {
    return this.suspected.size > 0;
  }

  /** Whether the metadata says that a broker leads one of these topics which may be gone. */
  leadsAmong(topics: Iterable<{ readonly partitions: readonly { readonly leader: number }[] }>): boolean {
    for (const { partitions } of topics) {
      for (const { leader } of partitions) if (this.suspected.has(leader)) return true;
    }
    return false;
  }

  /** Looks each time a suspicion is settled, until the returned function is called. */
  onSettled(look: () => void): () => void {
    this.waiting.add(look);
    return () => this.waiting.delete(look);
  }

  /**
   * Differs from Kafka: a broker that is found dead at once, and not when its session runs out, is named for two seconds more in
   * Metadata: clients learn of the new leaders before they learn that the old one is gone.
   */
  isStillNamed(brokerId: number, { brokers }: Brokers): boolean {
    const fencedAtMs = this.fencedAtMs.get(brokerId);
    return (
      fencedAtMs !== undefined &&
      brokers.get(brokerId)?.fenced === true &&
      this.clock.monotonicMs() - fencedAtMs < NAMED_MS
    );
  }

  /** Nobody waits any more. */
  close(): void {
    for (const timer of this.suspected.values()) timer.cancel();
    this.suspected.clear();
    this.waiting.clear();
  }
}

/** One that leaves in good order has given its leaderships away before. */
function diedJustNow(before: BrokerImage | undefined, now: BrokerImage): boolean {
  return before?.fenced === false && now.fenced && !now.inControlledShutdown && before.brokerEpoch === now.brokerEpoch;
}
