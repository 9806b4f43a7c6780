/** Bugs of transactions: only runs with transactions find them. */
import { OffsetStore } from "../../../broker/groups/offsets/offset-store.ts";
import { Partition } from "../../../broker/partition/partition.ts";
import { CommitQueue } from "../../../broker/state-machine/commit-queue.ts";
import { gather } from "../../../broker/state-machine/reply.ts";
import { decideFence } from "../../../broker/transactions/end-transaction.ts";
import {
  isPending,
  type TransactionDeadline,
  type TransactionDecision,
} from "../../../broker/transactions/transaction-decision.ts";
import { TransactionMachine } from "../../../broker/transactions/transaction-machine.ts";
import { TransactionState } from "../../../broker/transactions/transaction-state.ts";
import { TransactionVerifier } from "../../../broker/transactions/transaction-verifier.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { CleanedTransactions } from "../../../storage/log/cleaned-transactions.ts";
import { LogState } from "../../../storage/log/log-state.ts";
import { ProducerEntry, type StoredBatch } from "../../../storage/log/producer-entry.ts";
import { ProducerState } from "../../../storage/log/producer-state.ts";
import { type InjectedBug, replaceMethod } from "./injected-bug.ts";

/** What a queue of what waits for its commit does with what has been committed. */
interface Runs {
  run(effect: unknown): void;
}

/** What the scan for timeouts looks at, and what it does with what it finds. */
interface Aborts extends Pick<TransactionMachine, "known" | "around"> {
  readonly ongoing: Set<string>;
  abort(due: Extract<TransactionDeadline, { kind: "abort" }>): TransactionDecision<never>;
}

function aborts(machine: TransactionMachine): Aborts {
  return machine as unknown as Aborts;
}

function undoing(undos: readonly (() => void)[]): () => void {
  return () => {
    for (const undo of undos) undo();
  };
}

export const TRANSACTION_BUGS: readonly InjectedBug[] = [
  {
    name: "R121",
    what: "the markers of a transaction are sent before its outcome is replicated",
    inject: () =>
      replaceMethod(
        CommitQueue.prototype,
        "effect",
        (original) =>
          function (this: CommitQueue<unknown>, endOffset, effect) {
            const isTransaction = typeof effect === "object" && effect !== null && "transactionalId" in effect;
            if (isTransaction) (this as unknown as Runs).run(effect);
            else original.call(this, endOffset, effect);
          },
      ),
  },
  {
    name: "R124",
    what: "a new leader's last stable offset ignores the transactions that were open when it came to lead",
    inject: () => {
      const ignoredBelow = new WeakMap<LogState, number>();
      return undoing([
        replaceMethod(
          Partition.prototype,
          "apply",
          (original) =>
            function (this: Partition, image) {
              const led = this.isLeader;
              original.call(this, image);
              if (led || !this.isLeader || image.leaderEpoch === 0) return;
              const { state } = this.log as unknown as { readonly state: LogState };
              ignoredBelow.set(state, state.logEndOffset);
            },
        ),
        replaceMethod(
          LogState.prototype,
          "updateLastStableOffset",
          (original) =>
            function (this: LogState) {
              original.call(this);
              const unstable = this.producers.transactions.firstUnstableOffset ?? Number.POSITIVE_INFINITY;
              if (unstable < (ignoredBelow.get(this) ?? 0)) this.lastStableOffset = this.highWatermark;
            },
        ),
      ]);
    },
  },
  {
    name: "R133",
    what: "nobody asks for the epoch: leaders take what a fenced producer writes, whatever its coordinator says",
    inject: () =>
      undoing([
        replaceMethod(ProducerState.prototype, "requireEpoch", () => () => {}),
        replaceMethod(
          ProducerState.prototype,
          "check",
          (original) =>
            function (this: ProducerState, batch, origin, verification) {
              try {
                return original.call(this, batch, origin, verification);
              } catch (error) {
                if (!(error instanceof KafkaError) || error.code !== ErrorCode.INVALID_PRODUCER_EPOCH) throw error;
                return undefined;
              }
            },
        ),
        replaceMethod(
          TransactionVerifier.prototype,
          "ask",
          (original) =>
            function (this: TransactionVerifier, question) {
              return gather([original.call(this, question)], ([results = []]) =>
                results.map((result) =>
                  result.errorCode === ErrorCode.PRODUCER_FENCED ? { ...result, errorCode: ErrorCode.NONE } : result,
                ),
              );
            },
        ),
      ]),
  },
  {
    name: "R106",
    what: "sequences that a producer uses again in its next transaction are taken for repetitions of the last one's",
    inject: () => {
      const before = new WeakMap<ProducerEntry, readonly StoredBatch[]>();
      return undoing([
        replaceMethod(
          ProducerEntry.prototype,
          "moveTo",
          (original) =>
            function (this: ProducerEntry, producerEpoch) {
              if (producerEpoch !== this.producerEpoch) before.set(this, [...this.batches]);
              original.call(this, producerEpoch);
            },
        ),
        replaceMethod(
          ProducerEntry.prototype,
          "duplicateOf",
          (original) =>
            function (this: ProducerEntry, batch) {
              const { lastSequence, baseSequence } = batch;
              const isRepeated = (stored: StoredBatch) =>
                stored.lastSequence === lastSequence && stored.offsetDelta === lastSequence - baseSequence;
              return original.call(this, batch) ?? before.get(this)?.find(isRepeated);
            },
        ),
      ]);
    },
  },
  {
    name: "R134",
    what: "what a committed transaction stored is cleaned away as if it had been aborted",
    inject: () =>
      replaceMethod(
        CleanedTransactions.prototype,
        "passData",
        (original) =>
          function (this: CleanedTransactions, batch) {
            return original.call(this, batch) || batch.isTransactional;
          },
      ),
  },
  {
    name: "R135",
    what: "a transaction whose commit is decided, and not everywhere yet, is aborted when its timeout is over",
    inject: () =>
      undoing([
        replaceMethod(
          TransactionMachine.prototype,
          "replay",
          (original) =>
            function (this: TransactionMachine, record) {
              original.call(this, record);
              const { transactionalId } = record.key as { readonly transactionalId: string };
              const state = this.transactions.get(transactionalId)?.state;
              if (state === TransactionState.PREPARE_COMMIT) aborts(this).ongoing.add(transactionalId);
            },
        ),
        replaceMethod(
          aborts(TransactionMachine.prototype),
          "abort",
          (original) =>
            function (this: Aborts, due) {
              const known = this.known(due.transactionalId);
              const { current } = known;
              if (current?.state !== TransactionState.PREPARE_COMMIT || isPending(known))
                return original.call(this, due);
              return decideFence({ ...current, state: TransactionState.ONGOING }, this.around());
            },
        ),
      ]),
  },
  {
    name: "R140",
    what: "offsets of a transaction that was aborted count all the same: what it copied is copied by nobody",
    inject: () =>
      replaceMethod(
        OffsetStore.prototype,
        "endTransaction",
        (original) =>
          function (this: OffsetStore, producerId) {
            original.call(this, producerId, true);
          },
      ),
  },
];
