/** A batch refused for some of its records: Produce tells which (KIP-467). */
import type { ErrorCode } from "../protocol/error-codes.ts";
import { KafkaError } from "../protocol/kafka-error.ts";
import type { RecordError } from "./partition-log.ts";

export class RejectedRecords extends KafkaError {
  readonly recordErrors: readonly RecordError[];

  constructor(code: ErrorCode, detail: string, recordErrors: readonly RecordError[]) {
    super(code, detail);
    this.recordErrors = recordErrors;
  }
}
