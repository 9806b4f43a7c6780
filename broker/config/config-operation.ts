/**
 * The operations of IncrementalAlterConfigs (KIP-339), and what a broker refuses before it asks the controller.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";

export const ConfigOperationType = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

export interface ConfigOperation {
  readonly name: string;
  readonly configOperation: number;
  readonly value: string | null;
}

/** Each name once, each with a value where the operation needs one. @throws KafkaError INVALID_REQUEST */
export function checkOperations(operations: readonly ConfigOperation[]): void {
  if (new Set(operations.map(({ name }) => name)).size < operations.length)
    throw new KafkaError(ErrorCode.INVALID_REQUEST, "Error due to duplicate config keys");
  const empty = operations.filter(
    ({ configOperation, value }) => configOperation !== ConfigOperationType.DELETE && value === null,
  );
  if (empty.length > 0)
    throw new KafkaError(
      ErrorCode.INVALID_REQUEST,
      `Null value not supported for : ${empty.map(({ name }) => name).join(",")}`,
    );
  // Differs from Kafka: an IncrementalAlterConfigs with an operation that does not exist is answered INVALID_REQUEST, where Kafka
  // answers UNKNOWN_SERVER_ERROR.
  const unknown = operations.find(({ configOperation }) => configOperation < 0 || configOperation > 3);
  if (unknown !== undefined)
    throw new KafkaError(ErrorCode.INVALID_REQUEST, `Unknown operation type ${unknown.configOperation}`);
}

/** A list with elements added that it has not, or without those it has. */
export function appended(before: string | null, value: string): string {
  const elements = elementsOf(before);
  for (const element of value.split(",")) if (!elements.includes(element)) elements.push(element);
  return elements.join(",");
}

export function subtracted(before: string | null, value: string): string {
  const removed = value.split(",");
  return elementsOf(before)
    .filter((element) => !removed.includes(element))
    .join(",");
}

function elementsOf(text: string | null): string[] {
  return text === null || text.trim() === "" ? [] : text.split(",");
}
