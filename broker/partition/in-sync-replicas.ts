/**
 * The in-sync replicas of a partition as its leader holds them: what the controller committed, and one proposal in flight.
 *
 * The high watermark counts the *maximal* ISR (committed and proposed), so that neither outcome of a proposal can lose what
 * was acknowledged (KIP-497).
 */
export interface IsrProposal {
  readonly kind: "expand" | "shrink";
  readonly replicas: readonly number[];
}

export class InSyncReplicas {
  committed: readonly number[];
  /** Sent to the controller and not decided yet; also while its outcome is unknown. */
  proposal: IsrProposal | undefined;

  constructor(committed: readonly number[]) {
    this.committed = committed;
  }

  /** Committed and proposed members together; a shrink counts only once it is committed. */
  get maximal(): readonly number[] {
    return this.proposal?.kind === "expand" ? this.proposal.replicas : this.committed;
  }

  expandedBy(replicaId: number): IsrProposal {
    return { kind: "expand", replicas: [...this.committed, replicaId] };
  }

  shrunkBy(lagging: ReadonlySet<number>): IsrProposal {
    return { kind: "shrink", replicas: this.committed.filter((id) => !lagging.has(id)) };
  }
}
