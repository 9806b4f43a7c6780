/**
 * One leader broker as the source of everything this broker follows there.
 *
 * Owns: that a partition is asked for soon after it is followed. A request that waits at the leader for data keeps its connection,
 * so what is followed meanwhile is asked for on a second one, with short waits, until the first comes back and takes it over.
 */
import type { Address } from "../../broker/network/network.ts";
import type { Partition } from "../../broker/partition/partition.ts";
import { type FollowedPartition, followedFrom } from "./follower-fetch.ts";
import { ReplicaFetcher, type ReplicaFetcherOptions } from "./replica-fetcher.ts";

/** How long newcomers may keep each other waiting. */
const NEWCOMER_WAIT_MS = 10;

export class LeaderSource {
  readonly address: Address;
  private readonly newOptions: () => ReplicaFetcherOptions;
  private readonly main: ReplicaFetcher;
  private newcomers: ReplicaFetcher | undefined;
  /** The main fetcher waits for the newcomers. */
  private isHeld = false;

  /** @param newOptions a fetcher's options, with a client of its own. */
  constructor(address: Address, newOptions: () => ReplicaFetcherOptions) {
    this.address = address;
    this.newOptions = newOptions;
    this.main = new ReplicaFetcher(newOptions(), { mustHold: () => this.takeOver() });
  }

  get size(): number {
    return this.main.size + (this.newcomers?.size ?? 0);
  }

  follow(partition: Partition, leaderEpoch: number): void {
    const followed = followedFrom(partition, leaderEpoch);
    // On whichever connection it was followed in an earlier epoch, it is so no more.
    this.forget(partition.topicId, partition.index);
    if (this.main.isWaiting) this.followAsNewcomer(followed);
    else this.main.follow(followed);
  }

  private followAsNewcomer(followed: FollowedPartition): void {
    if (this.newcomers === undefined) {
      const options = this.newOptions();
      const maxWaitMs = Math.min(options.maxWaitMs, NEWCOMER_WAIT_MS);
      const hooks = { mustHold: () => this.isHeld, onReturn: () => this.newcomersReturned() };
      this.newcomers = new ReplicaFetcher({ ...options, maxWaitMs }, hooks);
    }
    this.newcomers.follow(followed);
  }

  forget(topicId: string, index: number): void {
    this.main.forget(topicId, index);
    this.newcomers?.forget(topicId, index);
  }

  /** Before the main fetcher's next request; true while newcomers are still asked for on the other connection. */
  private takeOver(): boolean {
    const { newcomers } = this;
    if (newcomers === undefined) return false;
    this.isHeld = newcomers.isWaiting;
    if (this.isHeld) return true;
    this.newcomers = undefined;
    for (const followed of newcomers.release()) this.main.follow(followed);
    return false;
  }

  private newcomersReturned(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.main.proceed();
  }

  /** The leader's broker came back, perhaps. */
  retryNow(): void {
    this.main.retryNow();
    this.newcomers?.retryNow();
  }

  close(): void {
    this.main.close();
    this.newcomers?.close();
  }
}
