/**
 * What the controller is told of where this broker's replicas lie (KIP-858): directories that differ from what the metadata says,
 * and replicas that are lost because their log failed.
 *
 * Owns: reports on their way, newest per replica, one request at a time, and replicas that are about to move to another directory: the
 * controller hears of it before they do, so that it knows whom the end of that directory concerns. Leaves to the controller: what follows (a lost replica
 * leaves the ISR, leadership moves); to the heartbeats: whole directories that failed.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { errorCodeOf } from "../../protocol/kafka-error.ts";
import { AssignReplicasToDirs } from "../../protocol/messages/log-dirs.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import { DirectoryId } from "../../protocol/uuid.ts";
import type { Clock } from "../../storage/clock.ts";
import type { ClusterDelta } from "../metadata/cluster-image.ts";
import type { ControllerChannel } from "./controller-channel.ts";
import type { BrokerIdentity } from "./controller-link.ts";

type Response = Decode<(typeof AssignReplicasToDirs)["response"]>;

interface Report {
  readonly topicId: string;
  readonly partition: number;
  readonly directoryId: string;
  /** Whether the controller has taken it in. */
  readonly settled?: ((accepted: boolean) => void) | undefined;
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
  /** Directories in which replicas are about to be, by replica. */
  private readonly announced = new Map<string, string>();
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
        const announced = this.announced.get(keyOf(topicId, image.partition));
        const actual = slot < 0 ? undefined : (announced ?? this.directoryOf(topicId, image.partition));
        if (actual !== undefined && image.directories[slot] !== actual) this.report(topicId, image.partition, actual);
      }
    }
  }

  lost(topicId: string, partition: number): void {
    this.report(topicId, partition, DirectoryId.LOST);
  }

  report(topicId: string, partition: number, directoryId: string): void {
    this.add({ topicId, partition, directoryId });
  }

  /**
   * A replica is about to be in another directory: true once the controller knows, false when it is not to be there. Not settled once
   * nothing is reported any more.
   */
  announce(topicId: string, partition: number, directoryId: string): Promise<boolean> {
    this.announced.set(keyOf(topicId, partition), directoryId);
    return new Promise((settled) => this.add({ topicId, partition, directoryId, settled }));
  }

  /** What was announced has happened. */
  moved(topicId: string, partition: number): void {
    this.announced.delete(keyOf(topicId, partition));
  }

  /** What may have been announced will not happen. */
  stays(topicId: string, partition: number): void {
    if (!this.announced.delete(keyOf(topicId, partition))) return;
    const directoryId = this.directoryOf(topicId, partition);
    if (directoryId !== undefined) this.report(topicId, partition, directoryId);
    else this.drop(keyOf(topicId, partition));
  }

  private add(report: Report): void {
    const key = keyOf(report.topicId, report.partition);
    const before = this.waiting.get(key);
    // The same once more: whoever waits for the answer goes on to wait.
    const isSame = before?.directoryId === report.directoryId && report.settled === undefined;
    if (!isSame) this.drop(key);
    this.waiting.set(key, isSame ? before : report);
    if (!this.sending) queueMicrotask(() => this.send());
  }

  private drop(key: string): void {
    this.waiting.get(key)?.settled?.(false);
    this.waiting.delete(key);
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
      for (const [key, report] of sent) {
        const newer = this.waiting.get(key);
        if (newer === undefined || (newer.directoryId === report.directoryId && newer.settled === undefined))
          this.waiting.set(key, report);
        else report.settled?.(false);
      }
      this.clock.after(RETRY_MS, () => {
        this.sending = false;
        this.send();
      });
    };
    // What a single replica is refused for (its topic is gone, ...) no repetition mends.
    const done = (isRefused: (report: Report) => boolean): void => {
      for (const [, report] of sent) report.settled?.(!isRefused(report));
      this.sending = false;
      this.send();
    };
    const request = { ...this.identity(), directories: grouped(sent.map(([, report]) => report)) };
    this.channel.send(AssignReplicasToDirs, VERSION, request).then(
      (response) => {
        if (response.errorCode === ErrorCode.UNSUPPORTED_VERSION) done(() => false);
        else if (response.errorCode !== ErrorCode.NONE) retry();
        else {
          const refused = refusedIn(response);
          done((report) => refused.has(keyOf(report.topicId, report.partition)));
        }
      },
      (error: unknown) => {
        // A controller that knows of no directories need not be told of any.
        if (errorCodeOf(error) === ErrorCode.UNSUPPORTED_VERSION) done(() => false);
        else retry();
      },
    );
  }
}

function keyOf(topicId: string, partition: number): string {
  return `${topicId}-${partition}`;
}

function refusedIn({ directories }: Response): Set<string> {
  const refused = new Set<string>();
  for (const { topics } of directories) {
    for (const { topicId, partitions } of topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        if (errorCode !== ErrorCode.NONE) refused.add(keyOf(topicId, partitionIndex));
      }
    }
  }
  return refused;
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
