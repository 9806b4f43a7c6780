/**
 * What the share coordinator makes of requests for the state of one share partition.
 *
 * Owns: who is fenced, and whether a change is stored as an update or as a snapshot. All decide on the newest state, committed or
 * not: their answers leave when that is committed.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import type { SharePartitionKey } from "./share-partition-key.ts";
import type {
  InitialShareState,
  PersisterResult,
  ShareState,
  ShareStateChange,
  ShareStateSummary,
} from "./share-persister.ts";
import type { ShareStateDecision, ShareStateMachine } from "./share-state-machine.ts";
import { combinedBatches } from "./state-batches.ts";
import { type StoredState, snapshotRecord, stateTombstone, updateRecord } from "./stored-state.ts";

const DONE: PersisterResult = { errorCode: ErrorCode.NONE, errorMessage: null };
/** A leader epoch, or a state epoch, that is not said. */
const ANY_EPOCH = -1;

const MESSAGES = new Map<ErrorCode, string>([
  [ErrorCode.FENCED_LEADER_EPOCH, "A newer leader of the partition has been here."],
  [ErrorCode.FENCED_STATE_EPOCH, "The state of the share partition has been initialized anew."],
  [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "There is no such partition."],
]);

/** What is told, without a state, of a request that is refused. */
export function refusal(errorCode: ErrorCode, errorMessage = MESSAGES.get(errorCode) ?? null): PersisterResult {
  return { errorCode, errorMessage };
}

export function refusedState(result: PersisterResult): ShareState {
  return { ...result, stateEpoch: 0, startOffset: 0, stateBatches: [] };
}

export function refusedSummary(result: PersisterResult): ShareStateSummary {
  return { ...result, stateEpoch: 0, leaderEpoch: 0, startOffset: 0, deliveryCompleteCount: -1 };
}

export function decideInitialize(
  machine: ShareStateMachine,
  key: SharePartitionKey,
  { stateEpoch, startOffset }: InitialShareState,
): ShareStateDecision<PersisterResult> {
  if (key.partition < 0) return { response: negativePartition() };
  const known = machine.stateOf(key);
  if (known !== undefined && known.newestStateEpoch > stateEpoch) {
    return { response: refusal(ErrorCode.FENCED_STATE_EPOCH) };
  }
  if (!machine.exists(key)) return { response: refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) };
  // Differs from Kafka: a share partition that is initialized twice in one state epoch, without being told where to start, keeps the
  // state it has; Kafka forgets what has been read in between.
  if (known?.newestStateEpoch === stateEpoch && startOffset === -1) return { response: DONE };
  const { nowMs } = machine;
  const snapshot = {
    snapshotEpoch: known === undefined ? 0 : known.snapshotEpoch + 1,
    stateEpoch,
    leaderEpoch: 0,
    startOffset,
    deliveryCompleteCount: startOffset === -1 ? -1 : 0,
    stateBatches: [],
    createTimestampMs: nowMs,
    writeTimestampMs: nowMs,
  };
  return { records: [snapshotRecord(key, snapshot)], response: DONE };
}

/** A newer leader that reads takes over: it is stored, so that no older one writes any more. */
export function decideRead(
  machine: ShareStateMachine,
  key: SharePartitionKey,
  leaderEpoch: number,
): ShareStateDecision<ShareState> {
  const known = machine.stateOf(key);
  const refused = whyRefused(machine, key, known, leaderEpoch, "Read");
  if (refused !== undefined || known === undefined) return { response: refusedState(refused ?? DONE) };
  const { stateEpoch, startOffset, stateBatches, deliveryCompleteCount } = known;
  const response = { ...DONE, stateEpoch, startOffset, stateBatches };
  if (leaderEpoch === ANY_EPOCH || leaderEpoch === known.newestLeaderEpoch) return { response };
  const change = { startOffset, deliveryCompleteCount, stateBatches: [] };
  return { records: [changeRecord(machine, known, change, leaderEpoch)], response };
}

export function decideWrite(
  machine: ShareStateMachine,
  key: SharePartitionKey,
  change: ShareStateChange,
): ShareStateDecision<PersisterResult> {
  const known = machine.stateOf(key);
  const refused = whyRefused(machine, key, known, change.leaderEpoch, "Write", change.stateEpoch);
  if (refused !== undefined || known === undefined) return { response: refused ?? DONE };
  return { records: [changeRecord(machine, known, change, known.leaderEpoch)], response: DONE };
}

export function decideDelete(machine: ShareStateMachine, key: SharePartitionKey): ShareStateDecision<PersisterResult> {
  if (key.partition < 0) return { response: negativePartition() };
  if (!machine.exists(key)) return { response: refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) };
  return machine.stateOf(key) === undefined ? { response: DONE } : { records: [stateTombstone(key)], response: DONE };
}

export function decideReadSummary(
  machine: ShareStateMachine,
  key: SharePartitionKey,
): ShareStateDecision<ShareStateSummary> {
  if (key.partition < 0) return { response: refusedSummary(negativePartition()) };
  if (!machine.exists(key)) return { response: refusedSummary(refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)) };
  const known = machine.stateOf(key);
  if (known === undefined) return { response: { ...refusedSummary(DONE), startOffset: -1 } };
  const { stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount } = known;
  return { response: { ...DONE, stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount } };
}

function whyRefused(
  machine: ShareStateMachine,
  key: SharePartitionKey,
  known: StoredState | undefined,
  leaderEpoch: number,
  operation: "Read" | "Write",
  stateEpoch = ANY_EPOCH,
): PersisterResult | undefined {
  if (key.partition < 0) return negativePartition();
  if (known === undefined) {
    const message = `${operation} operation on uninitialized share partition not allowed.`;
    return refusal(ErrorCode.INVALID_REQUEST, message);
  }
  if (leaderEpoch !== ANY_EPOCH && known.newestLeaderEpoch > leaderEpoch) {
    return refusal(ErrorCode.FENCED_LEADER_EPOCH);
  }
  if (stateEpoch !== ANY_EPOCH && known.newestStateEpoch > stateEpoch) return refusal(ErrorCode.FENCED_STATE_EPOCH);
  return machine.exists(key) ? undefined : refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
}

function negativePartition(): PersisterResult {
  return refusal(ErrorCode.INVALID_REQUEST, "The partition id cannot be a negative number.");
}

/** Every so many updates, the whole state: loading then begins there. */
function changeRecord(
  machine: ShareStateMachine,
  known: StoredState,
  change: Pick<ShareStateChange, "startOffset" | "deliveryCompleteCount" | "stateBatches">,
  leaderEpoch: number,
) {
  const { deliveryCompleteCount, stateBatches } = change;
  // Differs from Kafka: within one state epoch the start offset of a share partition does not go back, so that a write that was
  // long under way undoes none that came after it; Kafka stores whatever a leader says.
  const startOffset = change.startOffset === -1 ? -1 : Math.max(change.startOffset, known.startOffset);
  if (known.updateCount < machine.settings.updatesPerSnapshot) {
    const { snapshotEpoch } = known;
    const combined = combinedBatches([], stateBatches, startOffset);
    const update = { snapshotEpoch, leaderEpoch, startOffset, deliveryCompleteCount, stateBatches: combined };
    return updateRecord(known.key, update);
  }
  const { nowMs } = machine;
  const newStartOffset = startOffset === -1 ? known.startOffset : startOffset;
  return snapshotRecord(known.key, {
    snapshotEpoch: known.snapshotEpoch + 1,
    stateEpoch: known.stateEpoch,
    leaderEpoch,
    startOffset: newStartOffset,
    deliveryCompleteCount,
    stateBatches: combinedBatches(known.stateBatches, stateBatches, newStartOffset),
    createTimestampMs: nowMs,
    writeTimestampMs: nowMs,
  });
}
