/**
 * A group that commits once, as somebody does who shares out partitions himself, and is never heard of again: its offsets last as long
 * as offsets.retention.minutes says, and no longer, whoever coordinates it meanwhile.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { OffsetCommit, OffsetFetch } from "../../../protocol/messages/group-offsets.ts";
import { Violation } from "../audit/violation.ts";
import type { ClientEnvironment } from "../clients/cluster-client.ts";
import type { SimulatedCluster } from "../world/simulated-cluster.ts";
import { CoordinatorClient } from "./coordinator-client.ts";
import { EXPIRY_CHECK_MS, RETENTION_MS } from "./group-plan.ts";

export const ABANDONED = "abandoned";
const VERSION = 9;
const PARTITION = { name: "t0", partitionIndex: 0 };
const OFFSET = 42;
/** A coordinator looks once in an interval, beginning when it has loaded its groups. */
const EXPIRY_GRACE_MS = 2 * EXPIRY_CHECK_MS + 1000;

export class AbandonedGroup {
  private readonly client: CoordinatorClient;
  private committedAtMs = 0;

  constructor(environment: ClientEnvironment, world: SimulatedCluster) {
    this.client = new CoordinatorClient(environment, world, ABANDONED, []);
  }

  /** Commits, until that is acknowledged. */
  async commit(): Promise<void> {
    const { name, partitionIndex } = PARTITION;
    const partitions = [{ partitionIndex, committedOffset: OFFSET, committedMetadata: "" }];
    for (;;) {
      const request = { groupId: ABANDONED, memberId: "", topics: [{ name, partitions }] };
      const answer = await this.client.ask(OffsetCommit, VERSION, request);
      const code = answer?.body.topics[0]?.partitions[0]?.errorCode as ErrorCode | undefined;
      this.committedAtMs = this.client.nowMs;
      if (code === ErrorCode.NONE) return;
      await this.askAgain(code);
    }
  }

  /** V24: not before its time. */
  async requireThere(): Promise<void> {
    const offset = await this.committed();
    const ageMs = this.client.nowMs - this.committedAtMs;
    if (offset === OFFSET || ageMs >= RETENTION_MS - EXPIRY_GRACE_MS) return;
    throw new Violation("V24", `the offset of an abandoned group is ${offset} after ${ageMs} ms`);
  }

  /** Until it must be gone, once its coordinator has loaded its groups. */
  get untilGoneMs(): number {
    return Math.max(EXPIRY_GRACE_MS, this.committedAtMs + RETENTION_MS + EXPIRY_GRACE_MS - this.client.nowMs);
  }

  /** V24: when its time has come. */
  async requireGone(): Promise<void> {
    const offset = await this.committed();
    const ageMs = this.client.nowMs - this.committedAtMs;
    this.client.close();
    if (offset >= 0) throw new Violation("V24", `an abandoned group has an offset after ${ageMs} ms`);
  }

  /** What its coordinator says is committed; -1 for nothing. */
  private async committed(): Promise<number> {
    const { name, partitionIndex } = PARTITION;
    const groups = [{ groupId: ABANDONED, topics: [{ name, partitionIndexes: [partitionIndex] }] }];
    for (;;) {
      const answer = await this.client.ask(OffsetFetch, VERSION, { requireStable: true, groups });
      const group = answer?.body.groups[0];
      const [told] = group?.topics[0]?.partitions ?? [];
      if (answer?.trusted === true && group?.errorCode === ErrorCode.NONE && told?.errorCode === ErrorCode.NONE) {
        return Number(told.committedOffset);
      }
      await this.askAgain(group?.errorCode as ErrorCode | undefined);
    }
  }

  private async askAgain(code: ErrorCode | undefined): Promise<void> {
    this.client.heed(code ?? ErrorCode.NONE);
    await this.client.pause(this.client.cluster.settings.retryBackoffMs);
  }
}
