/**
 * Somebody who looks at all offsets of a group again and again, as whoever watches its lag does, and is no member.
 */
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { OffsetFetch } from "../../../protocol/messages/group-offsets.ts";
import type { ClientEnvironment } from "../clients/cluster-client.ts";
import type { SimulatedCluster } from "../world/simulated-cluster.ts";
import { CoordinatorClient } from "./coordinator-client.ts";
import type { GroupAudit } from "./group-audit.ts";
import { keyOf } from "./held-positions.ts";
import { NEVER_WRITTEN } from "./register-history.ts";

const VERSION = 9;
const LOOK_EVERY_MS = 150;

export class OffsetWatch {
  readonly client: CoordinatorClient;
  private readonly audit: GroupAudit;
  private readonly partitions: () => readonly string[];

  /** @param partitions that the group may read, as there are now. */
  constructor(
    environment: ClientEnvironment,
    world: SimulatedCluster,
    audit: GroupAudit,
    partitions: () => readonly string[],
  ) {
    this.client = new CoordinatorClient(environment, world, audit.groupId, []);
    this.audit = audit;
    this.partitions = partitions;
  }

  get groupId(): string {
    return this.audit.groupId;
  }

  /** Until it is closed. */
  async watch(): Promise<void> {
    while (!this.client.isClosed) {
      await this.client.pause(LOOK_EVERY_MS);
      if (!this.client.isClosed) await this.look(false);
    }
  }

  /** Resolves when the group's coordinator has told all of them. */
  async readAll(): Promise<void> {
    while (!(await this.look(true))) await this.client.pause(LOOK_EVERY_MS);
  }

  close(): void {
    this.client.close();
  }

  private async look(requireStable: boolean): Promise<boolean> {
    const { groupId } = this.audit;
    const partitions = this.partitions();
    const answer = await this.client.ask(OffsetFetch, VERSION, { requireStable, groups: [{ groupId, topics: null }] });
    const group = answer?.body.groups[0];
    if (answer === undefined || group?.errorCode !== ErrorCode.NONE) {
      this.client.heed((group?.errorCode ?? ErrorCode.NONE) as ErrorCode);
      return false;
    }
    const told = new Map<string, string>();
    for (const { name, partitions: offsets } of group.topics) {
      for (const { partitionIndex, metadata } of offsets) told.set(keyOf(name, partitionIndex), metadata ?? "?");
    }
    for (const key of partitions) this.audit.read(key, told.get(key) ?? NEVER_WRITTEN, answer);
    return answer.trusted;
  }
}
