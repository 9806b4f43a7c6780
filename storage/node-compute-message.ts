/**
 * How tasks and results cross between threads: buffers as buffers of their own, KafkaErrors as KafkaErrors.
 *
 * A structured clone of a view would copy the whole memory it looks into, and come out as a plain Uint8Array; so each view
 * is copied once, handed over, and made a Buffer again. Only arrays and plain objects are looked into.
 */
import type { ErrorCode } from "../protocol/error-codes.ts";
import { KafkaError } from "../protocol/kafka-error.ts";

export interface TaskMessage {
  readonly kind: string;
  readonly input: unknown;
}

export type ResultMessage =
  | { readonly type: "ready" }
  | { readonly type: "done"; readonly result: unknown }
  | {
      readonly type: "failed";
      readonly message: string;
      readonly stack: string;
      readonly kafkaCode: number | undefined;
    };

/** The value with its buffers copied; adds the copies' memory to `transfer`. */
export function pack(value: unknown, transfer: ArrayBuffer[]): unknown {
  if (value instanceof Uint8Array) {
    const copy = new Uint8Array(value.length);
    copy.set(value);
    transfer.push(copy.buffer);
    return copy;
  }
  return mapParts(value, (part) => pack(part, transfer));
}

/** The value as the other side had it. */
export function unpack(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length);
  return mapParts(value, unpack);
}

export function packError(error: unknown): ResultMessage {
  const { message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  return { type: "failed", message, stack, kafkaCode: error instanceof KafkaError ? error.code : undefined };
}

export function unpackError(failed: Extract<ResultMessage, { type: "failed" }>): Error {
  const { message, stack, kafkaCode } = failed;
  const error = kafkaCode === undefined ? new Error(message) : new KafkaError(kafkaCode as ErrorCode, message);
  error.stack = stack;
  return error;
}

function mapParts(value: unknown, map: (part: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(map);
  if (value === null || typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, map(part)]));
}
