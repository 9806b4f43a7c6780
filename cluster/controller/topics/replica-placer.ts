/**
 * Where the replicas of new partitions go: in stripes over racks and brokers (KIP-36), fenced brokers only when there are no others.
 *
 * Owns: the spread. Each partition takes its replicas from successive racks, starting one rack further on than the last; within a
 * rack brokers take turns. Leaves to the caller: directories, and who is in sync at once.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import type { Random } from "../../../storage/random.ts";

export interface UsableBroker {
  readonly id: number;
  readonly rack: string | null;
  readonly fenced: boolean;
}

/** Brokers of one rack and one kind, taken in turns that start one further on for each partition. */
class Turns {
  private readonly brokers: number[];
  private index = 0;
  private offset: number;
  private round = 0;

  constructor(brokers: number[], random: Random) {
    this.brokers = brokers.sort((a, b) => a - b);
    this.offset = brokers.length === 0 ? 0 : random.below(brokers.length);
  }

  /** The next broker of this round; undefined when all have had their turn. */
  next(round: number): number | undefined {
    const { length } = this.brokers;
    if (length === 0) return undefined;
    if (this.round !== round) {
      this.round = round;
      this.index = 0;
      this.offset = (this.offset + 1) % length;
    }
    if (this.index >= length) return undefined;
    return this.brokers[(this.index++ + this.offset) % length];
  }

  shuffle(random: Random): void {
    shuffle(this.brokers, random);
  }
}

interface Rack {
  readonly unfenced: Turns;
  readonly fenced: Turns;
}

export class ReplicaPlacer {
  private readonly random: Random;
  private readonly racks: Rack[];
  private readonly brokerCount: number;
  private readonly unfencedCount: number;
  private round = 0;
  private offset: number;

  constructor(brokers: readonly UsableBroker[], random: Random) {
    this.random = random;
    const names = [...new Set(brokers.map((broker) => broker.rack))].sort((a, b) => compareRacks(a, b));
    const turns = (rack: string | null, fenced: boolean): Turns =>
      new Turns(
        brokers.filter((broker) => broker.rack === rack && broker.fenced === fenced).map((broker) => broker.id),
        random,
      );
    this.racks = names.map((rack) => ({ unfenced: turns(rack, false), fenced: turns(rack, true) }));
    this.brokerCount = brokers.length;
    this.unfencedCount = brokers.filter((broker) => !broker.fenced).length;
    this.offset = names.length === 0 ? 0 : random.below(names.length);
  }

  /**
   * The replicas of each of some partitions, preferred leader first: never a fenced one.
   * @throws KafkaError INVALID_REPLICATION_FACTOR when there are too few brokers, or all are fenced.
   */
  place(partitionCount: number, replicationFactor: number): number[][] {
    if (replicationFactor <= 0) {
      refuse(`Invalid replication factor ${replicationFactor}: the replication factor must be positive.`);
    }
    if (this.unfencedCount === 0) {
      refuse("All brokers are currently fenced, or have all their log directories cordoned.");
    }
    if (replicationFactor > this.brokerCount) {
      refuse(
        `The target replication factor of ${replicationFactor} cannot be reached because only ${this.brokerCount} ` +
          "broker(s) are registered or some brokers have all their log directories cordoned.",
      );
    }
    return Array.from({ length: partitionCount }, () => this.placeOne(replicationFactor));
  }

  private placeOne(replicationFactor: number): number[] {
    // With as many partitions placed as there are brokers the stripes would repeat themselves.
    if (this.round === this.unfencedCount && this.unfencedCount > 1) this.reshuffle();
    const { racks, round } = this;
    const start = this.offset % racks.length;
    let leaderRack = start;
    let leader = rackAt(racks, leaderRack).unfenced.next(round);
    while (leader === undefined) {
      leaderRack = (leaderRack + 1) % racks.length;
      leader = rackAt(racks, leaderRack).unfenced.next(round);
    }
    const replicas = [leader];
    // The rack that gave the leader is passed over once.
    let skipped = false;
    for (let at = start; replicas.length < replicationFactor; at = (at + 1) % racks.length) {
      if (at === leaderRack && !skipped) {
        skipped = true;
        continue;
      }
      const rack = rackAt(racks, at);
      const replica = rack.unfenced.next(round) ?? rack.fenced.next(round);
      if (replica !== undefined) replicas.push(replica);
    }
    this.round++;
    this.offset = start + 1;
    return replicas;
  }

  private reshuffle(): void {
    shuffle(this.racks, this.random);
    for (const rack of this.racks) {
      rack.unfenced.shuffle(this.random);
      rack.fenced.shuffle(this.random);
    }
    this.round = 0;
  }
}

function rackAt(racks: readonly Rack[], index: number): Rack {
  return racks[index] as Rack;
}

/** Brokers without a rack come first. */
function compareRacks(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null) return -1;
  if (b === null) return 1;
  return a < b ? -1 : 1;
}

/** Fisher and Yates. */
function shuffle<T>(values: T[], random: Random): void {
  for (let last = values.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    const value = values[last] as T;
    values[last] = values[other] as T;
    values[other] = value;
  }
}

function refuse(message: string): never {
  throw new KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR, message);
}
