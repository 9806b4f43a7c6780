/** A record that is not what its batch says: the whole batch is refused (INVALID_RECORD), or the log it lies in is corrupt. */
export class InvalidRecordError extends Error {
  override readonly name = "InvalidRecordError";
  /** Index in the batch of the record where it was noticed. */
  readonly recordIndex: number;

  constructor(recordIndex: number, detail: string) {
    super(`record ${recordIndex}: ${detail}`);
    this.recordIndex = recordIndex;
  }
}
