/**
 * The memory of one partition of __share_group_state: the state of its share partitions.
 *
 * Owns: what a record means to memory, and what is done from time to time: snapshots of what has not changed for long, so that the
 * log behind them can be deleted. Leaves to decisions.ts: what requests mean.
 */
import type { ShareSnapshotValue, ShareUpdateValue } from "../../protocol/messages/share-state-records.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import type { Clock } from "../../storage/clock.ts";
import type { MetadataImage } from "../metadata/metadata-image.ts";
import type { CoordinatorLog } from "../state-machine/coordinator-log.ts";
import type { CoordinatorRecord, StoredRecord } from "../state-machine/coordinator-record.ts";
import type { Decision, RecordPosition, StateMachine, TimerCommand } from "../state-machine/decision.ts";
import type { Reply } from "../state-machine/reply.ts";
import type { Timeline } from "../state-machine/versioned.ts";
import type { ShareCoordinatorSettings } from "./share-coordinator-settings.ts";
import { coordinatorKey, type SharePartitionKey } from "./share-partition-key.ts";
import {
  afterSnapshot,
  afterUpdate,
  ShareSnapshotRecord,
  type StoredState,
  snapshotRecord,
  stateTombstone,
} from "./stored-state.ts";

export type ShareStateDeadline = "drop-deleted" | "prune" | "snapshot-cold";

/** What lies before the offset is not needed any more. */
export interface PruneEffect {
  readonly log: CoordinatorLog;
  readonly beforeOffset: number;
}

export type ShareStateDecision<R> = Decision<R, never, ShareStateDeadline, PruneEffect>;

export interface ShareStateAround {
  readonly clock: Clock;
  readonly settings: ShareCoordinatorSettings;
  /** The cluster as this broker knows it now. */
  readonly image: () => MetadataImage;
}

export class ShareStateMachine implements StateMachine<never, ShareStateDeadline, PruneEffect> {
  readonly settings: ShareCoordinatorSettings;
  private readonly states = new Map<string, StoredState>();
  private readonly timeline: Timeline;
  private readonly log: CoordinatorLog;
  private readonly around: ShareStateAround;

  constructor(timeline: Timeline, log: CoordinatorLog, around: ShareStateAround) {
    this.timeline = timeline;
    this.log = log;
    this.around = around;
    this.settings = around.settings;
  }

  get size(): number {
    return this.states.size;
  }

  get nowMs(): number {
    return this.around.clock.wallMs();
  }

  stateOf(key: SharePartitionKey): StoredState | undefined {
    return this.states.get(coordinatorKey(key));
  }

  /** Whether there is such a partition in the cluster. */
  exists({ topicId, partition }: SharePartitionKey): boolean {
    return this.around.image().topicsById.get(topicId)?.partitions[partition] !== undefined;
  }

  replay(record: StoredRecord | CoordinatorRecord, { offset }: RecordPosition): void {
    const key = record.key as SharePartitionKey;
    const name = coordinatorKey(key);
    const before = this.states.get(name);
    if (record.type === ShareSnapshotRecord) {
      if (record.value === null) this.states.delete(name);
      else {
        const value = record.value as Decode<typeof ShareSnapshotValue>;
        this.states.set(name, afterSnapshot(before, key, value, offset, this.settings.updatesPerSnapshot));
      }
    } else if (record.value !== null && before !== undefined) {
      this.states.set(name, afterUpdate(before, record.value as Decode<typeof ShareUpdateValue>));
    }
  }

  replayEndTransaction(): void {
    // Nothing is stored here inside a transaction.
  }

  apply(): void {
    // Everything is in the log.
  }

  onLoaded(): ShareStateDecision<never> {
    const first: TimerCommand<ShareStateDeadline> = { key: "drop-deleted", delayMs: 0, event: "drop-deleted" };
    return { timers: [first, this.nextPrune(), this.nextColdSnapshots()] };
  }

  onTimer(deadline: ShareStateDeadline): ShareStateDecision<never> {
    switch (deadline) {
      case "drop-deleted":
        return this.dropDeleted();
      case "prune":
        return this.prune();
      case "snapshot-cold":
        return this.snapshotCold();
    }
  }

  topicsDeleted(topicIds: ReadonlySet<string>): ShareStateDecision<never> {
    return { records: this.tombstones((topicId) => topicIds.has(topicId)), splittable: true };
  }

  *parkedReplies(): IterableIterator<Pick<Reply<unknown>, "refuse">> {
    // Nobody is parked here.
  }

  /** Topics may have been deleted while nobody led this partition: whoever leads it now knows of all that were made before. */
  private dropDeleted(): ShareStateDecision<never> {
    const { topicsById } = this.around.image();
    return { records: this.tombstones((topicId) => !topicsById.has(topicId)), splittable: true };
  }

  private tombstones(isGone: (topicId: string) => boolean): CoordinatorRecord[] {
    const records: CoordinatorRecord[] = [];
    for (const { key } of this.states.values()) if (isGone(key.topicId)) records.push(stateTombstone(key));
    return records;
  }

  /** All that any state is made of lies from its last snapshot on. */
  private prune(): ShareStateDecision<never> {
    let beforeOffset = this.timeline.endOffset;
    for (const { snapshotOffset } of this.states.values()) beforeOffset = Math.min(beforeOffset, snapshotOffset);
    return { effects: [{ log: this.log, beforeOffset }], timers: [this.nextPrune()] };
  }

  /** States that have had no snapshot for long get one; not when none has changed since it had such a one. */
  private snapshotCold(): ShareStateDecision<never> {
    const { nowMs } = this;
    const states = [...this.states.values()];
    const records = states.every(({ createTimestampMs, writeTimestampMs }) => createTimestampMs !== writeTimestampMs)
      ? []
      : states
          .filter(({ writeTimestampMs }) => nowMs - writeTimestampMs >= this.settings.coldSnapshotIntervalMs)
          .map((state) => {
            return snapshotRecord(state.key, {
              ...state,
              snapshotEpoch: state.snapshotEpoch + 1,
              writeTimestampMs: nowMs,
            });
          });
    return { records, splittable: true, timers: [this.nextColdSnapshots()] };
  }

  private nextPrune(): TimerCommand<ShareStateDeadline> {
    return { key: "prune", delayMs: this.settings.pruneIntervalMs, event: "prune" };
  }

  private nextColdSnapshots(): TimerCommand<ShareStateDeadline> {
    return { key: "snapshot-cold", delayMs: this.settings.coldSnapshotIntervalMs, event: "snapshot-cold" };
  }
}
