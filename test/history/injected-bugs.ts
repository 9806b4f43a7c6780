/**
 * Bugs that a broker may have, put into ours for as long as a test runs: what the checker must find. They exist here only.
 */
import { Partition } from "../../broker/partition/partition.ts";
import { MarkerWriter } from "../../broker/transactions/marker-writer.ts";
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { ProducerEntry } from "../../storage/log/producer-entry.ts";
import { HISTORY_TOPIC } from "./history-client.ts";

export const INJECTED_BUGS = ["lost-write", "aborted-read", "duplicate"] as const;
export type InjectedBug = (typeof INJECTED_BUGS)[number];

/** Of so many aborts one is written as a commit. */
const WRONG_MARKERS = 3;
/** Of so many appends one is done and denied, so that the client sends it again. */
const DENIED_APPENDS = 10;
/** Records a new leader of a partition forgets. */
const FORGOTTEN = 5;

/** Puts a bug in; what is given back takes it out. */
export function injectBug(bug: InjectedBug): () => void {
  switch (bug) {
    case "lost-write":
      return forgetOnFailover();
    case "aborted-read":
      return commitAborted();
    case "duplicate":
      return repeatRetries();
  }
}

/** A replica that comes to lead has lost its last records, committed or not. */
function forgetOnFailover(): () => void {
  const { apply } = Partition.prototype;
  Partition.prototype.apply = function (this: Partition, image): void {
    const { topic, log } = this;
    const { nodeId } = (this as unknown as { around: { nodeId: number } }).around;
    const comes = image.leader === nodeId && !this.isLeader && image.leaderEpoch > 0;
    if (topic === HISTORY_TOPIC && comes) log.truncateTo(Math.max(log.logStartOffset, log.logEndOffset - FORGOTTEN));
    apply.call(this, image);
  };
  return () => {
    Partition.prototype.apply = apply;
  };
}

function commitAborted(): () => void {
  const { write } = MarkerWriter.prototype;
  let aborts = 0;
  MarkerWriter.prototype.write = function (this: MarkerWriter, end, partitions) {
    const isWrong = !end.committed && aborts++ % WRONG_MARKERS === 0;
    return write.call(this, isWrong ? { ...end, committed: true } : end, partitions);
  };
  return () => {
    MarkerWriter.prototype.write = write;
  };
}

/** Producers are not known again, and now and then an append has to be sent again. */
function repeatRetries(): () => void {
  const { append } = Partition.prototype;
  const { duplicateOf, isNext } = ProducerEntry.prototype;
  let appends = 0;
  ProducerEntry.prototype.duplicateOf = () => undefined;
  ProducerEntry.prototype.isNext = () => true;
  Partition.prototype.append = function (this: Partition, prepared, requireMinIsr, options) {
    const result = append.call(this, prepared, requireMinIsr, options);
    const isClients = this.topic === HISTORY_TOPIC && options?.transactionVersion === undefined;
    if (isClients && appends++ % DENIED_APPENDS === 0) throw new KafkaError(ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    return result;
  };
  return () => {
    Partition.prototype.append = append;
    ProducerEntry.prototype.duplicateOf = duplicateOf;
    ProducerEntry.prototype.isNext = isNext;
  };
}
