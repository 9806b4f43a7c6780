/**
 * The states of a transaction: their ids in the log, their names in answers, and which may follow which.
 *
 * DEAD and PREPARE_EPOCH_FENCE exist in Kafka's memory only, while it removes an id or fences a producer; here both happen within
 * one decision. They are names that filters know, and nothing else.
 */
export const TransactionState = {
  EMPTY: 0,
  ONGOING: 1,
  PREPARE_COMMIT: 2,
  PREPARE_ABORT: 3,
  COMPLETE_COMMIT: 4,
  COMPLETE_ABORT: 5,
} as const;
export type TransactionState = (typeof TransactionState)[keyof typeof TransactionState];

const { EMPTY, ONGOING, PREPARE_COMMIT, PREPARE_ABORT, COMPLETE_COMMIT, COMPLETE_ABORT } = TransactionState;

/** By id. */
const NAMES = ["Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"] as const;

const IN_MEMORY_ONLY = ["Dead", "PrepareEpochFence"];

/** By state, what may come before it. */
const PREDECESSORS: Readonly<Record<TransactionState, readonly TransactionState[]>> = {
  [EMPTY]: [EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT],
  [ONGOING]: [ONGOING, EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT],
  [PREPARE_COMMIT]: [ONGOING],
  // With an epoch per transaction one that never began can be aborted (KIP-890).
  [PREPARE_ABORT]: [ONGOING, EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT],
  [COMPLETE_COMMIT]: [PREPARE_COMMIT],
  [COMPLETE_ABORT]: [PREPARE_ABORT],
};

export function nameOfState(state: TransactionState): string {
  return NAMES[state];
}

/** The state of a name; null for one that no stored transaction has; undefined when there is no such name. */
export function stateNamed(name: string): TransactionState | null | undefined {
  const id = NAMES.indexOf(name as (typeof NAMES)[number]);
  if (id >= 0) return id as TransactionState;
  return IN_MEMORY_ONLY.includes(name) ? null : undefined;
}

export function isTransactionState(id: number): id is TransactionState {
  return id >= EMPTY && id <= COMPLETE_ABORT;
}

export function mayFollow(from: TransactionState, to: TransactionState): boolean {
  return PREDECESSORS[to].includes(from);
}

/** Its outcome is decided, and its markers are being written. */
export function isPrepared(state: TransactionState): boolean {
  return state === PREPARE_COMMIT || state === PREPARE_ABORT;
}

/** Nothing is open: the id may be forgotten when it has not been used for long. */
export function isIdle(state: TransactionState): boolean {
  return state === EMPTY || state === COMPLETE_COMMIT || state === COMPLETE_ABORT;
}
