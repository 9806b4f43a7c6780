/**
 * What the controller makes of a request or a deadline: data, no deeds.
 *
 * The controller appends the records, replays them, applies the session changes, and answers once the records are committed. If
 * the append is refused, nothing of it happens.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { MetadataRecord } from "../metadata/metadata-record.ts";
import type { SessionChange } from "./broker-sessions.ts";

export interface Decision<R> {
  readonly records: readonly MetadataRecord[];
  readonly response: R;
  /** Whether the records may be spread over several batches: each then means something alone. */
  readonly splittable: boolean;
  readonly sessions: readonly SessionChange[];
}

/** Kafka's limit for a batch that must be whole, and for what one request may write. */
export const MAX_RECORDS_PER_BATCH = 10_000;

/** Records that belong together: all of them in one batch. @throws KafkaError POLICY_VIOLATION when they are too many. */
export function atomic<R>(records: readonly MetadataRecord[], response: R): Decision<R> {
  checkBatchSize(records.length);
  return { records, response, splittable: false, sessions: [] };
}

/** Records that each hold alone. */
export function splittable<R>(
  records: readonly MetadataRecord[],
  response: R,
  sessions: readonly SessionChange[] = [],
): Decision<R> {
  return { records, response, splittable: true, sessions };
}

/** The same answer, nothing written (validateOnly). */
export function withoutRecords<R>(decision: Decision<R>): Decision<R> {
  return { ...decision, records: [] };
}

/** @throws KafkaError POLICY_VIOLATION. */
export function checkBatchSize(recordCount: number): void {
  if (recordCount > MAX_RECORDS_PER_BATCH) {
    throw new KafkaError(ErrorCode.POLICY_VIOLATION, "Unable to perform excessively large batch operation.");
  }
}

/** An error code with the words that go with it in a response. */
export interface Refusal {
  readonly errorCode: ErrorCode;
  /** Null where the code says it all. */
  readonly errorMessage: string | null;
}

export const ACCEPTED: Refusal = { errorCode: ErrorCode.NONE, errorMessage: null };

export function refusal(errorCode: ErrorCode, errorMessage: string | null = null): Refusal {
  return { errorCode, errorMessage };
}

/** Runs what may refuse one part of a request; only outcomes the protocol names are caught. */
export function attempt(part: () => void): Refusal {
  try {
    part();
    return ACCEPTED;
  } catch (error) {
    if (error instanceof KafkaError) return refusal(error.code, error.message);
    throw error;
  }
}
