/**
 * The quorum's protocol (KIP-595) as a state machine that does no I/O: a message or a tick goes in, what is to be persisted, sent
 * and applied comes out, in this order.
 *
 * Owns: role, epoch, leader, the progress of other replicas, the high watermark. Leaves to metadata-quorum.ts and
 * metadata-observer.ts: logs, files, the network. Elections among several voters are still to come; a voter that is alone elects
 * itself, and everything else counts majorities already.
 * Invariant: epoch and high watermark never go back; nothing counts as committed that a majority does not have on the device.
 */
import { strict as assert } from "node:assert";

export interface ReplicaKey {
  readonly id: number;
  /** The zero uuid when it is not told. */
  readonly directoryId: string;
}

/** What a replica must not forget; the content of the quorum-state file. */
export interface QuorumState {
  /** -1: none known. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
  /** -1: no vote in this epoch. */
  readonly votedId: number;
}

export interface ReplicaProgress {
  readonly key: ReplicaKey;
  /** The replica has everything below; -1 unknown. */
  readonly endOffset: number;
  /** Wall clock, for those who ask; -1 never. */
  readonly lastFetchWallMs: number;
  readonly lastCaughtUpWallMs: number;
  /** Monotonic. */
  readonly lastFetchMs: number;
  /** The leader's end at that fetch. */
  readonly leaderEndOffset: number;
}

export type RaftInput =
  /** The node has opened its log and read its quorum-state. */
  | {
      readonly type: "started";
      readonly voters: readonly ReplicaKey[];
      readonly stored: QuorumState | undefined;
      readonly logEpoch: number;
      readonly nowMs: number;
    }
  /** The leader's first record of its epoch lies at this offset. */
  | { readonly type: "epochStarted"; readonly offset: number }
  /** The local log ends here. */
  | { readonly type: "appended"; readonly endOffset: number }
  /** The local log is on the device up to here. */
  | { readonly type: "synced"; readonly endOffset: number }
  /** A replica asked the leader for what follows this offset. */
  | {
      readonly type: "fetched";
      readonly replica: ReplicaKey;
      readonly fetchOffset: number;
      readonly nowMs: number;
      readonly wallMs: number;
    }
  /** An answer named an epoch and, perhaps, its leader. */
  | { readonly type: "leaderLearned"; readonly leaderId: number; readonly leaderEpoch: number; readonly nowMs: number }
  /** The leader answered: this is what it has committed. */
  | { readonly type: "leaderAnswered"; readonly highWatermark: number; readonly nowMs: number }
  | { readonly type: "tick"; readonly nowMs: number };

export type RaftRequest =
  /** Ask the leader for what follows the log's end. */
  | { readonly type: "fetchFromLeader"; readonly leaderId: number }
  /** Ask any controller who leads. */
  | { readonly type: "findLeader" };

export interface RaftOutput {
  /** To be on the device before anything else is done. */
  readonly persist: QuorumState | undefined;
  /** The node leads now: the epoch's first record is to be appended. */
  readonly startEpoch: number | undefined;
  readonly send: readonly RaftRequest[];
  /** New high watermark: what lies below may be applied. */
  readonly apply: number | undefined;
}

export type Role = "unattached" | "leader" | "follower";

const NOTHING: RaftOutput = { persist: undefined, startEpoch: undefined, send: [], apply: undefined };
const NOBODY = -1;
const UNKNOWN_OFFSET = -1;
/** An observer that has not fetched for so long is not shown any more. */
const OBSERVER_SESSION_MS = 300_000;
/** Observers that fetch are remembered up to this many: ids come from outside. */
const MAX_OBSERVERS = 1000;

export interface RaftOptions {
  readonly nodeId: number;
  /** controller.quorum.fetch.timeout.ms: after this long without an answer the leader is looked for anew. */
  readonly fetchTimeoutMs: number;
}

export class RaftCore {
  role: Role = "unattached";
  leaderEpoch = 0;
  leaderId = NOBODY;
  /** UNKNOWN_OFFSET until it is known: R68, a leader knows it only once the start of its epoch is committed. */
  highWatermark = UNKNOWN_OFFSET;
  voters: readonly ReplicaKey[] = [];
  private readonly nodeId: number;
  private readonly fetchTimeoutMs: number;
  private readonly replicas = new Map<string, ReplicaProgress>();
  private epochStartOffset = 0;
  private logEndOffset = 0;
  private syncedEndOffset = 0;
  private lastAnswerMs = 0;

  constructor({ nodeId, fetchTimeoutMs }: RaftOptions) {
    this.nodeId = nodeId;
    this.fetchTimeoutMs = fetchTimeoutMs;
  }

  step(input: RaftInput): RaftOutput {
    switch (input.type) {
      case "started":
        this.voters = input.voters;
        return this.start(input.stored, input.logEpoch, input.nowMs);
      case "epochStarted":
        this.epochStartOffset = input.offset;
        return NOTHING;
      case "appended":
        this.logEndOffset = input.endOffset;
        // What was cut off is not on the device either.
        this.syncedEndOffset = Math.min(this.syncedEndOffset, input.endOffset);
        return NOTHING;
      case "synced":
        this.syncedEndOffset = Math.max(this.syncedEndOffset, input.endOffset);
        return this.role === "leader" ? this.advance(this.committedOffset()) : NOTHING;
      case "fetched":
        return this.onFetched(input.replica, input.fetchOffset, input.nowMs, input.wallMs);
      case "leaderLearned":
        return this.onLeaderLearned(input.leaderId, input.leaderEpoch, input.nowMs);
      case "leaderAnswered":
        this.lastAnswerMs = input.nowMs;
        // The leader may know more to be committed than has arrived here.
        return {
          ...this.advance(Math.min(input.highWatermark, this.logEndOffset)),
          send: [{ type: "fetchFromLeader", leaderId: this.leaderId }],
        };
      case "tick":
        return this.onTick(input.nowMs);
    }
  }

  /** Progress of the voters and of the observers that are about; this node's own is that of its log. */
  progress(nowMs: number, wallMs: number): { voters: ReplicaProgress[]; observers: ReplicaProgress[] } {
    const voters = this.voters.map((key) => {
      if (key.id === this.nodeId) return this.own(key, nowMs, wallMs);
      return this.replicas.get(keyOf(key)) ?? neverFetched(key);
    });
    const observers = [...this.replicas.values()]
      .filter(({ key, lastFetchMs }) => !this.isVoter(key) && nowMs - lastFetchMs < OBSERVER_SESSION_MS)
      .sort((a, b) => a.key.id - b.key.id);
    return { voters, observers };
  }

  private isVoter(key: ReplicaKey): boolean {
    return this.voters.some((voter) => isSameReplica(voter, key));
  }

  private start(stored: QuorumState | undefined, logEpoch: number, nowMs: number): RaftOutput {
    const lastEpoch = Math.max(stored?.leaderEpoch ?? 0, logEpoch);
    this.lastAnswerMs = nowMs;
    if (!this.voters.some((voter) => voter.id === this.nodeId)) {
      const knowsLeader = stored !== undefined && stored.leaderId >= 0 && stored.leaderEpoch === lastEpoch;
      return this.become(knowsLeader ? "follower" : "unattached", lastEpoch, knowsLeader ? stored.leaderId : NOBODY);
    }
    assert(this.voters.length === 1, "an election among several voters");
    // One vote is the majority: its own, so that candidate and leader are one step.
    return this.become("leader", lastEpoch + 1, this.nodeId);
  }

  private become(role: Role, leaderEpoch: number, leaderId: number): RaftOutput {
    const changed = leaderEpoch !== this.leaderEpoch || leaderId !== this.leaderId;
    this.role = role;
    this.leaderEpoch = leaderEpoch;
    this.leaderId = leaderId;
    this.replicas.clear();
    const send: RaftRequest[] = [];
    if (role === "unattached") send.push({ type: "findLeader" });
    if (role === "follower") send.push({ type: "fetchFromLeader", leaderId });
    return {
      persist: changed ? { leaderId, leaderEpoch, votedId: NOBODY } : undefined,
      startEpoch: role === "leader" ? leaderEpoch : undefined,
      send,
      apply: undefined,
    };
  }

  private onFetched(replica: ReplicaKey, fetchOffset: number, nowMs: number, wallMs: number): RaftOutput {
    if (this.role !== "leader" || replica.id < 0 || replica.id === this.nodeId) return NOTHING;
    const before = this.replicas.get(keyOf(replica)) ?? neverFetched(replica);
    if (this.replicas.size >= MAX_OBSERVERS && before.lastFetchMs < 0) this.forgetOne();
    let { lastCaughtUpWallMs } = before;
    if (fetchOffset >= this.logEndOffset) lastCaughtUpWallMs = Math.max(lastCaughtUpWallMs, wallMs);
    else if (before.leaderEndOffset >= 0 && fetchOffset >= before.leaderEndOffset) {
      lastCaughtUpWallMs = Math.max(lastCaughtUpWallMs, before.lastFetchWallMs);
    }
    // The map's order is that of the last fetches.
    this.replicas.delete(keyOf(replica));
    this.replicas.set(keyOf(replica), {
      key: replica,
      endOffset: fetchOffset,
      lastFetchWallMs: wallMs,
      lastCaughtUpWallMs,
      lastFetchMs: nowMs,
      leaderEndOffset: this.logEndOffset,
    });
    return this.advance(this.committedOffset());
  }

  /** The observer that has not fetched for the longest time. */
  private forgetOne(): void {
    for (const [key, { key: replica }] of this.replicas) {
      if (this.isVoter(replica)) continue;
      this.replicas.delete(key);
      return;
    }
  }

  private onLeaderLearned(leaderId: number, leaderEpoch: number, nowMs: number): RaftOutput {
    if (this.role === "leader" || leaderEpoch < this.leaderEpoch) return NOTHING;
    const known = leaderId >= 0 ? leaderId : NOBODY;
    if (leaderEpoch === this.leaderEpoch && (known === NOBODY || known === this.leaderId)) return NOTHING;
    this.lastAnswerMs = nowMs;
    return this.become(known === NOBODY ? "unattached" : "follower", leaderEpoch, known);
  }

  private onTick(nowMs: number): RaftOutput {
    if (this.role === "leader" || nowMs - this.lastAnswerMs < this.fetchTimeoutMs) return NOTHING;
    this.lastAnswerMs = nowMs;
    return { ...NOTHING, send: [{ type: "findLeader" }] };
  }

  /** What a majority of the voters has on the device; unknown until that includes the start of this epoch (KAFKA-15345). */
  private committedOffset(): number {
    const ends = this.voters
      .map((voter) =>
        voter.id === this.nodeId
          ? this.syncedEndOffset
          : (this.replicas.get(keyOf(voter))?.endOffset ?? UNKNOWN_OFFSET),
      )
      .sort((a, b) => b - a);
    const committed = ends[Math.floor(this.voters.length / 2)] ?? UNKNOWN_OFFSET;
    return committed > this.epochStartOffset ? committed : UNKNOWN_OFFSET;
  }

  private advance(highWatermark: number): RaftOutput {
    if (highWatermark <= this.highWatermark) return NOTHING;
    this.highWatermark = highWatermark;
    return { ...NOTHING, apply: highWatermark };
  }

  private own(key: ReplicaKey, nowMs: number, wallMs: number): ReplicaProgress {
    const endOffset = this.logEndOffset;
    return {
      key,
      endOffset,
      lastFetchWallMs: wallMs,
      lastCaughtUpWallMs: wallMs,
      lastFetchMs: nowMs,
      leaderEndOffset: endOffset,
    };
  }
}

function keyOf({ id, directoryId }: ReplicaKey): string {
  return `${id}:${directoryId}`;
}

function isSameReplica(a: ReplicaKey, b: ReplicaKey): boolean {
  return a.id === b.id && a.directoryId === b.directoryId;
}

function neverFetched(key: ReplicaKey): ReplicaProgress {
  return {
    key,
    endOffset: UNKNOWN_OFFSET,
    lastFetchWallMs: -1,
    lastCaughtUpWallMs: -1,
    lastFetchMs: -1,
    leaderEndOffset: UNKNOWN_OFFSET,
  };
}
