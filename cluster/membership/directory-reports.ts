/**
 * What the controller is told of where this broker's replicas lie (KIP-858): directories that differ from what the metadata says,
 * and replicas that are lost because their log failed.
 *
 * Owns: reports on their way, newest per replica, one request at a time. Leaves to the controller: what follows (a lost replica
 * leaves the ISR, leadership moves); to the heartbeats: whole directories that failed.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { AssignReplicasToDirs } from "../../protocol/messages/log-dirs.ts";
import { DirectoryId } from "../../protocol/uuid.ts";
import type { Clock } from "../../storage/clock.ts";
import type { ClusterDelta } from "../metadata/cluster-image.ts";
import type { ControllerChannel } from "./controller-channel.ts";
import type { BrokerIdentity } from "./controller-link.ts";

interface Report {
  readonly topicId: string;
  readonly partition: number;
  readonly directoryId: string;
}

const VERSION = 0;
const RETRY_MS = 100;
/** Replicas in one request. */
const MAX_REPORTS = 2_250;

export class DirectoryReports {
  private readonly channel: ControllerChannel;
  private readonly clock: Clock;
  private readonly identity: () => BrokerIdentity;
  /** Where a replica lies, if it is here. */
  private readonly directoryOf: (topicId: string, partition: number) => string | undefined;
  private waiting = new Map<string, Report>();
  private sending = false;
  private closed = false;

  constructor(
    channel: ControllerChannel,
    clock: Clock,
    identity: () => BrokerIdentity,
    directoryOf: (topicId: string, partition: number) => string | undefined,
  ) {
    this.channel = channel;
    this.clock = clock;
    this.identity = identity;
    this.directoryOf = directoryOf;
  }

  /** Reports every replica whose directory is not the one the metadata has. */
  apply(delta: ClusterDelta, brokerId: number): void {
    for (const topicId of delta.changedTopicIds) {
      const topic = delta.image.topicsById.get(topicId);
      const before = delta.previous.topicsById.get(topicId);
      for (const image of topic?.partitions ?? []) {
        if (image === before?.partitions[image.partition]) continue;
        const slot = image.replicas.indexOf(brokerId);
        const actual = slot < 0 ? undefined : this.directoryOf(topicId, image.partition);
        if (actual !== undefined && image.directories[slot] !== actual) this.report(topicId, image.partition, actual);
      }
    }
  }

  lost(topicId: string, partition: number): void {
    this.report(topicId, partition, DirectoryId.LOST);
  }

  report(topicId: string, partition: number, directoryId: string): void {
    this.waiting.set(`${topicId}-${partition}`, { topicId, partition, directoryId });
    if (!this.sending) queueMicrotask(() => this.send());
  }

  close(): void {
    this.closed = true;
  }

  private send(): void {
    if (this.sending || this.closed || this.waiting.size === 0) return;
    this.sending = true;
    const sent = [...this.waiting].slice(0, MAX_REPORTS);
    for (const [key] of sent) this.waiting.delete(key);
    const retry = (): void => {
      for (const [key, report] of sent) if (!this.waiting.has(key)) this.waiting.set(key, report);
      this.clock.after(RETRY_MS, () => {
        this.sending = false;
        this.send();
      });
    };
    const request = { ...this.identity(), directories: grouped(sent.map(([, report]) => report)) };
    this.channel.send(AssignReplicasToDirs, VERSION, request).then((response) => {
      if (response.errorCode !== ErrorCode.NONE) {
        retry();
        return;
      }
      // What a single replica is refused for (its topic is gone, ...) no repetition mends.
      this.sending = false;
      this.send();
    }, retry);
  }
}

function grouped(reports: readonly Report[]) {
  const directories = new Map<string, Map<string, { partitionIndex: number }[]>>();
  for (const { topicId, partition, directoryId } of reports) {
    const topics = directories.get(directoryId) ?? new Map<string, { partitionIndex: number }[]>();
    directories.set(directoryId, topics);
    const partitions = topics.get(topicId) ?? [];
    topics.set(topicId, partitions);
    partitions.push({ partitionIndex: partition });
  }
  return [...directories].map(([id, topics]) => ({
    id,
    topics: [...topics].map(([topicId, partitions]) => ({ topicId, partitions })),
  }));
}
