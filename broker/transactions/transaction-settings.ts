/**
 * Settings of the transaction coordinator, under names that say their units; Kafka's names and defaults beside them.
 */
import type { BrokerConfig } from "../config/broker-configs.ts";

export interface TransactionSettings {
  /**
   * request.timeout.ms: how long an answer waits for what it wrote to be committed, and how long other brokers are waited for.
   * Differs from Kafka: an answer of the transaction coordinator waits for request.timeout.ms at most until what it says is
   * committed; Kafka lets it wait for as long as the client's transaction may take.
   */
  readonly requestTimeoutMs: number;
  /** transaction.max.timeout.ms: what a client may ask for. */
  readonly maxTimeoutMs: number;
  /** transaction.abort.timed.out.transaction.cleanup.interval.ms. */
  readonly abortIntervalMs: number;
  /** transactional.id.expiration.ms. */
  readonly idExpirationMs: number;
  /** transaction.remove.expired.transaction.cleanup.interval.ms. */
  readonly expiryIntervalMs: number;
}

export const DEFAULT_TRANSACTION_SETTINGS: TransactionSettings = {
  requestTimeoutMs: 30_000,
  maxTimeoutMs: 900_000,
  abortIntervalMs: 10_000,
  idExpirationMs: 604_800_000,
  expiryIntervalMs: 3_600_000,
};

/** The transaction coordinator's settings among the broker's configs. */
export function transactionSettings(settings: BrokerConfig): TransactionSettings {
  return {
    requestTimeoutMs: settings.requestTimeoutMs,
    maxTimeoutMs: settings.transactionMaxTimeoutMs,
    abortIntervalMs: settings.transactionAbortTimedOutTransactionCleanupIntervalMs,
    idExpirationMs: settings.transactionalIdExpirationMs,
    expiryIntervalMs: settings.transactionRemoveExpiredTransactionCleanupIntervalMs,
  };
}
