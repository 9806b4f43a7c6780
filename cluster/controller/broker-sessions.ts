/**
 * What the controller knows of brokers by their heartbeats alone, and no log holds: when they were last heard, how far they have
 * applied the metadata, at which offset a controlled shutdown began.
 *
 * Owns: sessions. Leaves to decisions: what follows from them. Lost with the controller: a new one gives every unfenced broker a
 * fresh session.
 */
export interface BrokerSession {
  readonly brokerEpoch: number;
  /** Monotonic; undefined: the session is over. */
  readonly lastContactMs: number | undefined;
  /** Nothing was heard from it yet since this controller began. */
  readonly assumed: boolean;
  /** Last offset of the metadata the broker has applied; -1 unknown. */
  readonly metadataOffset: number;
  /** End of the records that began its controlled shutdown; undefined when it is not in one. */
  readonly controlledShutdownOffset: number | undefined;
}

/** What decisions may see of the sessions. */
export interface SessionView {
  get(brokerId: number): BrokerSession | undefined;
  /** Whether this incarnation was heard, by this controller, within the session timeout. */
  isLive(brokerId: number, brokerEpoch: number, nowMs: number): boolean;
  entries(): Iterable<readonly [number, BrokerSession]>;
}

export type SessionChange =
  | {
      readonly type: "heard";
      readonly brokerId: number;
      readonly brokerEpoch: number;
      readonly metadataOffset?: number;
    }
  /** It is not waited for any more: it may come back as another incarnation at once. */
  | { readonly type: "ended"; readonly brokerId: number }
  | { readonly type: "forgotten"; readonly brokerId: number }
  /** Unfenced when this controller began: its silence is judged from now on. */
  | { readonly type: "assumed"; readonly brokerId: number; readonly brokerEpoch: number }
  /** The records of this decision are what others must have applied before the broker may go. */
  | { readonly type: "controlledShutdown"; readonly brokerId: number };

export class BrokerSessions implements SessionView {
  private readonly sessions = new Map<number, BrokerSession>();
  private readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  get(brokerId: number): BrokerSession | undefined {
    return this.sessions.get(brokerId);
  }

  entries(): Iterable<readonly [number, BrokerSession]> {
    return this.sessions;
  }

  isLive(brokerId: number, brokerEpoch: number, nowMs: number): boolean {
    const session = this.sessions.get(brokerId);
    if (session === undefined || session.brokerEpoch !== brokerEpoch || session.assumed) return false;
    if (session.lastContactMs === undefined) return false;
    return nowMs - session.lastContactMs <= this.timeoutMs;
  }

  /** When the first of the sessions will be over if nothing is heard; undefined when there is none. */
  nextExpiryMs(): number | undefined {
    let next: number | undefined;
    for (const { lastContactMs } of this.sessions.values()) {
      if (lastContactMs === undefined) continue;
      const expiryMs = lastContactMs + this.timeoutMs;
      if (next === undefined || expiryMs < next) next = expiryMs;
    }
    return next;
  }

  /** Sessions of which nothing was heard for longer than the timeout, the most silent first. */
  expired(nowMs: number): { readonly brokerId: number; readonly brokerEpoch: number }[] {
    return [...this.sessions]
      .filter(([, { lastContactMs }]) => lastContactMs !== undefined && nowMs - lastContactMs > this.timeoutMs)
      .sort(([, a], [, b]) => (a.lastContactMs as number) - (b.lastContactMs as number))
      .map(([brokerId, { brokerEpoch }]) => ({ brokerId, brokerEpoch }));
  }

  /** @param recordEndOffset offset behind the records of the decision the changes belong to. */
  apply(changes: readonly SessionChange[], nowMs: number, recordEndOffset: number): void {
    for (const change of changes) {
      const after = changed(this.sessions.get(change.brokerId), change, nowMs, recordEndOffset);
      if (after === undefined) this.sessions.delete(change.brokerId);
      else this.sessions.set(change.brokerId, after);
    }
  }
}

function changed(
  before: BrokerSession | undefined,
  change: SessionChange,
  nowMs: number,
  recordEndOffset: number,
): BrokerSession | undefined {
  switch (change.type) {
    case "heard": {
      const same = before?.brokerEpoch === change.brokerEpoch ? before : undefined;
      return {
        brokerEpoch: change.brokerEpoch,
        lastContactMs: nowMs,
        assumed: false,
        metadataOffset: change.metadataOffset ?? same?.metadataOffset ?? -1,
        controlledShutdownOffset: same?.controlledShutdownOffset,
      };
    }
    case "assumed":
      return {
        brokerEpoch: change.brokerEpoch,
        lastContactMs: nowMs,
        assumed: true,
        metadataOffset: -1,
        controlledShutdownOffset: undefined,
      };
    case "ended":
      return before && { ...before, lastContactMs: undefined, controlledShutdownOffset: undefined };
    case "controlledShutdown":
      return before && { ...before, controlledShutdownOffset: before.controlledShutdownOffset ?? recordEndOffset - 1 };
    case "forgotten":
      return undefined;
  }
}
