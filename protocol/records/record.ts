/**
 * One record of a batch, as a view of the (decompressed) payload.
 *
 * Owns: where its parts lie. Leaves walking and bounds to record-iterator.ts: a Record is only made over checked bytes.
 */
import { readVarint, scan } from "./varint.ts";

export interface RecordHeader {
  readonly key: string;
  readonly value: Buffer | null;
}

export class Record {
  readonly offset: number;
  readonly timestamp: number;
  readonly offsetDelta: number;
  readonly timestampDelta: number;
  /** Kafka writes 0 and stores what clients send. */
  readonly attributes: number;
  private readonly payload: Buffer;
  private readonly keyAt: number;
  /** -1 for null. */
  private readonly keyBytes: number;
  private readonly valueAt: number;
  private readonly valueBytes: number;
  private readonly headersAt: number;
  private readonly end: number;

  constructor(payload: Buffer, parts: RecordParts, offset: number, timestamp: number) {
    this.offset = offset;
    this.timestamp = timestamp;
    this.offsetDelta = parts.offsetDelta;
    this.timestampDelta = parts.timestampDelta;
    this.attributes = parts.attributes;
    this.payload = payload;
    this.keyAt = parts.keyAt;
    this.keyBytes = parts.keyBytes;
    this.valueAt = parts.valueAt;
    this.valueBytes = parts.valueBytes;
    this.headersAt = parts.headersAt;
    this.end = parts.end;
  }

  /** A view. */
  get key(): Buffer | null {
    return this.keyBytes < 0 ? null : this.payload.subarray(this.keyAt, this.keyAt + this.keyBytes);
  }

  /** A view. */
  get value(): Buffer | null {
    return this.valueBytes < 0 ? null : this.payload.subarray(this.valueAt, this.valueAt + this.valueBytes);
  }

  get hasKey(): boolean {
    return this.keyBytes >= 0;
  }

  get hasValue(): boolean {
    return this.valueBytes >= 0;
  }

  /** Decoded at each call; values are views. */
  get headers(): RecordHeader[] {
    const { payload, end } = this;
    const headers: RecordHeader[] = [];
    let left = readVarint(payload, this.headersAt, end);
    for (let at = scan.at; left > 0; left--) {
      const keyBytes = readVarint(payload, at, end);
      const keyAt = scan.at;
      const valueBytes = readVarint(payload, keyAt + keyBytes, end);
      const valueAt = scan.at;
      at = valueBytes < 0 ? valueAt : valueAt + valueBytes;
      headers.push({
        key: payload.toString("utf8", keyAt, keyAt + keyBytes),
        value: valueBytes < 0 ? null : payload.subarray(valueAt, at),
      });
    }
    return headers;
  }

  /** The headers as they are encoded, count included: a view. They can be written again as they are. */
  get encodedHeaders(): Buffer {
    return this.payload.subarray(this.headersAt, this.end);
  }
}

/** Where the parts of one record lie; one object serves a whole walk. */
export interface RecordParts {
  attributes: number;
  timestampDelta: number;
  offsetDelta: number;
  keyAt: number;
  keyBytes: number;
  valueAt: number;
  valueBytes: number;
  headersAt: number;
  /** Exclusive end of the record. */
  end: number;
}
